/**
 * What an application behind the relay is told about its visitor: the
 * `X-Forwarded-*` fields and `Forwarded` (RFC 7239), made from the socket.
 * What came in is believed only of a proxy that the configuration trusts.
 */
import { all, first, type HeaderList } from "../../domain/HeaderList.ts"

/** The connection a request came on. */
export interface Visitor {
  /** The address of the other end of the socket. */
  readonly address: string
  /** Whether the socket is TLS. */
  readonly secure: boolean
  /** Whether the other end is a trusted proxy. */
  readonly trusted: boolean
}

/** What the visitor's own address of the server is made of. */
export interface Seen {
  readonly host: string
  readonly proto: "http" | "https"
  /** What the path has before the server's own, without the last slash. */
  readonly prefix: string
}

const made = new Set([
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
 * Whether a field claims what only the relay may say. Underscores count as
 * hyphens: CGI and WSGI applications cannot tell them apart.
 */
export const isClaim = (name: string): boolean =>
  /^[fx]/i.test(name) && made.has(name.toLowerCase().replaceAll("_", "-"))

/** The address without the IPv4-in-IPv6 form that dual-stack sockets give. */
export const plainAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, "")

/** A list field's one value: proxies add to a line, or add lines (RFC 9110 5.3). */
const list = (headers: HeaderList, name: string): string | undefined => {
  const lines = all(headers, name)
  return lines.length === 0 ? undefined : lines.join(", ")
}

const last = (value: string | undefined): string | undefined => value?.split(",").at(-1)?.trim()

/** How the visitor sees the server. */
export const seen = (headers: HeaderList, visitor: Visitor, prefix: string): Seen => {
  const believed = (name: string) => (visitor.trusted ? last(list(headers, name)) : undefined)
  const proto = believed("x-forwarded-proto")?.toLowerCase()
  const before = believed("x-forwarded-prefix") ?? ""
  return {
    host: believed("x-forwarded-host") ?? first(headers, "host") ?? "",
    proto: proto === "https" || proto === "http" ? proto : visitor.secure ? "https" : "http",
    prefix: (/^\/[!-~]*$/.test(before) ? before.replace(/\/+$/, "") : "") + prefix,
  }
}

/** RFC 7239 4: a token, or quoted. */
const quoted = (value: string): string =>
  /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(value)
    ? value
    : `"${value.replace(/["\\]/g, (c) => `\\${c}`)}"`

const node = (address: string): string => quoted(address.includes(":") ? `[${address}]` : address)

/** The fields with the claims replaced by what is known. */
export const apply = (headers: HeaderList, visitor: Visitor, as: Seen): HeaderList => {
  const others = headers.filter(([name]) => !isClaim(name))
  if (!visitor.trusted) return others.concat(ownOf(visitor.address, as))
  const address = plainAddress(visitor.address)
  const chain = list(headers, "x-forwarded-for")
  const steps = list(headers, "forwarded")
  return others.concat(own(address, as, chain, steps))
}

const own = (
  address: string,
  as: Seen,
  chain: string | undefined,
  steps: string | undefined,
): HeaderList => {
  const step = [
    `for=${node(address)}`,
    ...(as.host === "" ? [] : [`host=${quoted(as.host)}`]),
    `proto=${as.proto}`,
  ]
  return [
    ["X-Forwarded-For", chain === undefined ? address : `${chain}, ${address}`],
    ...(as.host === "" ? [] : ([["X-Forwarded-Host", as.host]] as const)),
    ["X-Forwarded-Proto", as.proto],
    ...(as.prefix === "" ? [] : ([["X-Forwarded-Prefix", as.prefix]] as const)),
    ["Forwarded", (steps === undefined ? "" : `${steps}, `) + step.join(";")],
  ]
}

const known = new Map<string, HeaderList>()
const maxKnown = 256
const maxKnownHost = 100

/** The same for whoever comes straight from one address, which is asked for again and again. */
const ownOf = (from: string, as: Seen): HeaderList => {
  const address = plainAddress(from)
  if (as.host.length > maxKnownHost) return own(address, as, undefined, undefined)
  const key = `${address} ${as.proto} ${as.prefix} ${as.host}`
  let made = known.get(key)
  if (made === undefined) {
    if (known.size === maxKnown) known.clear()
    made = own(address, as, undefined, undefined)
    known.set(key, made)
  }
  return made
}
