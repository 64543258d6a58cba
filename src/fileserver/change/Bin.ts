/**
 * The bin: what visitors delete is kept in a folder of the shared folder that
 * is never served, for a week, and can be put back. The oldest is deleted for
 * good when there is too much.
 */
import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import { type ByteName, toFsPath } from "../names/ByteName.ts"
import { binName } from "../names/TargetPath.ts"
import type * as Root from "../root/Root.ts"
import * as FileCheck from "../uploads/FileCheck.ts"
import type * as Refusal from "../uploads/Refusal.ts"
import * as UploadFailure from "../uploads/UploadFailure.ts"
import * as ChangeRefusal from "./ChangeRefusal.ts"
import { everythingBelow } from "./EverythingBelow.ts"
import type { Located } from "./Located.ts"
import { moveEntry, NotRemoved } from "./MoveEntry.ts"

/** How long deleted things are kept, in milliseconds. */
export const keptFor = 7 * 24 * 60 * 60 * 1000
/** Milliseconds between sweeps. */
const interval = 60 * 60 * 1000
/** The most deleted things. */
const maxItems = 1_000
/** The most bytes of deleted files; the last deleted thing is kept in any case. */
export const maxBytes = 10 * 1024 * 1024 * 1024

/** Something deleted. */
export interface BinItem {
  readonly id: string
  /** Where it was, below the shared folder. */
  readonly segments: ReadonlyArray<ByteName>
  /** When it was deleted, in milliseconds since 1970. */
  readonly deleted: number
  readonly folder: boolean
  /** Bytes; those of the files in a folder, as far as they were counted. */
  readonly size: number
}

const idPattern = /^[0-9a-f]{24}$/
/** The most files of a folder whose bytes are counted. */
const maxCounted = 20_000

const isItem = (value: unknown): value is Omit<BinItem, "id"> => {
  const item = value as Partial<BinItem> | null
  return (
    typeof item === "object" &&
    item !== null &&
    Array.isArray(item.segments) &&
    item.segments.length > 0 &&
    item.segments.every((segment) => typeof segment === "string") &&
    typeof item.deleted === "number" &&
    typeof item.size === "number"
  )
}

const sizeOf = async (entry: Located): Promise<number> => {
  if (entry.stats?.isDirectory() !== true) return Number(entry.stats?.size ?? 0n)
  let size = 0
  let remaining = maxCounted
  for await (const { isFolder, path } of everythingBelow(entry)) {
    if (--remaining < 0) break
    if (!isFolder) size += (await fs.promises.lstat(path)).size
  }
  return size
}

/** See the head of this file. */
export class Bin {
  private readonly root: Root.Root
  private readonly now: () => number
  private readonly most: number
  private sweeping: Promise<void> = Promise.resolve()
  private nextSweep: "none" | "wanted" = "none"
  private timer: NodeJS.Timeout | undefined

  /** @param now milliseconds since 1970 */
  constructor(root: Root.Root, now: () => number = Date.now, most = maxItems) {
    this.root = root
    this.now = now
    this.most = most
  }

  /** Moves an entry into the bin; gives its id there, or why that cannot be done. */
  async put(entry: Located): Promise<BinItem | Refusal.Refusal> {
    const folder = await this.makeFolder()
    if (folder === undefined) return ChangeRefusal.noBin
    const id = randomBytes(12).toString("hex")
    const place = `${folder}/${id}`
    const item: BinItem = {
      id,
      segments: entry.segments,
      deleted: this.now(),
      folder: entry.stats?.isDirectory() === true,
      size: await sizeOf(entry).catch(() => 0),
    }
    const { id: _, ...description } = item
    try {
      await fs.promises.mkdir(toFsPath(place), { mode: 0o700 })
      await fs.promises.writeFile(toFsPath(`${place}/info`), JSON.stringify(description))
      await moveEntry(entry.path, toFsPath(`${place}/entry`))
    } catch (error) {
      // Some of the original is gone: the copy is all there is.
      if (!(error instanceof NotRemoved))
        await fs.promises.rm(toFsPath(place), { recursive: true, force: true }).catch(() => {})
      if (UploadFailure.of(error)._tag === "Full") return ChangeRefusal.binFull
      throw error
    }
    this.sweepSoon()
    return item
  }

  /** Sweeps now, and every hour from now on. */
  start(): void {
    this.sweepSoon()
    this.timer ??= setInterval(() => this.sweepSoon(), interval).unref()
  }

  /** Everything in the bin, the last deleted first. */
  async list(): Promise<ReadonlyArray<BinItem>> {
    const names = await fs.promises
      .readdir(toFsPath(this.folder), { encoding: "latin1" })
      .catch(() => [])
    const items = await Promise.all(
      names.filter((name) => idPattern.test(name)).map((id) => this.find(id)),
    )
    return items.filter((item) => item !== undefined).sort((a, b) => b.deleted - a.deleted)
  }

  /** Something in the bin. */
  async find(id: string): Promise<BinItem | undefined> {
    if (!idPattern.test(id)) return undefined
    try {
      const text = await fs.promises.readFile(toFsPath(`${this.folder}/${id}/info`), "utf8")
      const value: unknown = JSON.parse(text)
      return isItem(value) ? { ...value, id } : undefined
    } catch {
      return undefined
    }
  }

  /** Puts something back under a name that is free. Rejects with errors of the file system. */
  async restore({ id }: BinItem, to: Located): Promise<void> {
    await moveEntry(toFsPath(`${this.folder}/${id}/entry`), to.path)
    await this.remove(id)
  }

  /** Deletes something in the bin for good. Rejects with errors of the file system. */
  async remove(id: string): Promise<void> {
    await fs.promises.rm(toFsPath(`${this.folder}/${id}`), { recursive: true, force: true })
  }

  /** Deletes for good what has been there for long, and the oldest of too much. */
  async sweep(): Promise<void> {
    const oldest = this.now() - keptFor
    let items = 0
    let bytes = 0
    for (const { deleted, id, size } of await this.list()) {
      items++
      bytes += size
      const isTooMuch = items > 1 && (items > this.most || bytes > maxBytes)
      if (deleted < oldest || isTooMuch) await this.remove(id)
    }
  }

  /** Sweeps after what runs, once for all who want it meanwhile. */
  private sweepSoon(): void {
    if (this.nextSweep === "wanted") return
    this.nextSweep = "wanted"
    this.sweeping = this.sweeping
      .then(() => {
        this.nextSweep = "none"
        return this.sweep()
      })
      .catch(() => {})
  }

  /** Resolves when nothing is being deleted for good. */
  get settled(): Promise<void> {
    return this.sweeping
  }

  private get folder(): ByteName {
    return this.root.pathOf([binName])
  }

  /** The path of the bin, which is made if there is none; `undefined` if it is a link or cannot be made. */
  private async makeFolder(): Promise<ByteName | undefined> {
    const path = toFsPath(this.folder)
    await fs.promises.mkdir(path, { mode: 0o700 }).catch(() => {})
    const stats = await FileCheck.statOf(path)
    return stats?.isDirectory() === true ? this.folder : undefined
  }
}
