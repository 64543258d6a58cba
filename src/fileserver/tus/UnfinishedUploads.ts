/**
 * The uploads that this process has begun. Their number is limited: if there are
 * too many, the network that has begun most of them loses the one that was not
 * continued for the longest time. An upload that a request works on is lost only
 * if there is no other. Uploads that are not continued are deleted when they
 * expire, also in folders to which nothing is uploaded any more. The length of a
 * complete upload is remembered for a while, for clients whose connection breaks
 * at the end.
 */
import { networkOf, spares } from "../../domain/visitor/FairShare.ts"
import type { ByteName } from "../names/ByteName.ts"
import * as Root from "../root/Root.ts"
import { staleAfter } from "../uploads/Leftovers.ts"
import { PartFile } from "./PartFile.ts"
import type { UploadTurns } from "./UploadTurns.ts"

/** The most uploads that are begun and not complete. */
const maxUnfinished = 1_000
/** Of how many complete uploads the length is remembered. */
const maxFinished = 1_000
/** Milliseconds between searches for expired uploads. */
const interval = 60 * 60 * 1000

interface Unfinished {
  readonly id: string
  readonly segments: ReadonlyArray<ByteName>
  /** When it expires unless somebody has gone on with it, in milliseconds since 1970. */
  expires: number
  /** The visitor's: an IPv4 /24, an IPv6 /48. */
  readonly network: string
}

/** See the head of this file. */
export class UnfinishedUploads {
  private readonly root: Root.Root
  private readonly turns: UploadTurns
  private readonly most: number
  /** By their keys; the one that was not continued for the longest time is the first. */
  private readonly uploads = new Map<string, Unfinished>()
  private readonly finished = new Map<string, number>()
  private timer: NodeJS.Timeout | undefined

  /** @param root in which uploads are found */
  constructor(root: Root.Root, turns: UploadTurns, most = maxUnfinished) {
    this.root = root
    this.turns = turns
    this.most = most
  }

  /**
   * Whether another upload may begin; another network may lose one for it.
   *
   * @param address of the visitor who begins it
   */
  async makeRoom(address: string, now: number): Promise<boolean> {
    if (this.uploads.size < this.most) return true
    await this.sweep(now)
    if (this.uploads.size < this.most) return true
    const key = this.spareFor(networkOf(address))
    if (key === undefined) return false
    await this.delete(key, now)
    return true
  }

  add({ real, segments }: Root.OpenFolder, { id }: PartFile, address: string): void {
    const expires = Date.now() + staleAfter
    const upload = { id, segments, expires, network: networkOf(address) }
    this.uploads.set(`${real}/${id}`, upload)
    this.timer ??= setInterval(() => void this.sweep(Date.now()), interval).unref()
  }

  /** Whether an upload is begun and not complete. */
  has(key: string): boolean {
    return this.uploads.has(key)
  }

  /** Somebody goes on with an upload. */
  touch(key: string): void {
    const upload = this.uploads.get(key)
    if (upload === undefined) return
    this.uploads.delete(key)
    this.uploads.set(key, upload)
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

  /** The upload that makes room: of the network with the most, if that has at least two more than the one that asks. */
  private spareFor(asking: string): string | undefined {
    const uploads = [...this.uploads].map(([key, { network }]) => ({ key, network }))
    const keys = spares(uploads, asking).map(({ key }) => key)
    return keys.find((key) => !this.turns.isRunning(key)) ?? keys[0]
  }

  private async sweep(now: number): Promise<void> {
    for (const [key, upload] of this.uploads) {
      if (now < upload.expires || this.turns.isRunning(key)) continue
      await this.visit(key, now, async ({ expires }) => {
        upload.expires = expires
      })
    }
  }

  /** Deletes an upload that no client has continued. */
  private delete(key: string, now: number): Promise<void> {
    return this.visit(key, now, async (part) => {
      this.remove(key)
      await part.remove().catch(() => {})
    })
  }

  /** Finds an upload, which deletes it if it has expired, while no request works on it. What is not there any more is forgotten. */
  private async visit(
    key: string,
    now: number,
    work: (part: PartFile) => Promise<void>,
  ): Promise<void> {
    const leave = await this.turns.enter(key, () => {})
    try {
      const upload = this.uploads.get(key)
      if (upload === undefined) return
      const folder = await Root.openFolder(this.root, upload.segments)
      if (folder._tag !== "Folder") return this.remove(key)
      const part = await PartFile.find(folder, upload.id, now).catch(() => undefined)
      if (part === undefined) this.remove(key)
      else await work(part)
      Root.closeFolder(folder)
    } finally {
      leave()
    }
  }
}
