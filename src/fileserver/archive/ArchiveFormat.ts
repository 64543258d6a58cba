/**
 * What the forms of archives have in common: bytes around those of the files,
 * so that the length of the whole is known before any file is read.
 */
import type { ByteName } from "../names/ByteName.ts"

/** A file or folder in an archive. */
export interface Item {
  /** Where it goes: bytes, with slashes between names, without one at either end. */
  readonly path: ByteName
  readonly folder: boolean
  /** Bytes; 0 for a folder. */
  readonly size: number
  /** The last change in milliseconds since 1970. */
  readonly modified: number
}

/** Writes one archive; to be called in the order in which the archive is read. */
export interface Writer {
  /** What stands before the bytes of an item. */
  readonly before: (item: Item) => Uint8Array
  /** What stands behind them. */
  readonly after: (item: Item, crc: number) => Uint8Array
  /** What stands at the end of the archive. */
  readonly end: () => ReadonlyArray<Uint8Array>
}

/** A form of archives. */
export interface Format {
  readonly type: string
  /** The ending of its file names. */
  readonly extension: string
  /** Whether `after` needs the CRC-32 of the bytes. */
  readonly checksums: boolean
  readonly make: () => Writer
  /** The length of an archive of these items, in bytes. */
  readonly length: (items: ReadonlyArray<Item>) => number
}
