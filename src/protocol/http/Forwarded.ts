/**
 * Tells an application about its visitor: the `X-Forwarded-*` fields and
 * `Forwarded` (RFC 7239), derived from the socket. The values in a request are
 * used only if it comes from a proxy that the configuration trusts.
 */
import { all, first, type HeaderList, isName } from "../../domain/HeaderList.ts"

/** The connection on which a request arrived. */
export interface Visitor {
  /** The address of the other end of the socket. */
  readonly address: string
  /** Whether the socket is TLS. */
  readonly secure: boolean
  /** Whether the other end is a trusted proxy. */
  readonly trusted: boolean
  /** The visitor's own address, where trusted proxies tell it; default: {@link address}. */
  readonly client?: string
}

/** The parts of the address at which the visitor sees the server. */
export interface PublicAddress {
  readonly host: string
  readonly proto: "http" | "https"
  /** The path before the server's own, without a trailing slash. */
  readonly prefix: string
}

const claims = new Set([
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-forwarded-prefix",
  "x-forwarded-port",
  "x-forwarded-server",
  "x-forwarded-ssl",
  "x-forwarded-scheme",
  "x-real-ip",
])

/**
 * Whether a field is one that only the relay may set. Underscores count as
 * hyphens, because CGI and WSGI applications cannot tell them apart.
 */
export const isClaim = (name: string): boolean =>
  beginsClaim(name.charCodeAt(0) | 0x20) && claims.has(name.toLowerCase().replaceAll("_", "-"))

/** The fields in which a relay tells a server who has signed in; lower case. */
export const identityFields: ReadonlyArray<string> = [
  "x-forwarded-user",
  "x-forwarded-email",
  "x-forwarded-groups",
  "x-forwarded-preferred-username",
]

/** Whether a field is one of {@link identityFields}, in any spelling that an application may take for it. */
export const isIdentity = (name: string): boolean =>
  beginsClaim(name.charCodeAt(0) | 0x20) &&
  identityFields.includes(name.toLowerCase().replaceAll("_", "-"))

/** Most names are ruled out by their first letter. */
const beginsClaim = (letter: number): boolean => letter === letterF || letter === letterX

const letterF = 0x66
const letterX = 0x78

/**
 * The IPv4 address of an IPv4-mapped IPv6 address (RFC 4291 2.5.5.2), as
 * dual-stack sockets have it; any other unchanged.
 */
export const unmappedAddress = (address: string): string =>
  address.replace(/^::ffff:(?=\d+\.)/i, "")

/** The value of a list field. Proxies add to a line or add lines (RFC 9110 5.3). */
const joined = (headers: HeaderList, name: string): string | undefined => {
  const lines = all(headers, name)
  return lines.length === 0 ? undefined : lines.join(", ")
}

/** The schemes that proxies tell; Traefik tells those of a WebSocket. */
const schemes: ReadonlyMap<string, PublicAddress["proto"]> = new Map([
  ["http", "http"],
  ["https", "https"],
  ["ws", "http"],
  ["wss", "https"],
])

const last = (value: string | undefined): string | undefined => value?.split(",").at(-1)?.trim()

/** The address at which the visitor sees the server. */
export const publicAddress = (
  headers: HeaderList,
  visitor: Visitor,
  prefix: string,
): PublicAddress => {
  const trusted = (name: string) => (visitor.trusted ? last(joined(headers, name)) : undefined)
  const proto = schemes.get(trusted("x-forwarded-proto")?.toLowerCase() ?? "")
  const outer = trusted("x-forwarded-prefix") ?? ""
  return {
    host: trusted("x-forwarded-host") ?? first(headers, "host") ?? "",
    proto: proto ?? (visitor.secure ? "https" : "http"),
    prefix: (/^\/[!-~]*$/.test(outer) ? outer.replace(/(?<!\/)\/+$/, "") : "") + prefix,
  }
}

/** A token as it is, which has the form of a name; anything else quoted (RFC 7239 4). */
const quoted = (value: string): string =>
  isName(value) ? value : `"${value.replace(/["\\]/g, (c) => `\\${c}`)}"`

const node = (address: string): string => quoted(address.includes(":") ? `[${address}]` : address)

/** The fields of a request with those that only the relay may set replaced. */
export const apply = (headers: HeaderList, visitor: Visitor, to: PublicAddress): HeaderList => {
  const others = headers.filter(([name]) => !isClaim(name))
  if (!visitor.trusted) return others.concat(cachedFields(visitor.address, to))
  const address = unmappedAddress(visitor.address)
  const chain = joined(headers, "x-forwarded-for")
  const steps = joined(headers, "forwarded")
  // Only the relay knows which addresses of the chain are those of its proxies.
  return others.concat(fieldsOf(address, to, chain, steps), [[realIp, visitor.client ?? address]])
}

const realIp = "X-Real-IP"

/** The visitor's address, as the relay has sent it; empty if it has not. */
export const visitorOf = (headers: HeaderList): string =>
  first(headers, realIp.toLowerCase()) ?? last(joined(headers, "x-forwarded-for")) ?? ""

/** The fields of a request that came directly from an address. */
export const withVisitor = (headers: HeaderList, address: string): HeaderList => [
  ...headers.filter(([name]) => name.toLowerCase() !== realIp.toLowerCase()),
  [realIp, unmappedAddress(address)],
]

const fieldsOf = (
  address: string,
  to: PublicAddress,
  chain: string | undefined,
  steps: string | undefined,
): HeaderList => {
  const step = [
    `for=${node(address)}`,
    ...(to.host === "" ? [] : [`host=${quoted(to.host)}`]),
    `proto=${to.proto}`,
  ]
  return [
    ["X-Forwarded-For", chain === undefined ? address : `${chain}, ${address}`],
    ...(to.host === "" ? [] : ([["X-Forwarded-Host", to.host]] as const)),
    ["X-Forwarded-Proto", to.proto],
    ...(to.prefix === "" ? [] : ([["X-Forwarded-Prefix", to.prefix]] as const)),
    ["Forwarded", (steps === undefined ? "" : `${steps}, `) + step.join(";")],
  ]
}

/** What the fields of a direct connection depend on, and the fields. */
interface CachedFields extends PublicAddress {
  readonly from: string
  readonly fields: HeaderList
}

const isFor = (cached: CachedFields, from: string, to: PublicAddress): boolean =>
  cached.from === from &&
  cached.host === to.host &&
  cached.prefix === to.prefix &&
  cached.proto === to.proto

const cache = new Map<string, CachedFields>()
/** The last fields: comparing takes less time than a key does. */
let lastFields: CachedFields | undefined
const maxCached = 256
const maxCachedHost = 100

/**
 * The fields of a direct connection. They are the same for every request of a
 * client, hence the cache.
 */
const cachedFields = (from: string, to: PublicAddress): HeaderList => {
  if (to.host.length > maxCachedHost)
    return fieldsOf(unmappedAddress(from), to, undefined, undefined)
  if (lastFields !== undefined && isFor(lastFields, from, to)) return lastFields.fields
  const address = unmappedAddress(from)
  const key = `${address} ${to.proto} ${to.prefix} ${to.host}`
  let cached = cache.get(key)
  if (cached?.from !== from) {
    if (cache.size === maxCached) cache.clear()
    cached = { ...to, from, fields: fieldsOf(address, to, undefined, undefined) }
    cache.set(key, cached)
  }
  lastFields = cached
  return cached.fields
}
