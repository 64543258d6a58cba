/**
 * The uploads that this process has begun. How many there may be is limited,
 * and those that nobody goes on with are deleted when they expire, also in
 * folders to which nothing is uploaded any more. Of complete ones the length is
 * remembered for a while: a client whose connection breaks at the end asks.
 */
import type { ByteName } from "../names/ByteName.ts"
import * as Root from "../root/Root.ts"
import { staleAfter } from "../uploads/Leftovers.ts"
import { PartFile } from "./PartFile.ts"

/** The most uploads that are begun and not complete. */
const maxUnfinished = 1_000
/** Of how many complete uploads the length is remembered. */
const maxFinished = 1_000
/** Milliseconds between searches for expired uploads. */
const interval = 60 * 60 * 1000

interface Unfinished {
  readonly id: string
  readonly segments: ReadonlyArray<ByteName>
  /** Milliseconds since 1970. */
  readonly begun: number
}

/** See the head of this file. */
export class UnfinishedUploads {
  private readonly root: Root.Root
  private readonly most: number
  private readonly uploads = new Map<string, Unfinished>()
  private readonly finished = new Map<string, number>()
  private timer: NodeJS.Timeout | undefined

  /** @param root in which uploads are found */
  constructor(root: Root.Root, most = maxUnfinished) {
    this.root = root
    this.most = most
  }

  /** Whether another upload may begin. */
  hasRoom(now: number): boolean {
    if (this.uploads.size >= this.most) void this.sweep(now)
    return this.uploads.size < this.most
  }

  add({ real, segments }: Root.OpenFolder, { id }: PartFile): void {
    this.uploads.set(`${real}/${id}`, { id, segments, begun: Date.now() })
    this.timer ??= setInterval(() => void this.sweep(Date.now()), interval).unref()
  }

  remove(key: string): void {
    this.uploads.delete(key)
    if (this.uploads.size > 0) return
    clearInterval(this.timer)
    this.timer = undefined
  }

  /** An upload is complete. */
  finish(key: string, length: number): void {
    this.remove(key)
    const [oldest] = this.finished.keys()
    if (this.finished.size >= maxFinished && oldest !== undefined) this.finished.delete(oldest)
    this.finished.set(key, length)
  }

  /** The length of an upload that was completed, unless that is long ago. */
  lengthOfFinished(key: string): number | undefined {
    return this.finished.get(key)
  }

  private async sweep(now: number): Promise<void> {
    for (const [key, { begun, id, segments }] of this.uploads) {
      if (now - begun < staleAfter) continue
      const folder = await Root.openFolder(this.root, segments)
      if (folder._tag !== "Folder") {
        this.remove(key)
        continue
      }
      // Deletes it if it has expired.
      const part = await PartFile.find(folder, id, now).catch(() => undefined)
      if (part === undefined) this.remove(key)
      Root.closeFolder(folder)
    }
  }
}
