/**
 * Whose word about a visitor is believed: the networks that the
 * configuration's `trusted_proxies` names.
 */
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { all, type HeaderList } from "../domain/HeaderList.ts"
import { plainAddress } from "../protocol/Forwarded.ts"

const isIn = (networks: ReadonlyArray<IpNetwork.IpNetwork>, address: string): boolean => {
  const plain = plainAddress(address).replace(/%.*$/, "")
  const ip = NetAddress.ipFromString(plain)
  return Result.isSuccess(ip) && networks.some((network) => IpNetwork.contains(network, ip.success))
}

const maxKnown = 1_000
const known = new WeakMap<ReadonlyArray<IpNetwork.IpNetwork>, Map<string, boolean>>()

/** Whether a socket's address is in one of the networks. What was found is remembered. */
export const isTrusted = (
  networks: ReadonlyArray<IpNetwork.IpNetwork>,
  address: string,
): boolean => {
  if (networks.length === 0) return false
  let found = known.get(networks)
  if (found === undefined || found.size >= maxKnown) {
    found = new Map()
    known.set(networks, found)
  }
  let trusted = found.get(address)
  if (trusted === undefined) {
    trusted = isIn(networks, address)
    found.set(address, trusted)
  }
  return trusted
}

/**
 * Who is at the far end of a chain of trusted proxies: the last address of
 * `X-Forwarded-For` that is not one of them, or the socket's own.
 */
export const clientAddress = (
  networks: ReadonlyArray<IpNetwork.IpNetwork>,
  address: string,
  headers: HeaderList,
): string => {
  if (!isTrusted(networks, address)) return plainAddress(address)
  const chain = all(headers, "x-forwarded-for")
    .join(",")
    .split(",")
    .map((one) => one.trim())
  const client = chain.findLast((one) => !isTrusted(networks, one)) ?? ""
  return Result.isSuccess(NetAddress.ipFromString(client)) ? client : plainAddress(address)
}
