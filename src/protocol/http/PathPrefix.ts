/**
 * Path mode: an application believes that it lives at `/`, but its visitors
 * see it below a prefix. The fields that name a place on its own origin are
 * put below the prefix, unless they are there already, and those that speak
 * for a whole origin are left out.
 */
import type { Header, HeaderList } from "../../domain/HeaderList.ts"
import type { Seen } from "./Forwarded.ts"

/** A path-absolute reference put below the prefix. */
const below = (path: string, prefix: string): string =>
  path === prefix || path.startsWith(`${prefix}/`) ? path : prefix + path

/** `/path` and the same origin's absolute form move; everything else stays (RFC 3986 4.2). */
const reference = (value: string, seen: Seen): string => {
  if (value.startsWith("/")) {
    return value.startsWith("//") || value.startsWith("/\\") ? value : below(value, seen.prefix)
  }
  const absolute = /^(https?:\/\/)([^/?#]+)(.*)$/is.exec(value)
  if (absolute === null) return value
  const [, scheme, authority, rest] = absolute as unknown as [string, string, string, string]
  if (authority.toLowerCase() !== seen.host.toLowerCase()) return value
  return scheme + authority + below(rest.startsWith("/") ? rest : `/${rest}`, seen.prefix)
}

/** The absolute form of a place on `host`, as a path; all else stays. */
const pathOn = (value: string, host: string): string => {
  const [, authority, rest] = /^https?:\/\/([^/?#]+)(.*)$/is.exec(value) ?? []
  if (authority?.toLowerCase() !== host.toLowerCase() || rest === undefined) return value
  if (rest.startsWith("//") || rest.startsWith("/\\")) return value
  return rest.startsWith("/") ? rest : `/${rest}`
}

/** The fields of a response whose application calls itself by a name that its visitors do not use. */
export const withoutHost = (headers: HeaderList, host: string): HeaderList =>
  headers.map(([name, value]): Header => {
    const isPlace = places.has(name.toLowerCase())
    return [name, isPlace ? pathOn(value, host) : value]
  })

const places = new Set(["location", "content-location"])

/**
 * A cookie that belongs below the prefix and to this host only (RFC 6265
 * 5.2.3, 5.2.4). Browsers take a `__Host-` cookie only with the path `/`.
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
 * Fields that a browser applies to the whole origin: below a prefix that is
 * also the origin of others, and not for one of them to rule.
 */
const originWide = new Set([
  "alt-svc",
  "clear-site-data",
  "nel",
  "report-to",
  "service-worker-allowed",
  "strict-transport-security",
])

const isConcerned = (lower: string): boolean =>
  lower === "set-cookie" || places.has(lower) || originWide.has(lower)

const setCookie = "set-cookie"

const noCookies = (): boolean => false

/**
 * The fields of a response as the visitor must see them. Without a prefix the
 * server has its origin for itself, and only cookies are kept from leaving it.
 *
 * @param isPrivate whether a Set-Cookie field's value is not the server's to set
 */
export const rewrite = (
  headers: HeaderList,
  seen: Seen,
  isPrivate: (value: string) => boolean = noCookies,
): HeaderList => {
  const below = seen.prefix !== ""
  if (!headers.some(([name]) => isConcerned(name.toLowerCase()))) return headers
  const kept: Array<Header> = []
  for (const header of headers) {
    const [name, value] = header
    const lower = name.toLowerCase()
    if (lower === setCookie) {
      if (!isPrivate(value)) kept.push([name, cookie(value, seen.prefix)])
    } else if (!below) kept.push(header)
    else if (places.has(lower)) kept.push([name, reference(value, seen)])
    else if (!originWide.has(lower)) kept.push(header)
  }
  return kept
}
