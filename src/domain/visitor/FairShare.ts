/**
 * Who makes room where a limited number of things is used up: the network that
 * has the most, if that is at least two more than the one that asks has.
 */
import { networksOf } from "./VisitorAddress.ts"

/** The network in which a visitor is counted: an IPv4 /24, an IPv6 /48. */
export const networkOf = (address: string): string => networksOf(address)[1] ?? address

/** Something of which there is a limited number. */
interface Held {
  /** That of its visitor, see {@link networkOf}. */
  readonly network: string
}

/** Those of which one has to be given up: all of the network that makes room; none if no network has enough. */
export const spares = <A extends Held>(held: Iterable<A>, asking: string): ReadonlyArray<A> => {
  const all = [...held]
  const network = makesRoom(
    all.map((one) => one.network),
    asking,
  )
  return all.filter((one) => one.network === network)
}

/** The network that has to give something up; `undefined` if none has enough. */
export const makesRoom = (holders: Iterable<string>, asking: string): string | undefined => {
  const counts = new Map<string, number>()
  for (const network of holders) counts.set(network, (counts.get(network) ?? 0) + 1)
  let largest: string | undefined
  let most = (counts.get(asking) ?? 0) + 1
  for (const [network, count] of counts) {
    if (count <= most) continue
    largest = network
    most = count
  }
  return largest
}
