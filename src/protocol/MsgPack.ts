/**
 * MessagePack as the dialects use it. A library decodes; the writer is our own
 * because the original's enums are maps with integer keys, which no JavaScript
 * library writes (protocol.md, Classic 1).
 */
import { Decoder } from "@msgpack/msgpack"
import * as Result from "effect/Result"
import { WireError } from "./WireError.ts"

/** Appends MessagePack values to a buffer that grows. */
export class Writer {
  private bytes = Buffer.allocUnsafe(1024)
  private at = 0

  private room(count: number): void {
    if (this.at + count <= this.bytes.length) return
    const bigger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.at + count))
    this.bytes.copy(bigger, 0, 0, this.at)
    this.bytes = bigger
  }

  private sized(count: number, fix: number, fixMax: number, one: number, two: number): void {
    this.room(5)
    if (count <= fixMax) this.bytes[this.at++] = fix | count
    else if (one !== 0 && count <= 0xff) {
      this.bytes[this.at++] = one
      this.bytes[this.at++] = count
    } else if (count <= 0xffff) {
      this.bytes[this.at++] = two
      this.at = this.bytes.writeUInt16BE(count, this.at)
    } else {
      this.bytes[this.at++] = two + 1
      this.at = this.bytes.writeUInt32BE(count, this.at)
    }
  }

  /** Starts an array of `count` values. */
  array(count: number): void {
    this.sized(count, 0x90, 15, 0, 0xdc)
  }

  /** Starts a map of `count` pairs. */
  map(count: number): void {
    this.sized(count, 0x80, 15, 0, 0xde)
  }

  /** A string, as UTF-8. */
  str(text: string): void {
    const length = Buffer.byteLength(text, "utf8")
    this.sized(length, 0xa0, 31, 0xd9, 0xda)
    this.room(length)
    this.at += this.bytes.write(text, this.at, length, "utf8")
  }

  /** A byte string's characters as `bin`. */
  bin(byteString: string): void {
    const length = byteString.length
    this.room(5 + length)
    if (length <= 0xff) {
      this.bytes[this.at++] = 0xc4
      this.bytes[this.at++] = length
    } else if (length <= 0xffff) {
      this.bytes[this.at++] = 0xc5
      this.at = this.bytes.writeUInt16BE(length, this.at)
    } else {
      this.bytes[this.at++] = 0xc6
      this.at = this.bytes.writeUInt32BE(length, this.at)
    }
    this.at += this.bytes.write(byteString, this.at, length, "latin1")
  }

  /** A byte string's characters as an array of integers, the original's form of bytes. */
  byteArray(byteString: string): void {
    this.array(byteString.length)
    this.room(byteString.length * 2)
    for (let i = 0; i < byteString.length; i++) {
      const byte = byteString.charCodeAt(i)
      if (byte > 0x7f) this.bytes[this.at++] = 0xcc
      this.bytes[this.at++] = byte
    }
  }

  /** A non-negative integer below 2^53. */
  uint(n: number): void {
    this.room(9)
    if (n <= 0x7f) this.bytes[this.at++] = n
    else if (n <= 0xff) {
      this.bytes[this.at++] = 0xcc
      this.bytes[this.at++] = n
    } else if (n <= 0xffff) {
      this.bytes[this.at++] = 0xcd
      this.at = this.bytes.writeUInt16BE(n, this.at)
    } else if (n <= 0xffffffff) {
      this.bytes[this.at++] = 0xce
      this.at = this.bytes.writeUInt32BE(n, this.at)
    } else {
      this.bytes[this.at++] = 0xcf
      this.at = this.bytes.writeBigUInt64BE(BigInt(n), this.at)
    }
  }

  /** Nil. */
  nil(): void {
    this.room(1)
    this.bytes[this.at++] = 0xc0
  }

  /** The original's enum variant: `{ index: nil }`. */
  variant(index: number): void {
    this.map(1)
    this.uint(index)
    this.nil()
  }

  /** Bytes as they are. */
  raw(chunk: Uint8Array): void {
    this.room(chunk.length)
    this.bytes.set(chunk, this.at)
    this.at += chunk.length
  }

  /** Leaves room for a big-endian u32 and says where it is. */
  reserve(): number {
    this.room(4)
    this.at += 4
    return this.at - 4
  }

  /** Fills a reserved u32 with the count of bytes written since. */
  fill(position: number): void {
    this.bytes.writeUInt32BE(this.at - position - 4, position)
  }

  /** How many bytes have been written. */
  get size(): number {
    return this.at
  }

  /** A copy of what was written; the writer starts anew. */
  take(): Buffer {
    const out = Buffer.from(this.bytes.subarray(0, this.at))
    this.at = 0
    if (this.bytes.length > 256 * 1024) this.bytes = Buffer.allocUnsafe(1024)
    return out
  }
}

