/**
 * Whose word about a visitor is believed: the networks that the
 * configuration's `trusted_proxies` names.
 */
import type { IncomingMessage } from "node:http"
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { all, fromRaw, type HeaderList } from "../../domain/HeaderList.ts"
import { memoize } from "../../domain/Memoize.ts"
import { unmappedAddress } from "../../protocol/http/Forwarded.ts"

const isIn = (networks: ReadonlyArray<IpNetwork.IpNetwork>, address: string): boolean => {
  const plain = unmappedAddress(address).replace(/%.*$/, "")
  const ip = NetAddress.ipFromString(plain)
  return Result.isSuccess(ip) && networks.some((network) => IpNetwork.contains(network, ip.success))
}

/** What is asked about one list of networks. */
interface Known {
  readonly isTrusted: (address: string) => boolean
  /** The last address of a chain that is not in the networks; empty if there is none. */
  readonly client: (chain: string) => string
}

const known = new WeakMap<ReadonlyArray<IpNetwork.IpNetwork>, Known>()

const knownOf = (networks: ReadonlyArray<IpNetwork.IpNetwork>): Known => {
  let made = known.get(networks)
  if (made === undefined) {
    const isTrusted = memoize((address) => isIn(networks, address))
    const client = memoize((chain) => {
      const steps = chain.split(",").map((one) => one.trim())
      const last = steps.findLast((one) => !isTrusted(one)) ?? ""
      return Result.isSuccess(NetAddress.ipFromString(last)) ? last : ""
    })
    made = { isTrusted, client }
    known.set(networks, made)
  }
  return made
}

/** {@link clientAddress} of a request as Node has it. */
export const clientOf = (
  networks: ReadonlyArray<IpNetwork.IpNetwork>,
  { rawHeaders, socket }: IncomingMessage,
): string => clientAddress(networks, socket.remoteAddress ?? "", fromRaw(rawHeaders))

/** Whether a socket's address is in one of the networks. */
export const isTrusted = (networks: ReadonlyArray<IpNetwork.IpNetwork>, address: string): boolean =>
  networks.length > 0 && knownOf(networks).isTrusted(address)

/**
 * Who is at the far end of a chain of trusted proxies: the last address of
 * `X-Forwarded-For` that is not one of them, or the socket's own.
 */
export const clientAddress = (
  networks: ReadonlyArray<IpNetwork.IpNetwork>,
  address: string,
  headers: HeaderList,
): string => {
  if (!isTrusted(networks, address)) return unmappedAddress(address)
  const client = knownOf(networks).client(all(headers, "x-forwarded-for").join(","))
  return client === "" ? unmappedAddress(address) : client
}
