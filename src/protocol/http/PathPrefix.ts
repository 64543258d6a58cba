/**
 * Path mode: an application is at `/`, but visitors see it below a prefix. The
 * prefix is added to response fields with a path or URL of the application,
 * unless they have it already. Fields that affect the whole origin are removed.
 */
import type { Header, HeaderList } from "../../domain/HeaderList.ts"
import type { PublicAddress } from "./Forwarded.ts"

/** A path-absolute reference with the prefix added. */
const below = (path: string, prefix: string): string =>
  path === prefix || path.startsWith(`${prefix}/`) ? path : prefix + path

/**
 * A URI reference with the prefix added if it has the form `/path` or names the
 * same host (RFC 3986 4.2).
 */
const reference = (value: string, address: PublicAddress): string => {
  if (value.startsWith("/")) {
    return value.startsWith("//") || value.startsWith("/\\") ? value : below(value, address.prefix)
  }
  const absolute = /^(https?:\/\/)([^/?#]+)(.*)$/is.exec(value)
  if (absolute === null) return value
  const [, scheme, authority, rest] = absolute as unknown as [string, string, string, string]
  if (authority.toLowerCase() !== address.host.toLowerCase()) return value
  return scheme + authority + below(rest.startsWith("/") ? rest : `/${rest}`, address.prefix)
}

/** The path of an absolute URL on `host`; any other value unchanged. */
const pathOn = (value: string, host: string): string => {
  const [, authority, rest] = /^https?:\/\/([^/?#]+)(.*)$/is.exec(value) ?? []
  if (authority?.toLowerCase() !== host.toLowerCase() || rest === undefined) return value
  if (rest.startsWith("//") || rest.startsWith("/\\")) return value
  return rest.startsWith("/") ? rest : `/${rest}`
}

/**
 * Response fields without `host`, the host by which the application knows
 * itself and its visitors do not.
 */
export const withoutHost = (headers: HeaderList, host: string): HeaderList =>
  headers.map(([name, value]): Header => {
    const isLocation = locationFields.has(name.toLowerCase())
    return [name, isLocation ? pathOn(value, host) : value]
  })

const locationFields = new Set(["location", "content-location"])

/**
 * A Set-Cookie value limited to the prefix and this host (RFC 6265 5.2.3,
 * 5.2.4). Browsers accept a `__Host-` cookie only with the path `/`.
 */
const cookie = (value: string, prefix: string): string =>
  value
    .split(";")
    .flatMap((part, i) => {
      if (i === 0) return [part]
      const [name = "", ...rest] = part.split("=")
      const attribute = name.trim().toLowerCase()
      if (attribute === "domain") return []
      if (attribute !== "path" || /^\s*__host-/i.test(value)) return [part]
      const path = rest.join("=").trim()
      return path.startsWith("/") ? [` Path=${below(path, prefix)}`] : [part]
    })
    .join(";")

/**
 * Fields that a browser applies to the whole origin. Below a prefix, the origin
 * is shared with other servers.
 */
const originWide = new Set([
  "alt-svc",
  "clear-site-data",
  "nel",
  "report-to",
  "service-worker-allowed",
  "strict-transport-security",
])

const isRewritten = (lower: string): boolean =>
  lower === "set-cookie" || locationFields.has(lower) || originWide.has(lower)

const setCookie = "set-cookie"

const noCookies = (): boolean => false

/**
 * The fields of a response for the visitor. Without a prefix the server has an
 * origin of its own, and only cookies are limited to it.
 *
 * @param isPrivate whether a Set-Cookie value sets a cookie that is reserved for the relay
 */
export const rewrite = (
  headers: HeaderList,
  address: PublicAddress,
  isPrivate: (value: string) => boolean = noCookies,
): HeaderList => {
  const isBelow = address.prefix !== ""
  if (!headers.some(([name]) => isRewritten(name.toLowerCase()))) return headers
  const rewritten: Array<Header> = []
  for (const header of headers) {
    const [name, value] = header
    const lower = name.toLowerCase()
    if (lower === setCookie) {
      if (!isPrivate(value)) rewritten.push([name, cookie(value, address.prefix)])
    } else if (!isBelow) rewritten.push(header)
    else if (locationFields.has(lower)) rewritten.push([name, reference(value, address)])
    else if (!originWide.has(lower)) rewritten.push(header)
  }
  return rewritten
}