const maxDepth = 8

/**
 * Walks over one value without building it. Gives the offset behind it, or
 * why it is none: every length is held against the bytes that are there, so
 * that decoding allocates no more than a small multiple of the input.
 */
const skip = (bytes: Uint8Array, start: number, depth: number): number | string => {
  if (depth > maxDepth) return "nested too deeply"
  const tag = bytes[start]
  if (tag === undefined) return "cut short"
  const at = start + 1
  if (tag <= 0x7f || tag >= 0xe0) return at
  if (tag <= 0x8f) return skipMany(bytes, at, 2 * (tag & 0x0f), depth)
  if (tag <= 0x9f) return skipMany(bytes, at, tag & 0x0f, depth)
  if (tag <= 0xbf) return ahead(bytes, at, tag & 0x1f)
  switch (tag) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return at
    case 0xcc:
    case 0xd0:
      return ahead(bytes, at, 1)
    case 0xcd:
    case 0xd1:
      return ahead(bytes, at, 2)
    case 0xce:
    case 0xd2:
    case 0xca:
      return ahead(bytes, at, 4)
    case 0xcf:
    case 0xd3:
    case 0xcb:
      return ahead(bytes, at, 8)
    case 0xc4:
    case 0xd9:
      return sizedAhead(bytes, at, 1)
    case 0xc5:
    case 0xda:
      return sizedAhead(bytes, at, 2)
    case 0xc6:
    case 0xdb:
      return sizedAhead(bytes, at, 4)
    case 0xdc:
      return skipSized(bytes, at, 2, 1, depth)
    case 0xdd:
      return skipSized(bytes, at, 4, 1, depth)
    case 0xde:
      return skipSized(bytes, at, 2, 2, depth)
    case 0xdf:
      return skipSized(bytes, at, 4, 2, depth)
    default:
      return "a type that is not used"
  }
}

const ahead = (bytes: Uint8Array, at: number, count: number): number | string =>
  at + count <= bytes.length ? at + count : "cut short"

const size = (bytes: Uint8Array, at: number, width: number): number => {
  let n = 0
  for (let i = 0; i < width; i++) n = n * 256 + (bytes[at + i] ?? 0)
  return n
}

const sizedAhead = (bytes: Uint8Array, at: number, width: number): number | string =>
  at + width <= bytes.length ? ahead(bytes, at + width, size(bytes, at, width)) : "cut short"

const skipSized = (
  bytes: Uint8Array,
  at: number,
  width: number,
  per: number,
  depth: number,
): number | string =>
  at + width <= bytes.length
    ? skipMany(bytes, at + width, per * size(bytes, at, width), depth)
    : "cut short"

const skipMany = (
  bytes: Uint8Array,
  start: number,
  count: number,
  depth: number,
): number | string => {
  if (count > bytes.length - start) return "cut short"
  let at = start
  for (let i = 0; i < count; i++) {
    const tag = bytes[at]
    if (tag !== undefined && tag <= 0x7f) {
      at += 1
      continue
    }
    const next = skip(bytes, at, depth + 1)
    if (typeof next === "string") return next
    at = next
  }
  return at
}

const utf8 = new TextDecoder("utf-8", { fatal: true })

/** Put before every string key, so that no key can be `__proto__` or an array index. */
export const keyMark = "="

const decoder = new Decoder({
  keyDecoder: {
    canBeCached: () => true,
    decode: (bytes, offset, length) =>
      keyMark + utf8.decode((bytes as Uint8Array).subarray(offset, offset + length)),
  },
})

/**
 * Decodes exactly one value. Keys of maps that are strings bear
 * {@link keyMark}; integers come as numbers, or as bigint never.
 */
export const decode = (bytes: Uint8Array): Result.Result<unknown, WireError> => {
  const end = skip(bytes, 0, 0)
  if (typeof end === "string") return Result.fail(new WireError({ detail: end }))
  if (end !== bytes.length) return Result.fail(new WireError({ detail: "more than one value" }))
  try {
    return Result.succeed(decoder.decode(bytes))
  } catch (cause) {
    return Result.fail(
      new WireError({ detail: cause instanceof Error ? cause.message : "undecodable" }),
    )
  }
}
