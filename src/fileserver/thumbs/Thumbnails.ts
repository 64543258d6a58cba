/**
 * Answers `?thumb=160|320|640` of a file: a small picture of it, or the icon of
 * its kind. Pictures are made smaller by sharp in processes of their own, two
 * at a time; further requests wait, and if too many do, they get 503. What was
 * made is cached, and so is that nothing could be made.
 */
import { createHash } from "node:crypto"
import type * as fs from "node:fs"
import * as Html from "../../web/Html.ts"
import * as Decision from "../http/Decision.ts"
import * as HttpDate from "../http/HttpDate.ts"
import type { ThumbSize } from "../http/Query.ts"
import type { ByteName } from "../names/ByteName.ts"
import * as Root from "../root/Root.ts"
import * as FileBody from "../send/FileBody.ts"
import type { FileRequest } from "../send/FileRequest.ts"
import * as Exif from "../types/Exif.ts"
import * as FileTypes from "../types/FileTypes.ts"
import { type Kind, kinds } from "../types/Kind.ts"
import * as EmbeddedPreview from "./EmbeddedPreview.ts"
import * as MediaTool from "./MediaTool.ts"
import type { ThumbCache } from "./ThumbCache.ts"
import * as ThumbFormat from "./ThumbFormat.ts"
import type { Thumb } from "./ThumbJob.ts"
import { isThumb, ThumbProcess } from "./ThumbProcess.ts"

/** Changes when pictures of the same file are made otherwise. */
const version = 2
/** How many pictures are made at the same time. */
const concurrency = 2
/** The most requests that wait. */
const maxWaiting = 256
/** The largest picture that is made smaller, in bytes. */
const maxSource = 64 * 1024 * 1024
/** How many files are remembered of which no picture could be made. */
const maxFailed = 4_096

/** A page with the state of the file in the address may keep the picture for good. */
const lasting = "private, max-age=31536000, immutable"

/** A picture to make, with the requests that wait for it. */
interface Making {
  readonly kind: Kind
  readonly segments: ReadonlyArray<ByteName>
  readonly size: ThumbSize
  readonly format: ThumbFormat.ThumbFormat
  /** Of the file. */
  readonly state: string
  readonly waiting: Array<{
    readonly isCancelled: () => boolean
    readonly done: (thumb: Thumb | undefined) => void
  }>
}

/** Seen on light and dark grounds, since a picture does not know the theme of its page. */
const strokes: { readonly [kind in Kind]?: string } = {
  image: "#3f9562",
  video: "#946ac9",
  audio: "#c2549b",
  pdf: "#cf5349",
}

const icons = new Map<Kind, Thumb>()

/** The icon of a kind as a picture. */
const iconOf = (kind: Kind): Thumb => {
  const cached = icons.get(kind)
  if (cached !== undefined) return cached
  const svg = Html.html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="-28 -28 80 80" width="160" height="160" fill="none" stroke="${strokes[kind] ?? "#80868c"}" stroke-width="1" stroke-linecap="round" stroke-linejoin="round">${kinds[kind].icon}</svg>`
  const icon = { type: "image/svg+xml", bytes: Html.toBytes(svg) }
  icons.set(kind, icon)
  return icon
}

const readFile = (handle: number, length: number): Promise<Uint8Array | undefined> =>
  new Promise((resolve, reject) =>
    FileBody.readAll(handle, 0, length, (error, bytes) =>
      error === undefined ? resolve(bytes) : reject(error),
    ),
  )

/** See the head of this file. */
export class Thumbnails {
  private readonly root: Root.Root
  private readonly cache: ThumbCache
  /** Whether sharp can be used, as far as is known. */
  private sharp: "usable" | "absent" = "usable"
  private readonly idle = Array.from({ length: concurrency }, () => new ThumbProcess())
  private readonly queue: Array<string> = []
  private readonly making = new Map<string, Making>()
  private readonly failed = new Set<string>()

  constructor(root: Root.Root, cache: ThumbCache) {
    this.root = root
    this.cache = cache
  }

  /** Whether there may be a picture of files of this kind. */
  readonly has = (kind: Kind): boolean => kind === "image" || MediaTool.makes(kind)

  /** Sends the thumbnail of an open file, and closes it. */
  send(
    request: FileRequest,
    segments: ReadonlyArray<ByteName>,
    size: ThumbSize,
    { handle, stats }: Root.OpenFile,
  ): void {
    Root.close(handle)
    const kind = FileTypes.kindOf(segments.at(-1) as ByteName)
    if (!this.has(kind)) return this.give(request, stats, iconOf(kind), `icon ${kind}`)
    const format = ThumbFormat.choose(request.accept())
    const key = keyOf(stats, size, format)
    const state = stateOf(stats)
    if (this.failed.has(state)) return this.give(request, stats, iconOf(kind), `icon ${kind}`)
    // A picture that the client has need not be made for it.
    const representation = representationOf(request, stats, key, 0, "image/webp")
    const decision = request.decide(representation, Date.now())
    if (decision.status !== 200) return request.sendBytes(new Uint8Array(0), representation)
    void this.find(key, { kind, segments, size, format, state }, request)
      .catch(() => undefined)
      .then((thumb) => {
        if (thumb === "crowded") return request.failCrowded("Too many thumbnails are being made.")
        if (isThumb(thumb)) this.give(request, stats, thumb, key)
        else this.give(request, stats, iconOf(kind), `icon ${kind}`)
      })
  }

