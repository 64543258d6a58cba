/**
 * Zip archives (PKWARE's APPNOTE 6.3.10), written in one pass. Content is in
 * blocks of DEFLATE that are stored (RFC 1951 3.2.4): they mark their own end,
 * so that an archive can also be read from its beginning, and their length is
 * known beforehand. Checksum and sizes follow the content. Zip64 is used where
 * sizes, offsets and counts need it (4.3.14, 4.5.3); times are exact to the
 * second in every time zone.
 */
import { crc32 } from "node:zlib"
import { isText } from "../names/ByteName.ts"
import { type Format, type Item, permissionsOf, type Writer } from "./ArchiveFormat.ts"
import * as ZipNames from "./ZipNames.ts"

const max16 = 0xffff
const max32 = 0xffffffff
const stored = 0
const deflated = 8

/** The most bytes of a stored block, and those of its header. */
const maxBlock = max16
const blockHeaderLength = 5

const bytesOf = (item: Item): Buffer =>
  Buffer.from(item.folder ? `${item.path}/` : item.path, "latin1")

/** The bytes of an item's content with the headers of its blocks. */
const packedSize = ({ size }: Item): number => size + blockHeaderLength * Math.ceil(size / maxBlock)

const methodOf = ({ size }: Item): number => (size > 0 ? deflated : stored)
const isLarge = (item: Item): boolean => packedSize(item) >= max32
/** Bit 3: the checksum and the sizes follow; bit 11: the name is UTF-8. */
const flagsOf = (item: Item): number => (item.size > 0 ? 8 : 0) | (isText(item.path) ? 0x800 : 0)
const versionOf = (item: Item): number => (isLarge(item) ? 45 : 20)

const blockHeader = (length: number, isLast: boolean): Buffer => {
  const header = Buffer.alloc(blockHeaderLength)
  header.writeUInt8(isLast ? 1 : 0, 0)
  header.writeUInt16LE(length, 1)
  header.writeUInt16LE(~length & max16, 3)
  return header
}

const writeDosTime = (into: Buffer, at: number, millis: number): void => {
  const time = new Date(Math.min(Math.max(millis, Date.UTC(1980, 0, 1)), Date.UTC(2107, 11, 31)))
  into.writeUInt16LE(
    (time.getUTCHours() << 11) | (time.getUTCMinutes() << 5) | (time.getUTCSeconds() >> 1),
    at,
  )
  into.writeUInt16LE(
    ((time.getUTCFullYear() - 1980) << 9) | ((time.getUTCMonth() + 1) << 5) | time.getUTCDate(),
    at + 2,
  )
}

/** Info-ZIP's extended timestamp: seconds since 1970 in 32 bits. */
const unixTime = (seconds: number): Buffer => {
  const field = Buffer.alloc(9)
  field.writeUInt16LE(0x5455, 0)
  field.writeUInt16LE(5, 2)
  field.writeUInt8(1, 4)
  field.writeInt32LE(seconds, 5)
  return field
}

/** The largest time of NTFS in seconds: 63 bits of 100 ns. */
const maxNtfsSeconds = 900_000_000_000

/** The times of NTFS (4.5.5): units of 100 ns since 1601. */
const ntfsTimes = (seconds: number): Buffer => {
  const since1601 = Math.min(Math.max(seconds + 11_644_473_600, 0), maxNtfsSeconds)
  const time = BigInt(since1601) * 10_000_000n
  const field = Buffer.alloc(36)
  field.writeUInt16LE(0x000a, 0)
  field.writeUInt16LE(32, 2)
  field.writeUInt16LE(1, 8)
  field.writeUInt16LE(24, 10)
  for (const at of [12, 20, 28]) field.writeBigInt64LE(time, at)
  return field
}

/** The field for a time that DOS times cannot hold exactly. */
const timestamp = (millis: number): Buffer => {
  const seconds = Math.floor(millis / 1000)
  return seconds === (seconds | 0) ? unixTime(seconds) : ntfsTimes(seconds)
}

const zip64 = (...values: ReadonlyArray<number>): Buffer => {
  const field = Buffer.alloc(4 + 8 * values.length)
  field.writeUInt16LE(1, 0)
  field.writeUInt16LE(8 * values.length, 2)
  for (const [i, value] of values.entries()) field.writeBigUInt64LE(BigInt(value), 4 + 8 * i)
  return field
}

const localHeader = (item: Item): Buffer => {
  const name = bytesOf(item)
  const extra = isLarge(item) ? [timestamp(item.modified), zip64(0, 0)] : [timestamp(item.modified)]
  const fixed = Buffer.alloc(30)
  fixed.writeUInt32LE(0x04034b50, 0)
  fixed.writeUInt16LE(versionOf(item), 4)
  fixed.writeUInt16LE(flagsOf(item), 6)
  fixed.writeUInt16LE(methodOf(item), 8)
  writeDosTime(fixed, 10, item.modified)
  if (isLarge(item)) {
    fixed.writeUInt32LE(max32, 18)
    fixed.writeUInt32LE(max32, 22)
  }
  fixed.writeUInt16LE(name.length, 26)
  fixed.writeUInt16LE(lengthOf(extra), 28)
  return Buffer.concat([fixed, name, ...extra])
}

