/**
 * An address to listen on, written `HOST:PORT` with IPv6 in brackets, or `fd:N`
 * for a socket that is already open.
 */

import { memoize } from "./Memoize.ts"

/** Where to listen. `host` is a name or an IP address without brackets; port 0 picks a free one. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
  /** The file descriptor of a listening socket passed to this process, as by systemd; host and port are then unused. */
  readonly fd?: number
}

/** The host that stands for every address, of IPv6 and IPv4. */
export const everywhere = "::"

/** The host that stands for every address of IPv4. */
export const everywhereIpv4 = "0.0.0.0"

/** Whether a host stands for every address. */
export const isEverywhere = (host: string): boolean =>
  host === everywhere || host === everywhereIpv4

/** What {@link parse} expects, for messages. */
export const expected =
  '"HOST:PORT", such as "127.0.0.1:4000" or "[::1]:4000", or "fd:3" for a socket that is open already'

const pattern = /^(?:\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/

/** Parses `HOST:PORT` or `fd:N`. */
export const parse = (text: string): ListenAddress | undefined => {
  const descriptor = /^fd:(\d{1,4})$/.exec(text)
  if (descriptor !== null) return { host: "fd", port: 0, fd: Number(descriptor[1]) }
  const match = pattern.exec(text)
  if (match === null) return undefined
  const port = Number(match[3])
  const host = match[1] ?? match[2]
  if (host === undefined || port > 65535) return undefined
  return { host, port }
}

/** A host as in an address or URL: IPv6 in brackets. */
export const formatHost = (host: string): string => (host.includes(":") ? `[${host}]` : host)

/** Formats as `HOST:PORT` or `fd:N`. */
export const format = (address: ListenAddress): string =>
  address.fd !== undefined ? `fd:${address.fd}` : `${formatHost(address.host)}:${address.port}`

/**
 * The URL of a listener, without a slash at the end. A host that stands for
 * every address becomes loopback.
 */
export const urlOf = (
  { host, port }: Pick<ListenAddress, "host" | "port">,
  scheme: "http" | "https",
): string => {
  const reachable = host === everywhereIpv4 ? "127.0.0.1" : host === everywhere ? "::1" : host
  return `${scheme}://${format({ host: reachable, port })}`
}

/** Whether secrets may be sent to a URL: by https, or on this machine. */
export const isConfidential = (url: string): boolean => {
  const { hostname, protocol } = new URL(url)
  return protocol === "https:" || isLoopback(hostname)
}

/** Whether a host is this machine: `localhost`, 127.0.0.0/8 or `::1`, in brackets or not. */
export const isLoopback: (host: string) => boolean = memoize((host) =>
  /^(?:(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i.test(host),
)
