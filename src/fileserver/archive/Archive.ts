/**
 * A folder and its content as one archive. All entries are listed first, so that
 * the length is known; then the files are read one by one, with back-pressure.
 * If a file has changed since it was listed, the body fails before its end, so
 * that no client takes a wrong archive for a complete one.
 */
import * as fs from "node:fs"
import { crc32 } from "node:zlib"
import * as PulledBody from "../../transport/body/PulledBody.ts"
import type { ByteName } from "../names/ByteName.ts"
import * as Folder from "../root/Folder.ts"
import type { HiddenFiles } from "../root/HiddenFiles.ts"
import * as Root from "../root/Root.ts"
import type { Format, Item } from "./ArchiveFormat.ts"

/** An item with its path in the shared folder. */
export interface ListedItem extends Item {
  readonly segments: ReadonlyArray<ByteName>
}

/** The most items of an archive. */
const maxItems = 1_000_000
/** Bytes per read; smaller pieces are collected up to this size. */
const chunk = 128 * 1024

const tooMany: Root.NotOpen = {
  _tag: "Broken",
  detail: `The folder has more than ${maxItems} entries; download its subfolders one by one.`,
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
 * Lists a folder and its subfolders. A folder that several links lead to is
 * listed once; one that cannot be read is left out.
 *
 * @param name the folder's name in the archive
 */
export const list = async (
  root: Root.Root,
  hidden: HiddenFiles,
  folder: ReadonlyArray<ByteName>,
  name: ByteName,
  isCancelled: () => boolean,
): Promise<ReadonlyArray<ListedItem> | Root.NotOpen> => {
  const items: Array<ListedItem> = []
  const visited = new Set<ByteName>()

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
      if (visited.has(opened.real)) return undefined
      visited.add(opened.real)
      const entries = await entriesOf(root, hidden, opened, isCancelled)
      if ("_tag" in entries) return entries
      items.push({ segments, path, folder: true, size: 0, modified: opened.modified })
      for (const entry of entries) {
        if (isCancelled()) return Root.absent
        if (items.length >= maxItems) return tooMany
        const inside = [...segments, entry.name]
        const to = `${path}/${entry.name}`
        if (!entry.folder) {
          items.push({ segments: inside, path: to, ...fieldsOf(entry) })
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

  return (await enter(folder, name)) ?? items
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

async function* contentOf(root: Root.Root, item: ListedItem): AsyncGenerator<Uint8Array, void> {
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
      // Before the last bytes: once they are out, the archive would look complete.
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
  items: ReadonlyArray<ListedItem>,
): AsyncGenerator<Uint8Array, void> {
  const writer = format.make()
  let collected: Array<Uint8Array> = []
  let collectedBytes = 0
  const collect = (part: Uint8Array): boolean => {
    collected.push(part)
    collectedBytes += part.length
    return collectedBytes >= chunk
  }
  const takeCollected = (): Uint8Array => {
    const all = collected.length === 1 ? (collected[0] as Uint8Array) : Buffer.concat(collected)
    collected = []
    collectedBytes = 0
    return all
  }
  for (const item of items) {
    if (collect(writer.before(item))) yield takeCollected()
    let crc = 0
    if (item.size > 0) {
      for await (const bytes of contentOf(root, item)) {
        if (format.checksums) crc = crc32(bytes, crc)
        if (bytes.length < chunk) {
          if (collect(bytes)) yield takeCollected()
        } else {
          if (collectedBytes > 0) yield takeCollected()
          yield bytes
        }
      }
    }
    if (collect(writer.after(item, crc))) yield takeCollected()
  }
  for (const part of writer.end()) if (collect(part)) yield takeCollected()
  if (collectedBytes > 0) yield takeCollected()
}

/** The archive of listed items, as a body. */
export const make = (
  root: Root.Root,
  format: Format,
  items: ReadonlyArray<ListedItem>,
): PulledBody.PulledBody => PulledBody.make(bytesOf(root, format, items), format.length(items))
