/**
 * Tar archives in the pax interchange format (POSIX.1-2017, pax, "ustar
 * Interchange Format" and "pax Extended Header"). Long names, names that are not
 * ASCII, sizes from 8 GiB and times before 1970 are stored in an extended
 * header.
 */

import { isText } from "../names/ByteName.ts"
import { type Format, type Item, permissionsOf, type Writer } from "./ArchiveFormat.ts"

const block = 512
/** The largest number of eleven octal digits. */
const maxOctal = 8 ** 11 - 1

const padded = (length: number): number => Math.ceil(length / block) * block

const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, "0")

const header = (
  name: string,
  type: "0" | "5" | "x",
  mode: number,
  size: number,
  seconds: number,
): Buffer => {
  const into = Buffer.alloc(block)
  into.write(name.slice(0, 100), 0, "latin1")
  into.write(`${octal(mode, 7)}\0`, 100, "latin1")
  into.write(`${octal(0, 7)}\0`, 108, "latin1")
  into.write(`${octal(0, 7)}\0`, 116, "latin1")
  into.write(`${octal(size, 11)}\0`, 124, "latin1")
  into.write(`${octal(seconds, 11)}\0`, 136, "latin1")
  // The checksum counts its own field as spaces.
  into.write(" ".repeat(8), 148, "latin1")
  into.write(type, 156, "latin1")
  into.write("ustar\x0000", 257, "latin1")
  into.write(
    `${octal(
      into.reduce((sum, byte) => sum + byte, 0),
      6,
    )}\0 `,
    148,
    "latin1",
  )
  return into
}

/** `LENGTH KEY=VALUE`, where the length counts its own digits. */
const record = (key: string, value: string): string => {
  const rest = ` ${key}=${value}\n`
  let length = rest.length
  while (String(length).length + rest.length !== length) {
    length = String(length).length + rest.length
  }
  return `${length}${rest}`
}

const before = (item: Item): Buffer => {
  const name = item.folder ? `${item.path}/` : item.path
  const seconds = Math.floor(item.modified / 1000)
  const time = Math.min(Math.max(seconds, 0), maxOctal)
  const records = [
    // Without this record readers assume UTF-8.
    isText(name) ? "" : record("hdrcharset", "BINARY"),
    name.length > 100 || /[^\x20-\x7e]/.test(name) ? record("path", name) : "",
    item.size > maxOctal ? record("size", String(item.size)) : "",
    time === seconds ? "" : record("mtime", String(seconds)),
  ].join("")
  const size = item.size > maxOctal ? 0 : item.size
  const ustar = header(name, item.folder ? "5" : "0", permissionsOf(item), size, time)
  if (records === "") return ustar
  const extended = Buffer.alloc(padded(records.length))
  extended.write(records, "latin1")
  return Buffer.concat([header("PaxHeader", "x", 0o644, records.length, time), extended, ustar])
}

const after = (item: Item): Buffer => Buffer.alloc(padded(item.size) - item.size)

const make = (): Writer => ({
  before,
  content: (_, bytes) => bytes,
  after,
  end: () => [Buffer.alloc(2 * block)],
})

/** See {@link Format}. */
export const format: Format = {
  type: "application/x-tar",
  extension: "tar",
  rename: (items) => items,
  make,
  length: (items) =>
    items.reduce((sum, item) => sum + before(item).length + padded(item.size), 2 * block),
}
