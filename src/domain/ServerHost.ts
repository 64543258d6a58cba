/**
 * Subdomain mode: the host at which a server of the relay has an origin of its
 * own, and the host that a request names.
 */
import type { ServerName } from "./ServerName.ts"

const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** What a domain may be at most, so that every name fits in front of it (RFC 1035 2.3.4). */
const longestDomain = 253 - 64

/** Reads a domain such as `relay.example.com`; `undefined` for anything but labels with dots in between. */
export const parseDomain = (text: string): string | undefined => {
  const domain = text.toLowerCase()
  const isDomain = domain.split(".").every((part) => label.test(part))
  return isDomain && domain.length <= longestDomain ? domain : undefined
}

/**
 * The first label of a server's host. Hosts know neither case nor underscores
 * (RFC 1123 2.1), so two names may have the same one; `undefined` if there is
 * none, because the name begins or ends with a hyphen or underscore.
 */
export const labelOf = (name: ServerName): string | undefined => {
  const made = name.toLowerCase().replaceAll("_", "-")
  return label.test(made) ? made : undefined
}

const authority = /^([A-Za-z0-9._-]+?)\.?(?::\d{0,5})?$/
const literal = /^\[[0-9A-Fa-f:.]+\](?::\d{0,5})?$/

/**
 * The host of a Host field in lower case, without port and without the dot of
 * the root; an IPv6 literal is given with its port, as no domain's. `undefined`
 * if it is not a host.
 */
export const hostOf = (field: string): string | undefined => {
  const host = authority.exec(field)?.[1]
  if (host !== undefined) return host.toLowerCase()
  return literal.test(field) ? field : undefined
}

/** The port of a Host field as it stands behind a host, with its colon; empty if there is none. */
export const portOf = (field: string): string => /:\d{1,5}$/.exec(field)?.[0] ?? ""