  private give(request: FileRequest, stats: fs.BigIntStats, thumb: Thumb, key: string): void {
    const { bytes, type } = thumb
    request.sendBytes(bytes, representationOf(request, stats, key, bytes.length, type))
  }

  private async find(
    key: string,
    parts: Omit<Making, "waiting">,
    { isCancelled }: FileRequest,
  ): Promise<Thumb | "crowded" | undefined> {
    const cached = await this.cache.get(key)
    if (cached !== undefined || isCancelled()) return cached
    return new Promise((resolve) => {
      const running = this.making.get(key)
      if (running === undefined && this.queue.length >= maxWaiting) return resolve("crowded")
      const making = running ?? { ...parts, waiting: [] }
      making.waiting.push({ isCancelled, done: resolve })
      if (running !== undefined) return
      this.making.set(key, making)
      this.queue.push(key)
      this.startNext()
    })
  }

  private startNext(): void {
    while (this.queue.length > 0 && this.idle.length > 0) {
      const key = this.queue.shift() as string
      const making = this.making.get(key)
      if (making === undefined) continue
      if (making.waiting.every(({ isCancelled }) => isCancelled())) {
        this.finish(key, undefined)
        continue
      }
      const process = this.idle.pop() as ThumbProcess
      void this.make(making, process)
        .then((thumb) => {
          if (thumb === undefined) this.rememberFailed(making.state)
          else void this.cache.put(key, thumb)
          return thumb
        })
        // A file that could not be read or has changed, or a picture that came too late, is tried again.
        .catch(() => undefined)
        .then((thumb) => {
          this.idle.push(process)
          this.finish(key, thumb)
          this.startNext()
        })
    }
  }

  private finish(key: string, thumb: Thumb | undefined): void {
    const making = this.making.get(key)
    this.making.delete(key)
    for (const { done } of making?.waiting ?? []) done(thumb)
  }

  private rememberFailed(state: string): void {
    this.failed.add(state)
    const [oldest] = this.failed
    if (this.failed.size > maxFailed && oldest !== undefined) this.failed.delete(oldest)
  }

  /** Makes a thumbnail; the file is opened and checked again. */
  private async make(making: Making, process: ThumbProcess): Promise<Thumb | undefined> {
    const opened = await Root.openEntry(this.root, making.segments)
    if (opened._tag === "Folder") Root.closeFolder(opened)
    if (opened._tag !== "File") throw new Error("The file could not be opened.")
    try {
      if (stateOf(opened.stats) !== making.state) throw new Error("The file has changed.")
      const source = await this.sourceOf(making.kind, opened)
      if (source === undefined) return undefined
      if (this.sharp === "usable") {
        const { format, size } = making
        const answer = await process.run({ bytes: source, size, format })
        if (answer === "late") throw new Error("The picture was not ready in time.")
        if (answer !== "unusable") return isThumb(answer) ? answer : undefined
        this.sharp = "absent"
      }
      const bytes = making.kind === "image" ? EmbeddedPreview.of(source) : source
      return bytes === undefined ? undefined : { type: "image/jpeg", bytes }
    } finally {
      Root.close(opened.handle)
    }
  }

  private sourceOf(kind: Kind, { handle, stats }: Root.OpenFile): Promise<Uint8Array | undefined> {
    if (kind !== "image") return MediaTool.picture(kind, handle)
    const size = Number(stats.size)
    if (this.sharp === "absent") return readFile(handle, Math.min(size, Exif.examined))
    return size > maxSource ? Promise.resolve(undefined) : readFile(handle, size)
  }
}

const stateOf = ({ dev, ino, mtimeNs, size }: fs.BigIntStats): string =>
  `${dev} ${ino} ${size} ${mtimeNs}`

/** Identifies the thumbnail of a file in its present state. */
const keyOf = (stats: fs.BigIntStats, size: ThumbSize, format: ThumbFormat.ThumbFormat): string =>
  createHash("sha256")
    .update(`${version} ${stateOf(stats)} ${size} ${format}`)
    .digest("hex")

const representationOf = (
  { query }: FileRequest,
  { mtimeMs }: fs.BigIntStats,
  key: string,
  length: number,
  type: string,
): Decision.Representation => {
  const modified = Math.floor(Number(mtimeMs) / 1000)
  return {
    length,
    validators: {
      etag: { opaque: key.replaceAll(" ", "-").slice(0, 32), weak: false },
      modified:
        HttpDate.isWritable(modified) && modified <= Date.now() / 1000 ? modified : undefined,
    },
    ranges: false,
    headers: [
      ["Content-Type", type],
      ["Vary", "Accept"],
      ...(type === "image/svg+xml" ? [Decision.isolated] : []),
    ],
    ...(query.hasVersion && !key.startsWith("icon ") ? { cacheControl: lasting } : {}),
  }
}
