/**
 * Who may pass to the administrator's pages and API, and from where: requests
 * by a name that could be another site's, changes that another site may have
 * caused, and whoever is not known, do not.
 */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { sameTripcode, tripcodeOfText } from "../../domain/ApiKey.ts"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import { all, first, type HeaderList } from "../../domain/HeaderList.ts"
import * as ServerHost from "../../domain/ServerHost.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import { isTrusted } from "../settings/TrustedProxies.ts"
import { cookieName } from "./core/AdminLogin.ts"

/** Who asks. A browser adds sessions and what a proxy says by itself, whoever caused the request. */
export type Asker =
  | { readonly _tag: "Nobody" }
  | { readonly _tag: "Token" }
  | { readonly _tag: "Session"; readonly session: string }
  | { readonly _tag: "Proxy"; readonly user: string }

/** What the guard needs to know. */
export interface GuardContext {
  readonly config: RelayConfig
  readonly isSession: (session: string) => boolean
  /** The address of the socket's other end. */
  readonly address: string
}

/** How somebody who asks is called in the audit log. */
export const nameOf = (asker: Asker): string => {
  switch (asker._tag) {
    case "Nobody":
      return "nobody"
    case "Token":
      return "token"
    case "Session":
      return "login link"
    case "Proxy":
      return asker.user
  }
}

const isIpAddress = (host: string): boolean =>
  host.startsWith("[") || Result.isSuccess(NetAddress.ipFromString(host))

/**
 * Whether the host of a request is one that no other site can take: an
 * address, `localhost`, or what the configuration says. A page of
 * `evil.example` whose name was made to lead here is kept out by this.
 */
export const isOurHost = ({ adminListen, adminUrl }: RelayConfig, headers: HeaderList): boolean => {
  const fields = all(headers, "host")
  const host = fields.length === 1 ? ServerHost.hostOf(fields[0] as string) : undefined
  if (host === undefined) return false
  return (
    isIpAddress(host) ||
    /^(?:.+\.)?localhost$/.test(host) ||
    (adminUrl !== undefined && new URL(adminUrl).hostname === host) ||
    (adminListen !== false && adminListen.host.toLowerCase() === host)
  )
}

const sessionOf = (headers: HeaderList): string | undefined => {
  const pairs = all(headers, "cookie").flatMap((line) => line.split(";"))
  const own = pairs
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${cookieName}=`))
    .map((pair) => pair.slice(cookieName.length + 1))
  return own.length === 1 ? own[0] : undefined
}

const showsToken = ({ adminToken }: RelayConfig, headers: HeaderList): boolean => {
  const fields = all(headers, "authorization")
  const shown =
    fields.length === 1 ? /^bearer +(\S+) *$/i.exec(fields[0] as string)?.[1] : undefined
  return (
    adminToken !== undefined &&
    shown !== undefined &&
    sameTripcode(tripcodeOfText(shown), adminToken)
  )
}

/** Who asks. A token is stronger than a session, which is stronger than the word of a proxy. */
export const askerOf = (
  { address, config, isSession }: GuardContext,
  headers: HeaderList,
): Asker => {
  if (showsToken(config, headers)) return { _tag: "Token" }
  const session = sessionOf(headers)
  if (session !== undefined && isSession(session)) return { _tag: "Session", session }
  const { adminTrustedHeader: field, adminTrustedProxies } = config
  if (field !== undefined && isTrusted(adminTrustedProxies, address)) {
    const users = all(headers, field)
    if (users.length === 1 && users[0] !== "")
      return { _tag: "Proxy", user: (users[0] as string).slice(0, 200) }
  }
  return { _tag: "Nobody" }
}

/** Whether a method only reads. */
export const isSafe = (method: string): boolean => method === "GET" || method === "HEAD"

/**
 * Whether a request that changes something may have been caused by another
 * site. A browser says where a request comes from; one that does not say so is
 * none, and then only a token shows that it is meant.
 */
export const isForeign = (
  { adminUrl }: RelayConfig,
  { headers, method }: RequestHead,
  secure: boolean,
  asker: Asker,
): boolean => {
  if (isSafe(method)) return false
  const site = first(headers, "sec-fetch-site")
  if (site !== undefined && site !== "same-origin") return true
  const origins = all(headers, "origin")
  const host = first(headers, "host") ?? ""
  const ours = [`${secure ? "https" : "http"}://${host}`, adminUrl]
  if (origins.some((origin) => !ours.includes(origin))) return true
  const silent = origins.length === 0 && site === undefined
  return silent && (asker._tag === "Session" || asker._tag === "Proxy")
}
