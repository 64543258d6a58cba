/**
 * Which hosts a program on this machine answers to. Another site can let its own
 * name point to 127.0.0.1 (DNS rebinding). Its page in a browser can then read and
 * change everything there as its own origin; only the Host field shows this.
 */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { all, type HeaderList } from "./HeaderList.ts"
import * as ServerHost from "./ServerHost.ts"

/** A host that a program is told to answer to: a name, `*.` with a domain for all names below it, or `*` for all. */
export type HostPattern = string

/** Parses a host pattern into lower case, names beyond ASCII as the Host field has them; `undefined` if it is none. */
export const parsePattern = (text: string): HostPattern | undefined => {
  if (text === "*") return text
  const start = text.startsWith("*.") ? "*." : ""
  const name = text.slice(start.length)
  if (/^[A-Za-z0-9._-]+$/.test(name)) return start + name.toLowerCase().replace(/\.$/, "")
  const host = ServerHost.parseHost(name)
  return host === undefined ? undefined : start + host
}

const matches = (pattern: HostPattern, host: string): boolean =>
  pattern === "*" || (pattern.startsWith("*.") ? host.endsWith(pattern.slice(1)) : pattern === host)

/**
 * Whether no other site can have this host: it is an IP address, a name that every
 * system resolves to itself (RFC 6761 6.3), or a name without a dot, such as this
 * machine's own. The public DNS has no addresses for the latter (RFC 7085).
 */
const belongsToNobody = (host: string): boolean =>
  host.startsWith("[") ||
  Result.isSuccess(NetAddress.ipFromString(host)) ||
  /^(?:(?:.+\.)?localhost|[a-z0-9_-]+)$/.test(host)

/** Whether the value of a Host field is an IP address, a name without a dot, one below `localhost`, or matches a pattern. */
export const isOwnHost = (field: string, patterns: ReadonlyArray<HostPattern>): boolean => {
  const host = ServerHost.hostOf(field)
  return (
    host !== undefined &&
    (belongsToNobody(host) || patterns.some((pattern) => matches(pattern, host)))
  )
}

/** The same for the fields of a request. Without a Host, as in HTTP/1.0, it is not from a browser. */
export const isToOwnHost = (headers: HeaderList, patterns: ReadonlyArray<HostPattern>): boolean => {
  const [field, ...others] = all(headers, "host")
  return field === undefined || (others.length === 0 && isOwnHost(field, patterns))
}
