/**
 * The part of MessagePack that the classic dialects use: a writer, and a decoder
 * that reads untrusted bytes in one pass with bounded memory.
 *
 * The writer is not a library's because the original's enums are maps with
 * integer keys, which JavaScript libraries do not write (protocol.md, Classic 1).
 */
import * as Result from "effect/Result"
import { WireError } from "./WireError.ts"

/** Appends MessagePack values to a growing buffer. */
export class Writer {
  private bytes = Buffer.allocUnsafe(1024)
  private at = 0

  private room(count: number): void {
    if (this.at + count <= this.bytes.length) return
    const bigger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.at + count))
    this.bytes.copy(bigger, 0, 0, this.at)
    this.bytes = bigger
  }

  /**
   * Writes the tag and length of a value.
   *
   * @param fix the tag of a length up to `fixMax`, which is inside the tag
   * @param one the tag before a length of one byte; 0 if the type has none
   * @param two the tag before a length of two bytes; the next tag is for four
   */
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

  /** A byte string as `bin`. */
  bin(byteString: string): void {
    const length = byteString.length
    this.sized(length, 0, -1, 0xc4, 0xc5)
    this.room(length)
    this.at += this.bytes.write(byteString, this.at, length, "latin1")
  }

  /** A byte string as an array of integers, the form that the original uses for bytes. */
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

  /** Bytes that are not MessagePack, unchanged. */
  raw(chunk: Uint8Array): void {
    this.room(chunk.length)
    this.bytes.set(chunk, this.at)
    this.at += chunk.length
  }

  /** Leaves room for a big-endian u32 and returns its offset. */
  reserve(): number {
    this.room(4)
    this.at += 4
    return this.at - 4
  }

  /** Fills a reserved u32 with the number of bytes written after it. */
  fill(position: number): void {
    this.bytes.writeUInt32BE(this.at - position - 4, position)
  }

  /** Returns a copy of what was written and empties the writer. */
  take(): Buffer {
    const out = Buffer.from(this.bytes.subarray(0, this.at))
    this.at = 0
    if (this.bytes.length > 256 * 1024) this.bytes = Buffer.allocUnsafe(1024)
    return out
  }
}

/** A decoded `bin`: a string in which each character is one byte. */
export class ByteString {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** A decoded value. A map with a repeated key has the last of its values. */
export type Value =
  | null
  | boolean
  | number
  | string
  | ByteString
  | ReadonlyArray<Value>
  | ReadonlyMap<string | number, Value>

/** Whether a value is an array. */
export const isArray = (value: Value | undefined): value is ReadonlyArray<Value> =>
  Array.isArray(value)

/** Whether a value is a map. */
export const isMap = (value: Value | undefined): value is ReadonlyMap<string | number, Value> =>
  value instanceof Map

/** How many arrays and maps may be inside each other. */
const maxDepth = 8

/**
 * Decodes the value that starts at `at`. Every length is compared with the
 * bytes that are left, so memory stays within a small multiple of the input.
 */
class Decoder {
  at: number
  fault: string | undefined
  private readonly bytes: Buffer
  private readonly end: number

  constructor(bytes: Buffer, start: number, end: number) {
    this.bytes = bytes
    this.at = start
    this.end = end
  }