const descriptor = (item: Item, crc: number): Buffer => {
  if (item.size === 0) return Buffer.alloc(0)
  const large = isLarge(item)
  const record = Buffer.alloc(large ? 24 : 16)
  record.writeUInt32LE(0x08074b50, 0)
  record.writeUInt32LE(crc, 4)
  if (large) {
    record.writeBigUInt64LE(BigInt(packedSize(item)), 8)
    record.writeBigUInt64LE(BigInt(item.size), 16)
  } else {
    record.writeUInt32LE(packedSize(item), 8)
    record.writeUInt32LE(item.size, 12)
  }
  return record
}

const centralHeader = (item: Item, crc: number, offset: number): Buffer => {
  const name = bytesOf(item)
  const values = [
    ...(isLarge(item) ? [item.size, packedSize(item)] : []),
    ...(offset >= max32 ? [offset] : []),
  ]
  const extra = [timestamp(item.modified), ...(values.length === 0 ? [] : [zip64(...values)])]
  const fixed = Buffer.alloc(46)
  fixed.writeUInt32LE(0x02014b50, 0)
  // Made by this version of the format on Unix, whose modes are in the attributes.
  fixed.writeUInt16LE((3 << 8) | 45, 4)
  fixed.writeUInt16LE(values.length > 0 ? 45 : versionOf(item), 6)
  fixed.writeUInt16LE(flagsOf(item), 8)
  fixed.writeUInt16LE(methodOf(item), 10)
  writeDosTime(fixed, 12, item.modified)
  fixed.writeUInt32LE(crc, 16)
  fixed.writeUInt32LE(isLarge(item) ? max32 : packedSize(item), 20)
  fixed.writeUInt32LE(isLarge(item) ? max32 : item.size, 24)
  fixed.writeUInt16LE(name.length, 28)
  fixed.writeUInt16LE(lengthOf(extra), 30)
  fixed.writeUInt16LE(item.folder ? 0x10 : 0, 38)
  fixed.writeUInt16LE((item.folder ? 0o040000 : 0o100000) | permissionsOf(item), 40)
  fixed.writeUInt32LE(Math.min(offset, max32), 42)
  return Buffer.concat([fixed, name, ...extra])
}

const endRecords = (count: number, start: number, size: number): Buffer => {
  const needs64 = count >= max16 || start >= max32 || size >= max32
  const large = Buffer.alloc(needs64 ? 76 : 0)
  if (needs64) {
    large.writeUInt32LE(0x06064b50, 0)
    large.writeBigUInt64LE(44n, 4)
    large.writeUInt16LE((3 << 8) | 45, 12)
    large.writeUInt16LE(45, 14)
    large.writeBigUInt64LE(BigInt(count), 24)
    large.writeBigUInt64LE(BigInt(count), 32)
    large.writeBigUInt64LE(BigInt(size), 40)
    large.writeBigUInt64LE(BigInt(start), 48)
    large.writeUInt32LE(0x07064b50, 56)
    large.writeBigUInt64LE(BigInt(start + size), 64)
    large.writeUInt32LE(1, 72)
  }
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(Math.min(count, max16), 8)
  end.writeUInt16LE(Math.min(count, max16), 10)
  end.writeUInt32LE(Math.min(size, max32), 12)
  end.writeUInt32LE(Math.min(start, max32), 16)
  return Buffer.concat([large, end])
}

const lengthOf = (parts: ReadonlyArray<Uint8Array>): number =>
  parts.reduce((sum, part) => sum + part.length, 0)

class ZipWriter implements Writer {
  private readonly central: Array<Buffer> = []
  private offset = 0
  /** Where the current item begins. */
  private start = 0
  private crc = 0
  /** The bytes of the current item, and of its current block, that are to come. */
  private itemLeft = 0
  private blockLeft = 0

  before(item: Item): Uint8Array {
    this.start = this.offset
    this.crc = 0
    this.itemLeft = item.size
    const header = localHeader(item)
    this.offset += header.length + packedSize(item)
    return header
  }

  content(_: Item, bytes: Uint8Array): Uint8Array {
    this.crc = crc32(bytes, this.crc)
    const parts: Array<Uint8Array> = []
    for (let at = 0; at < bytes.length; ) {
      if (this.blockLeft === 0) {
        this.blockLeft = Math.min(maxBlock, this.itemLeft)
        parts.push(blockHeader(this.blockLeft, this.blockLeft === this.itemLeft))
      }
      const part = bytes.subarray(at, at + this.blockLeft)
      parts.push(part)
      at += part.length
      this.itemLeft -= part.length
      this.blockLeft -= part.length
    }
    return Buffer.concat(parts)
  }

  after(item: Item): Uint8Array {
    const record = descriptor(item, this.crc)
    this.offset += record.length
    this.central.push(centralHeader(item, this.crc, this.start))
    return record
  }

  end(): ReadonlyArray<Uint8Array> {
    const { central, offset } = this
    return [...central, endRecords(central.length, offset, lengthOf(central))]
  }
}

/** See {@link Format}. */
export const format: Format = {
  type: "application/zip",
  extension: "zip",
  rename: ZipNames.rename,
  make: () => new ZipWriter(),
  length: (items) => {
    let offset = 0
    let central = 0
    for (const item of items) {
      central += centralHeader(item, 0, offset).length
      offset += localHeader(item).length + packedSize(item) + descriptor(item, 0).length
    }
    return offset + central + endRecords(items.length, offset, central).length
  },
}
