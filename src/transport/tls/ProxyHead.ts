/**
 * The head of the PROXY protocol, version 2, which stands before the bytes of a
 * connection that is passed on and says where it came from.
 */
import { isIPv4, isIPv6 } from "node:net"
import { unmappedAddress } from "../../protocol/http/Forwarded.ts"

/** The two ends of a connection. */
export interface ConnectionEnds {
  /** The address of who opened it, as Node writes it; empty if it is not known. */
  readonly address: string
  readonly port: number
  /** Where it was accepted. */
  readonly localAddress: string
  readonly localPort: number
}

const signature = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1")
const fixed = 16
/** Version 2, and the commands LOCAL and PROXY. */
const [local, proxied] = [0x20, 0x21]
/** TCP over IPv4 and IPv6. */
const [tcp4, tcp6] = [0x11, 0x21]

/** The longest head that is accepted, in bytes: other programs add more to it. */
export const maxHead = fixed + 2048

/** The bytes of an IPv4 or IPv6 address. */
const bytesOf = (address: string): Buffer => {
  if (isIPv4(address)) return Buffer.from(address.split(".").map(Number))
  const [, tail] = /:(\d+\.\d+\.\d+\.\d+)$/.exec(address) ?? []
  const quads =
    tail === undefined
      ? address
      : address.slice(0, -tail.length) +
        [0, 2].map((at) => bytesOf(tail).readUInt16BE(at).toString(16)).join(":")
  const [left = "", right] = quads.split("::")
  const groups = (text: string): ReadonlyArray<string> => (text === "" ? [] : text.split(":"))
  const before = groups(left)
  const after = right === undefined ? [] : groups(right)
  const zeros = new Array<string>(8 - before.length - after.length).fill("0")
  const out = Buffer.alloc(16)
  for (const [i, group] of [...before, ...zeros, ...after].entries())
    out.writeUInt16BE(Number.parseInt(group, 16), 2 * i)
  return out
}

/** Writes a head; without addresses if they are not known. */
export const write = (ends: ConnectionEnds): Buffer => {
  const [from, to] = [ends.address, ends.localAddress].map((address) =>
    unmappedAddress(address).replace(/%.*$/, ""),
  ) as [string, string]
  const isBoth4 = isIPv4(from) && isIPv4(to)
  const isBoth6 = isIPv6(from) && isIPv6(to)
  if (!isBoth4 && !isBoth6) return Buffer.concat([signature, Buffer.from([local, 0, 0, 0])])
  const ports = Buffer.alloc(4)
  ports.writeUInt16BE(ends.port, 0)
  ports.writeUInt16BE(ends.localPort, 2)
  const addresses = Buffer.concat([bytesOf(from), bytesOf(to), ports])
  const head = Buffer.from([proxied, isBoth4 ? tcp4 : tcp6, 0, addresses.length])
  return Buffer.concat([signature, head, addresses])
}

/** What the first bytes of a connection say. */
export type ProxyHead =
  | "incomplete"
  | "invalid"
  | {
      /** The address of who opened the connection; empty if the head does not say. */
      readonly address: string
      readonly port: number
      /** How many bytes the head has. */
      readonly size: number
    }

/** Reads the head at the beginning of bytes. */
export const read = (bytes: Buffer): ProxyHead => {
  const compared = Math.min(bytes.length, signature.length)
  if (!bytes.subarray(0, compared).equals(signature.subarray(0, compared))) return "invalid"
  if (bytes.length < fixed) return "incomplete"
  const command = bytes[12]
  const family = bytes[13]
  const size = fixed + bytes.readUInt16BE(14)
  if (size > maxHead || (command !== local && command !== proxied)) return "invalid"
  if (bytes.length < size) return "incomplete"
  const unknown = { address: "", port: 0, size }
  if (command === local) return unknown
  if (family === tcp4)
    return size < fixed + 12
      ? "invalid"
      : {
          address: [...bytes.subarray(fixed, fixed + 4)].join("."),
          port: bytes.readUInt16BE(fixed + 8),
          size,
        }
  if (family !== tcp6) return unknown
  if (size < fixed + 36) return "invalid"
  const groups = Array.from({ length: 8 }, (_, i) =>
    bytes.readUInt16BE(fixed + 2 * i).toString(16),
  ).join(":")
  // As Node writes it, with the longest run of zeros left out.
  const address = new URL(`http://[${groups}]`).hostname.slice(1, -1)
  return { address, port: bytes.readUInt16BE(fixed + 32), size }
}
