/**
 * Zip archives of stored files (PKWARE's APPNOTE 6.3.10), written in one pass:
 * checksums follow the content. Zip64 is used where sizes, offsets and counts
 * need it (4.3.14, 4.5.3); times are exact to the second in every time zone.
 */

import { isText } from "../names/ByteName.ts"
import type { Format, Item, Writer } from "./ArchiveFormat.ts"

const max16 = 0xffff
const max32 = 0xffffffff

const bytesOf = (item: Item): Buffer =>
  Buffer.from(item.folder ? `${item.path}/` : item.path, "latin1")

const isLarge = (item: Item): boolean => item.size >= max32
/** Bit 3: the checksum and the sizes follow; bit 11: the name is UTF-8. */
const flagsOf = (item: Item): number => (item.size > 0 ? 8 : 0) | (isText(item.path) ? 0x800 : 0)
const versionOf = (item: Item): number => (isLarge(item) ? 45 : 20)

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

/** Info-ZIP's extended timestamp: seconds since 1970. */
const timestamp = (millis: number): Buffer => {
  const field = Buffer.alloc(9)
  field.writeUInt16LE(0x5455, 0)
  field.writeUInt16LE(5, 2)
  field.writeUInt8(1, 4)
  field.writeInt32LE(Math.min(Math.max(Math.floor(millis / 1000), -(2 ** 31)), 2 ** 31 - 1), 5)
  return field
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
    record.writeBigUInt64LE(BigInt(item.size), 8)
    record.writeBigUInt64LE(BigInt(item.size), 16)
  } else {
    record.writeUInt32LE(item.size, 8)
    record.writeUInt32LE(item.size, 12)
  }
  return record
}

const centralHeader = (item: Item, crc: number, offset: number): Buffer => {
  const name = bytesOf(item)
  const values = [
    ...(isLarge(item) ? [item.size, item.size] : []),
    ...(offset >= max32 ? [offset] : []),
  ]
  const extra = [timestamp(item.modified), ...(values.length === 0 ? [] : [zip64(...values)])]
  const fixed = Buffer.alloc(46)
  fixed.writeUInt32LE(0x02014b50, 0)
  // Made by this version of the format on Unix, whose modes are in the attributes.
  fixed.writeUInt16LE((3 << 8) | 45, 4)
  fixed.writeUInt16LE(values.length > 0 ? 45 : versionOf(item), 6)
  fixed.writeUInt16LE(flagsOf(item), 8)
  writeDosTime(fixed, 12, item.modified)
  fixed.writeUInt32LE(crc, 16)
  fixed.writeUInt32LE(Math.min(item.size, max32), 20)
  fixed.writeUInt32LE(Math.min(item.size, max32), 24)
  fixed.writeUInt16LE(name.length, 28)
  fixed.writeUInt16LE(lengthOf(extra), 30)
  fixed.writeUInt32LE(item.folder ? ((0o040755 << 16) >>> 0) + 0x10 : (0o100644 << 16) >>> 0, 38)
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

const make = (): Writer => {
  const central: Array<Buffer> = []
  let offset = 0
  let start = 0
  return {
    before: (item) => {
      start = offset
      const header = localHeader(item)
      offset += header.length
      return header
    },
    after: (item, crc) => {
      const record = descriptor(item, crc)
      offset += item.size + record.length
      central.push(centralHeader(item, crc, start))
      return record
    },
    end: () => [...central, endRecords(central.length, offset, lengthOf(central))],
  }
}

/** See {@link Format}. */
export const format: Format = {
  type: "application/zip",
  extension: "zip",
  checksums: true,
  make,
  length: (items) => {
    let offset = 0
    let central = 0
    for (const item of items) {
      central += centralHeader(item, 0, offset).length
      offset += localHeader(item).length + item.size + descriptor(item, 0).length
    }
    return offset + central + endRecords(items.length, offset, central).length
  },
}
