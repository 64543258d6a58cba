/**
 * Whose word about a visitor is believed: the networks that the
 * configuration's `trusted_proxies` names.
 */
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { plainAddress } from "../protocol/Forwarded.ts"

/** Whether a socket's address is in one of the networks. */
export const isTrusted = (
  networks: ReadonlyArray<IpNetwork.IpNetwork>,
  address: string,
): boolean => {
  if (networks.length === 0) return false
  const plain = plainAddress(address).replace(/%.*$/, "")
  const ip = NetAddress.ipFromString(plain)
  return Result.isSuccess(ip) && networks.some((network) => IpNetwork.contains(network, ip.success))
}
