/**
 * Checks of requests to the administrator's side: the Host field, against DNS
 * rebinding; the identity of the caller; and where a request that changes
 * something comes from, against cross-site request forgery.
 */
import { sameTripcode, tripcodeOfText } from "../../domain/ApiKey.ts"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import { all, first, type HeaderList } from "../../domain/HeaderList.ts"
import { isOwnHost } from "../../domain/OwnHost.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import * as RequestCookies from "../../transport/auth/RequestCookies.ts"
import { isTrusted } from "../settings/TrustedProxies.ts"
import { cookieName } from "./core/AdminLogin.ts"
import type { Identity } from "./core/Caller.ts"

/** What identification needs to know. */
export interface GuardContext {
  readonly config: RelayConfig
  readonly isSession: (session: string) => boolean
  /** The peer address of the socket. */
  readonly address: string
}

/**
 * Whether the Host field names a host that no other site can have: an IP
 * address, `localhost`, or a host of the configuration. This protects against
 * DNS rebinding, where another site's name resolves to this address.
 */
export const isOurHost = ({ adminListen, adminUrl }: RelayConfig, headers: HeaderList): boolean => {
  const [field, ...others] = all(headers, "host")
  if (field === undefined || others.length > 0) return false
  return isOwnHost(field, [
    ...(adminUrl === undefined ? [] : [new URL(adminUrl).hostname]),
    ...(adminListen === false ? [] : [adminListen.host.toLowerCase()]),
  ])
}

const hasToken = ({ adminToken }: RelayConfig, headers: HeaderList): boolean => {
  const fields = all(headers, "authorization")
  const token =
    fields.length === 1 ? /^bearer +(\S+) *$/i.exec(fields[0] as string)?.[1] : undefined
  return (
    adminToken !== undefined &&
    token !== undefined &&
    sameTripcode(tripcodeOfText(token), adminToken)
  )
}

/** The caller's identity: a token before a session before the user that a proxy names. */
export const identityOf = (
  { address, config, isSession }: GuardContext,
  headers: HeaderList,
): Identity => {
  if (hasToken(config, headers)) return { _tag: "Token" }
  const session = RequestCookies.read(headers, cookieName)
  if (session !== undefined && isSession(session)) return { _tag: "Session", session }
  const { adminTrustedHeader: field, adminTrustedProxies } = config
  if (field !== undefined && isTrusted(adminTrustedProxies, address)) {
    const users = all(headers, field)
    if (users.length === 1 && users[0] !== "")
      return { _tag: "Proxy", user: (users[0] as string).slice(0, 200) }
  }
  return { _tag: "Anonymous" }
}

/** Whether a method is safe (RFC 9110 9.2.1). */
export const isSafe = (method: string): boolean => method === "GET" || method === "HEAD"

/** The origin that the client asked: that of `admin_url` if the Host is the same, since a proxy in front speaks TLS. */
export const originOf = (
  { adminUrl }: RelayConfig,
  { headers }: RequestHead,
  secure: boolean,
): string => {
  const host = first(headers, "host") ?? ""
  return adminUrl !== undefined && new URL(adminUrl).host === host
    ? adminUrl
    : `${secure ? "https" : "http"}://${host}`
}

/**
 * Whether another site may have caused a request that changes something.
 * Browsers send Sec-Fetch-Site or Origin; a request with neither is accepted
 * unless it carries an identity that a browser adds by itself.
 */
export const isCrossSite = (
  { adminUrl }: RelayConfig,
  { headers, method }: RequestHead,
  secure: boolean,
  identity: Identity,
): boolean => {
  if (isSafe(method)) return false
  const site = first(headers, "sec-fetch-site")
  if (site !== undefined && site !== "same-origin") return true
  const origins = all(headers, "origin")
  const host = first(headers, "host") ?? ""
  const own = [`${secure ? "https" : "http"}://${host}`, adminUrl]
  if (origins.some((origin) => !own.includes(origin))) return true
  const hasNeither = origins.length === 0 && site === undefined
  return hasNeither && (identity._tag === "Session" || identity._tag === "Proxy")
}
