/**
 * Subdomain mode: the host that gives a server an origin of its own, and the
 * parts of a Host field.
 */
import type { ServerName } from "./ServerName.ts"

const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** The longest domain to which every label can be prepended (RFC 1035 2.3.4). */
const longestDomain = 253 - 64

/**
 * A host name in lower case without a dot at its end, names beyond ASCII as the
 * DNS has them (RFC 5890); `undefined` if it is not labels separated by dots, or
 * an IP address.
 */
export const parseHost = (text: string): string | undefined => {
  // A URL parser would take these for the end of the host.
  if (/[\s/?#@:\\%]/.test(text)) return undefined
  const host = URL.parse(`http://${text}`)?.hostname.replace(/\.$/, "")
  if (host === undefined || host.length > 253 || /^\d+(?:\.\d+){3}$/.test(host)) return undefined
  return host.split(".").every((part) => label.test(part)) ? host : undefined
}

/** Whether URLs can have hosts below a domain: not if its last label is a number, as that of an address. */
const hasHosts = (domain: string): boolean => URL.canParse(`http://a.${domain}`)

/**
 * Parses a domain such as `relay.example.com`; `undefined` if it is not labels
 * separated by dots, or if no host can be below it, as below an IP address.
 */
export const parseDomain = (text: string): string | undefined => {
  const isAscii = /^[\x20-\x7e]*$/.test(text)
  const domain = (isAscii ? undefined : parseHost(text)) ?? text.toLowerCase()
  const isDomain = domain.split(".").every((part) => label.test(part))
  return isDomain && domain.length <= longestDomain && hasHosts(domain) ? domain : undefined
}

/**
 * The first label of a server's host. Host names are case-insensitive and have
 * no underscores (RFC 1123 2.1), so two names may share a label. `undefined` if
 * the name begins or ends with a hyphen or underscore.
 */
export const labelOf = (name: ServerName): string | undefined => {
  const candidate = name.toLowerCase().replaceAll("_", "-")
  return label.test(candidate) ? candidate : undefined
}

const authority = /^([A-Za-z0-9._-]+?)\.?(?::\d{0,5})?$/
const literal = /^\[[0-9A-Fa-f:.]+\](?::\d{0,5})?$/

/**
 * The host of a Host field in lower case, without port and trailing dot. An IPv6
 * literal keeps its port, because it is never a domain. `undefined` if the field
 * is not a host.
 */
export const hostOf = (field: string): string | undefined => {
  const host = authority.exec(field)?.[1]
  if (host !== undefined) return host.toLowerCase()
  return literal.test(field) ? field : undefined
}

/** The port of a Host field with its colon; empty if it has none. */
export const portOf = (field: string): string => /:\d{1,5}$/.exec(field)?.[0] ?? ""