  value(depth: number): Value {
    if (depth > maxDepth) return this.fail("nested too deeply")
    if (this.at >= this.end) return this.fail("cut short")
    const tag = this.bytes[this.at++] as number
    if (tag <= 0x7f) return tag
    if (tag <= 0x8f) return this.map(tag & 0x0f, depth)
    if (tag <= 0x9f) return this.array(tag & 0x0f, depth)
    if (tag <= 0xbf) return this.string(tag & 0x1f)
    if (tag >= 0xe0) return tag - 0x100
    switch (tag) {
      case 0xc0:
        return null
      case 0xc2:
        return false
      case 0xc3:
        return true
      case 0xc4:
        return this.byteString(this.length(1))
      case 0xc5:
        return this.byteString(this.length(2))
      case 0xc6:
        return this.byteString(this.length(4))
      case 0xd9:
        return this.string(this.length(1))
      case 0xda:
        return this.string(this.length(2))
      case 0xdb:
        return this.string(this.length(4))
      case 0xdc:
        return this.array(this.length(2), depth)
      case 0xdd:
        return this.array(this.length(4), depth)
      case 0xde:
        return this.map(this.length(2), depth)
      case 0xdf:
        return this.map(this.length(4), depth)
      default:
        return this.number(tag)
    }
  }

  private fail(detail: string): null {
    this.fault ??= detail
    return null
  }

  /** The offset of the next `count` bytes, which are skipped; -1 if there are fewer. */
  private skip(count: number): number {
    const start = this.at
    if (count > this.end - start) {
      this.fail("cut short")
      return -1
    }
    this.at = start + count
    return start
  }

  /** A length of 1, 2 or 4 bytes; one that cannot fit if it is cut short. */
  private length(width: number): number {
    const start = this.skip(width)
    return start < 0 ? Number.POSITIVE_INFINITY : this.bytes.readUIntBE(start, width)
  }

  private number(tag: number): Value {
    const { bytes } = this
    const width = numberWidth[tag - firstNumber]
    if (width === undefined || width === 0) return this.fail("a type that is not used")
    const start = this.skip(width)
    if (start < 0) return null
    switch (tag) {
      case 0xca:
        return bytes.readFloatBE(start)
      case 0xcb:
        return bytes.readDoubleBE(start)
      case 0xcf:
        return bytes.readUInt32BE(start) * 2 ** 32 + bytes.readUInt32BE(start + 4)
      case 0xd3:
        return bytes.readInt32BE(start) * 2 ** 32 + bytes.readUInt32BE(start + 4)
      default:
        return tag < 0xd0 ? bytes.readUIntBE(start, width) : bytes.readIntBE(start, width)
    }
  }

  private byteString(count: number): Value {
    const start = this.skip(count)
    return start < 0 ? null : new ByteString(this.bytes.toString("latin1", start, this.at))
  }

  /**
   * Bytes that are not UTF-8 become U+FFFD, which no rule for a text of ASCII
   * or Latin-1 accepts.
   */
  private string(count: number): Value {
    const start = this.skip(count)
    return start < 0 ? null : this.bytes.toString("utf8", start, this.at)
  }

  private array(count: number, depth: number): Value {
    if (count > this.end - this.at) return this.fail("cut short")
    const values: Array<Value> = []
    for (let i = 0; i < count; i++) {
      values.push(this.value(depth + 1))
      if (this.fault !== undefined) return null
    }
    return values
  }

  private map(count: number, depth: number): Value {
    if (2 * count > this.end - this.at) return this.fail("cut short")
    const entries = new Map<string | number, Value>()
    for (let i = 0; i < count; i++) {
      const key = this.value(depth + 1)
      if (typeof key !== "string" && typeof key !== "number")
        return this.fail("a key that is neither a text nor a number")
      entries.set(key, this.value(depth + 1))
      if (this.fault !== undefined) return null
    }
    return entries
  }
}

/** The bytes of each numeric type from `float 32` (0xca) to `int 64` (0xd3). */
const firstNumber = 0xca
const numberWidth = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8]

/** Decodes exactly one value that fills the bytes from `start` to `end`. */
export const decode = (
  bytes: Buffer,
  start = 0,
  end = bytes.length,
): Result.Result<Value, WireError> => {
  const decoder = new Decoder(bytes, start, end)
  const value = decoder.value(0)
  const detail = decoder.fault ?? (decoder.at === end ? undefined : "more than one value")
  return detail === undefined ? Result.succeed(value) : Result.fail(new WireError({ detail }))
}
