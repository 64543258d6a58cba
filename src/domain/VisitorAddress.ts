/**
 * Whom an address counts as: who has one IPv6 address has a whole network of
 * them (RFC 6177), so that limits count these together.
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
  const behind = tail === "" ? [] : tail.split(":")
  const room = tail.includes(".") ? 7 : 8
  while (groups.length + behind.length < room) groups.push("0")
  groups.push(...behind)
  const first = groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, "").toLowerCase())
  return `${first.join(":")}::/64`
})
