/**
 * A folder with all that is in it as one archive: looked through first, so that
 * the length can be promised, then read file by file as fast as the visitor
 * takes it. A file that is not what it was when it was looked at cuts the
 * archive off: a wrong one never looks right.
 */
import * as fs from "node:fs"
import { crc32 } from "node:zlib"
import * as PulledBody from "../../transport/body/PulledBody.ts"
import type { ByteName } from "../names/ByteName.ts"
import * as Folder from "../root/Folder.ts"
import type { HiddenFiles } from "../root/HiddenFiles.ts"
import * as Root from "../root/Root.ts"
import type { Format, Item } from "./ArchiveFormat.ts"

/** An item and where it is found. */
export interface Found extends Item {
  readonly segments: ReadonlyArray<ByteName>
}

/** The most items of an archive. */
const maxItems = 1_000_000
/** Bytes per read, and the most that small parts are gathered to. */
const chunk = 128 * 1024

const tooMany: Root.NotOpen = {
  _tag: "Broken",
  detail: `The folder has more than ${maxItems} entries; take its subfolders one by one.`,
}

const open = (root: Root.Root, segments: ReadonlyArray<ByteName>): Promise<Root.Opened> =>
  new Promise((resolve) => root.open(segments, resolve))

const entriesOf = (
  root: Root.Root,
  hidden: HiddenFiles,
  folder: Root.OpenFolder,
  isCancelled: () => boolean,
): Promise<ReadonlyArray<Folder.Entry> | Root.NotOpen> =>
  new Promise((resolve) => Folder.read(root, hidden, folder, isCancelled, resolve))

/**
 * Looks through a folder, with the folders in it. A folder that several links
 * lead to is found once; one that cannot be read is empty.
 *
 * @param name what the folder is called in the archive
 */
export const find = async (
  root: Root.Root,
  hidden: HiddenFiles,
  folder: ReadonlyArray<ByteName>,
  name: ByteName,
  isCancelled: () => boolean,
): Promise<ReadonlyArray<Found> | Root.NotOpen> => {
  const found: Array<Found> = []
  const seen = new Set<ByteName>()

  const enter = async (
    segments: ReadonlyArray<ByteName>,
    path: ByteName,
  ): Promise<Root.NotOpen | undefined> => {
    const opened = await open(root, segments)
    if (opened._tag !== "Folder") {
      if (opened._tag === "File") Root.close(opened.handle)
      return opened._tag === "File" ? Root.absent : opened
    }
    try {
      if (seen.has(opened.real)) return undefined
      seen.add(opened.real)
      const entries = await entriesOf(root, hidden, opened, isCancelled)
      if ("_tag" in entries) return entries
      found.push({ segments, path, folder: true, size: 0, modified: opened.modified })
      for (const entry of entries) {
        if (isCancelled()) return Root.absent
        if (found.length >= maxItems) return tooMany
        const inside = [...segments, entry.name]
        const to = `${path}/${entry.name}`
        if (!entry.folder) {
          found.push({ segments: inside, path: to, ...fieldsOf(entry) })
        } else {
          const failure = await enter(inside, to)
          if (failure === tooMany) return failure
        }
      }
      return undefined
    } finally {
      if (opened.handle !== undefined) Root.close(opened.handle)
    }
  }

  return (await enter(folder, name)) ?? found
}

const fieldsOf = ({ folder, modified, size }: Folder.Entry) => ({ folder, modified, size })

const changed = (item: Item): Error => new Error(`a file changed meanwhile: ${item.path}`)

const isSame = (stats: fs.BigIntStats, item: Item, first: fs.BigIntStats): boolean =>
  Number(stats.size) === item.size && stats.mtimeNs === first.mtimeNs

const statOf = (handle: number): Promise<fs.BigIntStats> =>
  new Promise((resolve, reject) =>
    fs.fstat(handle, { bigint: true }, (error, stats) =>
      error === null ? resolve(stats) : reject(error),
    ),
  )

const readAt = (handle: number, length: number, position: number): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const buffer = Buffer.allocUnsafeSlow(length)
    fs.read(handle, buffer, 0, length, position, (error, count) =>
      error === null ? resolve(buffer.subarray(0, count)) : reject(error),
    )
  })

async function* contentOf(root: Root.Root, item: Found): AsyncGenerator<Uint8Array, void> {
  const opened = await open(root, item.segments)
  if (opened._tag === "Folder" && opened.handle !== undefined) Root.close(opened.handle)
  if (opened._tag !== "File") throw changed(item)
  const { handle, stats } = opened
  try {
    // The listing's times are rounded.
    const moved = Math.abs(Number(stats.mtimeNs / 1_000_000n) - item.modified) > 1
    if (moved || !isSame(stats, item, stats)) throw changed(item)
    for (let at = 0; at < item.size; ) {
      const bytes = await readAt(handle, Math.min(chunk, item.size - at), at)
      if (bytes.length === 0) throw changed(item)
      at += bytes.length
      // Before the last bytes: once they are out, the archive would look right.
      if (at === item.size && !isSame(await statOf(handle), item, stats)) throw changed(item)
      yield bytes
    }
  } finally {
    Root.close(handle)
  }
}

async function* bytesOf(
  root: Root.Root,
  format: Format,
  items: ReadonlyArray<Found>,
): AsyncGenerator<Uint8Array, void> {
  const writer = format.make()
  let small: Array<Uint8Array> = []
  let gathered = 0
  const gather = (part: Uint8Array): boolean => {
    small.push(part)
    gathered += part.length
    return gathered >= chunk
  }
  const taken = (): Uint8Array => {
    const all = small.length === 1 ? (small[0] as Uint8Array) : Buffer.concat(small)
    small = []
    gathered = 0
    return all
  }
  for (const item of items) {
    if (gather(writer.before(item))) yield taken()
    let crc = 0
    if (item.size > 0) {
      for await (const bytes of contentOf(root, item)) {
        if (format.checksums) crc = crc32(bytes, crc)
        if (bytes.length < chunk) {
          if (gather(bytes)) yield taken()
        } else {
          if (gathered > 0) yield taken()
          yield bytes
        }
      }
    }
    if (gather(writer.after(item, crc))) yield taken()
  }
  for (const part of writer.end()) if (gather(part)) yield taken()
  if (gathered > 0) yield taken()
}

/** The archive of what was found. */
export const make = (
  root: Root.Root,
  format: Format,
  items: ReadonlyArray<Found>,
): PulledBody.PulledBody => PulledBody.make(bytesOf(root, format, items), format.length(items))
