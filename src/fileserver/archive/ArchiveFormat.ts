/**
 * The interface of archive formats. They do not compress, so that the length
 * of an archive is known before any file is read.
 */
import type { ByteName } from "../names/ByteName.ts"

/** A file or folder in an archive. */
export interface Item {
  /** The path in the archive: bytes, separated by slashes, without one at either end. */
  readonly path: ByteName
  readonly folder: boolean
  /** Bytes; 0 for a folder. */
  readonly size: number
  /** The last change in milliseconds since 1970. */
  readonly modified: number
  /** Whether it is a program or a script that its owner may execute. */
  readonly executable?: boolean
}

/** The permissions of an item: those that a new one gets, since those of the server's users mean nothing elsewhere. */
export const permissionsOf = ({ executable, folder }: Item): number =>
  folder || executable === true ? 0o755 : 0o644

/** Writes one archive; called in the order of the items. */
export interface Writer {
  /** The bytes before the content of an item. */
  readonly before: (item: Item) => Uint8Array
  /** Some bytes of an item's content, as they are in the archive. */
  readonly content: (item: Item, bytes: Uint8Array) => Uint8Array
  /** The bytes after the content. */
  readonly after: (item: Item) => Uint8Array
  /** The bytes at the end of the archive. */
  readonly end: () => ReadonlyArray<Uint8Array>
}

/** An archive format. */
export interface Format {
  /** The media type. */
  readonly type: string
  /** The file name extension, without the dot. */
  readonly extension: string
  /** The same items under paths that the format allows; folders precede what is in them. */
  readonly rename: <A extends Item>(items: ReadonlyArray<A>) => ReadonlyArray<A>
  readonly make: () => Writer
  /** The length of an archive of these items, in bytes. */
  readonly length: (items: ReadonlyArray<Item>) => number
}
