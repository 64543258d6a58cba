/**
 * Trusted proxies: whether an address is one, and the visitor's address behind
 * a chain of them.
 */
import type { IncomingMessage } from "node:http"
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { all, fromRaw, type HeaderList } from "../../domain/HeaderList.ts"
import { memoize } from "../../domain/Memoize.ts"
import { unmappedAddress } from "../../protocol/http/Forwarded.ts"

const isIn = (networks: ReadonlyArray<IpNetwork.IpNetwork>, address: string): boolean => {
  const normalized = unmappedAddress(address).replace(/%.*$/, "")
  const ip = NetAddress.ipFromString(normalized)
  return Result.isSuccess(ip) && networks.some((network) => IpNetwork.contains(network, ip.success))
}

/** Cached look-ups in one list of networks. */
interface Lookup {
  readonly isTrusted: (address: string) => boolean
  /** The last address of a chain that is not in the networks; empty if there is none. */
  readonly client: (chain: string) => string
}

/** An address without the port that some proxies add, such as Azure's Application Gateway, and without the brackets of IPv6. */
const withoutPort = (step: string): string => {
  const [, v4, v6] = /^(?:(\d+(?:\.\d+){3}):\d+|\[([^\]]+)\](?::\d+)?)$/.exec(step) ?? []
  return v4 ?? v6 ?? step
}

const lookups = new WeakMap<ReadonlyArray<IpNetwork.IpNetwork>, Lookup>()

const lookupOf = (networks: ReadonlyArray<IpNetwork.IpNetwork>): Lookup => {
  let lookup = lookups.get(networks)
  if (lookup === undefined) {
    const isTrusted = memoize((address) => isIn(networks, address))
    const client = memoize((chain) => {
      const steps = chain.split(",").map((one) => withoutPort(one.trim()))
      const last = steps.findLast((one) => !isTrusted(one)) ?? ""
      return Result.isSuccess(NetAddress.ipFromString(last)) ? last : ""
    })
    lookup = { isTrusted, client }
    lookups.set(networks, lookup)
  }
  return lookup
}

/** {@link clientAddress} of a Node request. */
export const clientOf = (
  networks: ReadonlyArray<IpNetwork.IpNetwork>,
  { rawHeaders, socket }: Pick<IncomingMessage, "rawHeaders" | "socket">,
): string => clientAddress(networks, socket.remoteAddress ?? "", fromRaw(rawHeaders))

/** Whether a socket's address is in one of the networks. */
export const isTrusted = (networks: ReadonlyArray<IpNetwork.IpNetwork>, address: string): boolean =>
  networks.length > 0 && lookupOf(networks).isTrusted(address)

/**
 * The visitor's address: the last one in `X-Forwarded-For` that is not a trusted
 * proxy if the socket is one, and otherwise the socket's.
 */
export const clientAddress = (
  networks: ReadonlyArray<IpNetwork.IpNetwork>,
  address: string,
  headers: HeaderList,
): string => {
  if (!isTrusted(networks, address)) return unmappedAddress(address)
  const client = lookupOf(networks).client(all(headers, "x-forwarded-for").join(","))
  return client === "" ? unmappedAddress(address) : client
}
