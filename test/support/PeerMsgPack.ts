/**
 * As much MessagePack as classic 1 has, for the independent peers: written
 * from the specification and sharing no code with the codec under test.
 * Stricter than that codec: `bin` is refused, as the original's peers do.
 */

/** What classic 1 is made of; maps keep their keys' types. */
export type PeerValue =
  | null
  | number
  | string
  | ReadonlyArray<PeerValue>
  | ReadonlyMap<PeerValue, PeerValue>

/** Reads one value and insists that nothing follows it. */
export const unpack = (bytes: Buffer): PeerValue => {
  let at = 0
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new Error("MessagePack is cut short")
    at += length
    return bytes.subarray(at - length, at)
  }
  const uint = (length: number): number => take(length).readUIntBE(0, length)
  const str = (length: number): string =>
    new TextDecoder("utf-8", { fatal: true }).decode(take(length))
  const array = (length: number): PeerValue => Array.from({ length }, value)
  const map = (length: number): PeerValue => {
    const entries = new Map<PeerValue, PeerValue>()
    for (let i = 0; i < length; i++) {
      const key = value()
      if (entries.has(key)) throw new Error(`MessagePack map has ${String(key)} twice`)
      entries.set(key, value())
    }
    return entries
  }
  const value = (): PeerValue => {
    const tag = uint(1)
    if (tag <= 0x7f) return tag
    if (tag <= 0x8f) return map(tag & 0x0f)
    if (tag <= 0x9f) return array(tag & 0x0f)
    if (tag <= 0xbf) return str(tag & 0x1f)
    switch (tag) {
      case 0xc0:
        return null
      case 0xcc:
        return uint(1)
      case 0xcd:
        return uint(2)
      case 0xce:
        return uint(4)
      case 0xd9:
        return str(uint(1))
      case 0xda:
        return str(uint(2))
      case 0xdb:
        return str(uint(4))
      case 0xdc:
        return array(uint(2))
      case 0xdd:
        return array(uint(4))
      case 0xde:
        return map(uint(2))
      case 0xdf:
        return map(uint(4))
      default:
        throw new Error(`MessagePack tag ${tag.toString(16)} has no place in classic 1`)
    }
  }
  const whole = value()
  if (at !== bytes.length) throw new Error("bytes follow the MessagePack value")
  return whole
}

const tagged = (tag: number, value: number, length: number): Buffer => {
  const bytes = Buffer.alloc(1 + length)
  bytes[0] = tag
  bytes.writeUIntBE(value, 1, length)
  return bytes
}

const packUint = (value: number): Buffer => {
  if (value <= 0x7f) return Buffer.from([value])
  if (value <= 0xff) return tagged(0xcc, value, 1)
  return value <= 0xffff ? tagged(0xcd, value, 2) : tagged(0xce, value, 4)
}

const packStr = (value: string): Buffer => {
  const bytes = Buffer.from(value, "utf8")
  const head =
    bytes.length <= 31
      ? Buffer.from([0xa0 | bytes.length])
      : bytes.length <= 0xff
        ? tagged(0xd9, bytes.length, 1)
        : tagged(0xda, bytes.length, 2)
  return Buffer.concat([head, bytes])
}

/** Writes a value in its shortest form. */
export const pack = (value: PeerValue): Buffer => {
  if (value === null) return Buffer.from([0xc0])
  if (typeof value === "number") return packUint(value)
  if (typeof value === "string") return packStr(value)
  if (value instanceof Map) {
    const head = value.size <= 15 ? Buffer.from([0x80 | value.size]) : tagged(0xde, value.size, 2)
    return Buffer.concat([head, ...[...value].flatMap(([key, item]) => [pack(key), pack(item)])])
  }
  const items = value as ReadonlyArray<PeerValue>
  const head =
    items.length <= 15 ? Buffer.from([0x90 | items.length]) : tagged(0xdc, items.length, 2)
  return Buffer.concat([head, ...items.map(pack)])
}

/** Header fields as classic 1 has them: lower-case names, values as arrays of bytes. */
export const packedHeaders = (headers: Readonly<Record<string, string>>): PeerValue =>
  new Map(Object.entries(headers).map(([name, value]) => [name, [...Buffer.from(value, "latin1")]]))

/** The fields of a message, each value a byte string. */
export const unpackedHeaders = (value: PeerValue | undefined): ReadonlyMap<string, string> => {
  if (!(value instanceof Map)) throw new Error("headers are no map")
  const headers = new Map<string, string>()
  for (const [name, bytes] of value as ReadonlyMap<PeerValue, PeerValue>) {
    if (typeof name !== "string") throw new Error("a header name is no text")
    if (!Array.isArray(bytes)) throw new Error("a header value is no array of bytes")
    headers.set(name, Buffer.from(bytes as ReadonlyArray<number>).toString("latin1"))
  }
  return headers
}

/** The integer of an enum variant: a map of one integer to nil. */
export const unpackedVariant = (value: PeerValue | undefined): number => {
  if (!(value instanceof Map) || value.size !== 1) throw new Error("an enum is no map of one")
  const [key, nil] = [...(value as ReadonlyMap<PeerValue, PeerValue>)][0] as [PeerValue, PeerValue]
  if (typeof key !== "number") throw new Error("an enum's variant is no integer")
  if (nil !== null) throw new Error("an enum's variant carries something")
  return key
}

/** The statuses that classic 1 has, in the order of their indices. */
export const peerStatuses: ReadonlyArray<number> = [
  200, 204, 206, 304, 307, 400, 403, 404, 405, 416, 500,
]

/** The methods that classic 1 has, in the order of their indices. */
export const peerMethods: ReadonlyArray<string> = ["GET", "HEAD", "POST", "PUT"]
