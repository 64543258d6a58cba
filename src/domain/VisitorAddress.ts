/**
 * The key under which limits count a visitor's address. A site gets a whole
 * IPv6 network (RFC 6177), so all addresses of a /64 count together.
 */
import { memoize } from "./Memoize.ts"

/** The address itself, or the first 64 bits of an IPv6 one. */
export const bucketOf = (address: string): string =>
  address.includes(":") ? networkOf(address) : address

const networkOf = memoize((address) => {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (mapped !== null) return mapped[1] as string
  const [head = "", tail = ""] = address.replace(/%.*$/, "").split("::")
  const groups = head === "" ? [] : head.split(":")
  const trailing = tail === "" ? [] : tail.split(":")
  const groupCount = tail.includes(".") ? 7 : 8
  while (groups.length + trailing.length < groupCount) groups.push("0")
  groups.push(...trailing)
  const first = groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, "").toLowerCase())
  return `${first.join(":")}::/64`
})
