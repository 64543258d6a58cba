/**
 * DER (X.690), as far as certification requests and certificates need it.
 */

const tag = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  time: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

const lengthOf = (length: number): Buffer => {
  if (length < 0x80) return Buffer.of(length)
  const bytes: Array<number> = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256)
  return Buffer.of(0x80 | bytes.length, ...bytes)
}

/** A value with its tag and length. */
export const value = (tagByte: number, ...parts: ReadonlyArray<Uint8Array>): Buffer => {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.of(tagByte), lengthOf(content.length), content])
}

export const sequence = (...parts: ReadonlyArray<Uint8Array>): Buffer =>
  value(tag.sequence, ...parts)

export const set = (...parts: ReadonlyArray<Uint8Array>): Buffer => value(tag.set, ...parts)

/** A non-negative integer of these bytes, the highest first. */
export const integer = (bytes: Uint8Array): Buffer =>
  ((bytes[0] ?? 0) & 0x80) === 0
    ? value(tag.integer, bytes)
    : value(tag.integer, Buffer.of(0), bytes)

/** A string of whole bytes. */
export const bits = (bytes: Uint8Array): Buffer => value(tag.bits, Buffer.of(0), bytes)

export const octets = (bytes: Uint8Array): Buffer => value(tag.octets, bytes)

export const utf8 = (text: string): Buffer => value(tag.utf8, Buffer.from(text))

export const yes: Buffer = value(tag.boolean, Buffer.of(0xff))

/** A value in the place with this number; `isConstructed` if it contains other values. */
export const context = (
  number: number,
  isConstructed: boolean,
  ...parts: ReadonlyArray<Uint8Array>
): Buffer => value((isConstructed ? 0xa0 : 0x80) | number, ...parts)

/** A time in milliseconds since 1970, to the second (RFC 5280 4.1.2.5). */
export const time = (millis: number): Buffer => {
  const text = new Date(millis)
    .toISOString()
    .replace(/\.\d+Z$/, "Z")
    .replaceAll(/[-:T]/g, "")
  // RFC 5280 4.1.2.5: years up to 2049 have two digits, with a tag of their own.
  return Number(text.slice(0, 4)) < 2050
    ? value(0x17, Buffer.from(text.slice(2)))
    : value(tag.time, Buffer.from(text))
}

/** An object identifier in the usual notation with dots. */
export const oid = (text: string): Buffer => {
  const [first = 0, second = 0, ...others] = text.split(".").map(Number)
  const bytes = [40 * first + second, ...others].flatMap((arc) => {
    const digits = [arc & 0x7f]
    for (let rest = arc >>> 7; rest > 0; rest >>>= 7) digits.unshift(0x80 | (rest & 0x7f))
    return digits
  })
  return value(tag.oid, Buffer.from(bytes))
}

/** A value as it was read. */
export interface Read {
  readonly tag: number
  readonly content: Buffer
}

/** The values that follow each other in `bytes`; `undefined` if they are not DER. */
export const readAll = (bytes: Buffer): ReadonlyArray<Read> | undefined => {
  const values: Array<Read> = []
  let at = 0
  while (at < bytes.length) {
    const tagByte = bytes[at] as number
    const short = bytes[at + 1]
    if (short === undefined) return undefined
    const count = short < 0x80 ? 0 : short & 0x7f
    if (count > 4 || at + 2 + count > bytes.length) return undefined
    const length = count === 0 ? short : bytes.readUIntBE(at + 2, count)
    const start = at + 2 + count
    if (short === 0x80 || start + length > bytes.length) return undefined
    values.push({ tag: tagByte, content: bytes.subarray(start, start + length) })
    at = start + length
  }
  return values
}
