/**
 * An archive as a body. Its length is known from the listed items; then the
 * files are read one by one, with back-pressure. A file that has grown is sent
 * as long as it was. If one no longer has the bytes that were promised, the
 * body fails before its end, so that no client takes a wrong archive for a
 * complete one.
 */
import * as fs from "node:fs"
import * as PulledBody from "../../transport/body/PulledBody.ts"
import { toDisplay } from "../names/ByteName.ts"
import * as Root from "../root/Root.ts"
import type { Format } from "./ArchiveFormat.ts"
import type { ListedItem } from "./ArchiveItems.ts"

/** Bytes per read; smaller pieces are collected up to this size. */
const chunk = 128 * 1024

const open = (root: Root.Root, { folderSegments, name }: ListedItem): Promise<Root.Opened> =>
  Root.openEntry(root, name === undefined ? folderSegments : [...folderSegments, name])

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

/** Why a file does not have the promised bytes; `undefined` if it may have them. */
const changeOf = (item: ListedItem, { ino, size }: fs.BigIntStats): string | undefined => {
  const now = Number(size)
  if (now < item.size) return `it has changed from ${item.size} to ${now} bytes`
  // The beginning of a longer file with other content would be a wrong file.
  if (Number(ino) !== item.inode && now !== item.size) return "it has changed: it was replaced"
  return undefined
}

/** What an archive needs besides its items. */
export interface ArchiveContext {
  readonly root: Root.Root
  /** Tells the server's owner something. */
  readonly log: (message: string) => void
}

/** Makes the bytes of one archive. */
class ArchiveBytes {
  private readonly context: ArchiveContext
  private readonly items: ReadonlyArray<ListedItem>
  private readonly format: Format
  private collected: Array<Uint8Array> = []
  private collectedBytes = 0

  constructor(context: ArchiveContext, format: Format, items: ReadonlyArray<ListedItem>) {
    this.context = context
    this.format = format
    this.items = items
  }

  async *all(): AsyncGenerator<Uint8Array, void> {
    const writer = this.format.make()
    for (const item of this.items) {
      if (this.collect(writer.before(item))) yield this.takeCollected()
      if (item.size > 0) {
        for await (const bytes of this.contentOf(item)) {
          if (this.collect(writer.content(item, bytes))) yield this.takeCollected()
        }
      }
      if (this.collect(writer.after(item))) yield this.takeCollected()
    }
    for (const part of writer.end()) if (this.collect(part)) yield this.takeCollected()
    if (this.collectedBytes > 0) yield this.takeCollected()
  }

  /** Whether enough is collected to be sent. */
  private collect(part: Uint8Array): boolean {
    this.collected.push(part)
    this.collectedBytes += part.length
    return this.collectedBytes >= chunk
  }

  private takeCollected(): Uint8Array {
    const { collected } = this
    this.collected = []
    this.collectedBytes = 0
    return collected.length === 1 ? (collected[0] as Uint8Array) : Buffer.concat(collected)
  }

  /** A file's bytes, as many as were listed. */
  private async *contentOf(item: ListedItem): AsyncGenerator<Uint8Array, void> {
    if (item.bytes !== undefined) return yield item.bytes
    const opened = await open(this.context.root, item)
    if (opened._tag !== "File") {
      if (opened._tag === "Folder") Root.closeFolder(opened)
      throw this.cut(
        item,
        opened._tag === "Folder" ? "it has changed: it is a folder" : opened.detail,
      )
    }
    const { handle, stats } = opened
    try {
      const change = changeOf(item, stats)
      if (change !== undefined) throw this.cut(item, change)
      for (let at = 0; at < item.size; ) {
        const bytes = await this.read(item, handle, at)
        at += bytes.length
        yield bytes
      }
      const { mtimeNs, size } = await statOf(handle)
      if (mtimeNs !== stats.mtimeNs && size === stats.size) {
        this.context.log(`${toDisplay(item.path)} was written to while it was sent in an archive`)
      }
    } finally {
      Root.close(handle)
    }
  }

  private async read(item: ListedItem, handle: number, at: number): Promise<Uint8Array> {
    const bytes = await readAt(handle, Math.min(chunk, item.size - at), at).catch(
      (error: NodeJS.ErrnoException) => {
        throw this.cut(item, `it could not be read (${error.code})`)
      },
    )
    if (bytes.length > 0) return bytes
    throw this.cut(item, `it has changed from ${item.size} to ${at} bytes`)
  }

  /** Tells the owner why the archive is cut off; visitors see only that it is. */
  private cut({ path }: ListedItem, reason: string): Error {
    const message = `an archive was cut off at ${toDisplay(path)}: ${reason}`
    this.context.log(message)
    return new Error(message)
  }
}

/**
 * The archive of listed items.
 *
 * @param items renamed by the format
 */
export const make = (
  context: ArchiveContext,
  format: Format,
  items: ReadonlyArray<ListedItem>,
): PulledBody.PulledBody =>
  PulledBody.make(new ArchiveBytes(context, format, items).all(), format.length(items))
