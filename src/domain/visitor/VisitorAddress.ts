/**
 * The keys under which limits count a visitor's address. A site gets a whole
 * IPv6 network (RFC 6177), so all addresses of a /64 count together; limits
 * that are fair between customers also look at the wider networks around it.
 */
import { memoize } from "../Memoize.ts"

/** The address itself, or the first 64 bits of an IPv6 one. */
export const bucketOf = (address: string): string =>
  address.includes(":") ? bucketOfV6(address) : address

const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i

/** The first four groups of an IPv6 address, without leading zeros. */
const groupsOf = (address: string): ReadonlyArray<string> => {
  const [head = "", tail = ""] = address.replace(/%.*$/, "").split("::")
  const groups = head === "" ? [] : head.split(":")
  const trailing = tail === "" ? [] : tail.split(":")
  const groupCount = tail.includes(".") ? 7 : 8
  while (groups.length + trailing.length < groupCount) groups.push("0")
  groups.push(...trailing)
  return groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, "").toLowerCase())
}

const bucketOfV6 = memoize((address) => {
  const v4 = mapped.exec(address)
  return v4 === null ? `${groupsOf(address).join(":")}::/64` : (v4[1] as string)
})

/** The networks around an address, the widest first. */
export type Networks = readonly [widest: string, ...narrower: ReadonlyArray<string>]

/**
 * The networks that an address is counted in, the widest first; the last one
 * is {@link bucketOf}. Of IPv6 the /32 of a provider, the /48 and /56 that
 * providers give to one customer (RFC 6177), and the /64; of IPv4 the /16, the
 * /24 and the address itself.
 */
export const networksOf: (address: string) => Networks = memoize((address): Networks => {
  const bucket = bucketOf(address)
  if (bucket.includes(":")) {
    const [a, b, c, d = "0"] = groupsOf(address)
    const of56 = (Number.parseInt(d, 16) & 0xff00).toString(16)
    return [`${a}:${b}::/32`, `${a}:${b}:${c}::/48`, `${a}:${b}:${c}:${of56}::/56`, bucket]
  }
  const [a, b, c] = bucket.split(".")
  return [`${a}.${b}.0.0/16`, `${a}.${b}.${c}.0/24`, bucket]
})
