/**
 * The file server: shares one folder, for reading unless uploads are allowed, as
 * pages, as JSON and as files. Everything here runs on callbacks; what the answer to a request is
 * is decided in `Decision.ts`, what may be opened in `Root.ts`.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { SymlinkPolicy } from "../domain/config/ServerConfig.ts"
import { statusOf, type VisitorErrorCode } from "../domain/ErrorRegistry.ts"
import * as Headers from "../domain/HeaderList.ts"
import type { RequestHead } from "../protocol/Message.ts"
import * as Body from "../transport/body/Body.ts"
import type { Handler, Reply } from "../transport/body/Handler.ts"
import * as Prometheus from "../transport/observe/Prometheus.ts"
import * as FailurePage from "../web/FailurePage.ts"
import * as Html from "../web/Html.ts"
import * as Logo from "../web/Logo.ts"
import * as Page from "../web/Page.ts"
import * as Script from "../web/Script.ts"
import * as Style from "../web/Style.ts"
import * as ContentCoding from "./http/ContentCoding.ts"
import * as ContentType from "./http/ContentType.ts"
import * as Decision from "./http/Decision.ts"
import * as Disposition from "./http/Disposition.ts"
import * as Multipart from "./http/Multipart.ts"
import * as Query from "./http/Query.ts"
import * as FolderForm from "./listing/FolderForm.ts"
import * as FolderJson from "./listing/FolderJson.ts"
import * as Listing from "./listing/Listing.ts"
import * as PageQuery from "./listing/PageQuery.ts"
import * as Search from "./listing/Search.ts"
import { type ByteName, toFsPath, toUrl } from "./names/ByteName.ts"
import * as TargetPath from "./names/TargetPath.ts"
import * as FolderPages from "./pages/FolderPages.ts"
import * as SearchPage from "./pages/SearchPage.ts"
import * as TopPage from "./pages/TopPage.ts"
import * as Render from "./render/Render.ts"
import * as Folder from "./root/Folder.ts"
import * as HiddenFiles from "./root/HiddenFiles.ts"
import * as Root from "./root/Root.ts"
import * as Visibility from "./root/Visibility.ts"
import * as CompressedBody from "./send/CompressedBody.ts"
import * as FileBody from "./send/FileBody.ts"
import * as Metrics from "./send/Metrics.ts"
import * as Neighbours from "./send/Neighbours.ts"
import * as SmallFiles from "./send/SmallFiles.ts"
import * as Uploads from "./uploads/Uploads.ts"

/** What a file server shares. */
export interface FileServerOptions extends Visibility.VisibilityOptions {
  /** The folder. It may be a link, which may be switched while the server runs. */
  readonly root: string
  /** Paths of files that are never shown, wherever and under whatever name they are met. */
  readonly hiddenFiles?: ReadonlyArray<string>
  /** `inside` unless given: links are followed as long as they do not leave the folder. */
  readonly symlinks?: SymlinkPolicy
  /** Whether browsers may run what is in the files; they may not unless this is `true`. */
  readonly trustedContent?: boolean
  /** What visitors may upload; nothing unless it is given. */
  readonly uploads?: Uploads.UploadOptions | false
}

/** The folder cannot be shared. */
export class FileServerError extends Data.TaggedError("FileServerError")<{
  readonly code: "PTTH_ROOT_NOT_FOLDER"
  readonly detail: string
}> {
  override get message(): string {
    return `${this.code}: ${this.detail}`
  }
}

/** All that the requests to one file server have in common. */
interface Shared extends FolderPages.Shared {
  readonly small: SmallFiles.SmallFiles
  /** What whole files that are kept are sent with. */
  readonly decisions: WeakMap<SmallFiles.SmallFile, Decision.Decision>
  readonly metrics: Metrics.Metrics
  readonly trusted: boolean
  /** How many files are being compressed. */
  compressing: number
}

const windows = process.platform === "win32"
/** Entries that are rendered without a pause. */
const slice = 1_000
/** The smallest and the largest file that is compressed while it is sent, in bytes. */
const minCompressed = 1024
const maxCompressed = 10 * 1024 * 1024
/** The largest file that is compressed at once, in bytes; the length of that is known. */
const maxAtOnce = 128 * 1024
/** How many files are compressed at the same time; the next one is sent as it is. */
const maxCompressing = 16

const varyAccept: Headers.Header = ["Vary", "Accept"]
const pageHeaders = FolderPages.pageHeaders(Page.policy)
const jsonHeaders: Headers.HeaderList = [["Content-Type", "application/json"]]
const plainHeaders: Headers.HeaderList = [["Content-Type", "text/plain; charset=utf-8"]]
const metricsHeaders: Headers.HeaderList = [["Content-Type", Prometheus.contentType]]

interface Fixed {
  readonly bytes: Uint8Array
  readonly representation: Decision.Representation
}

const fixed = (bytes: Uint8Array, headers: Headers.HeaderList): Fixed => ({
  bytes,
  representation: Decision.ofBytes(bytes, headers),
})

const styleSheet = fixed(Buffer.from(Style.css), [["Content-Type", "text/css; charset=utf-8"]])
const script = fixed(Buffer.from(Script.js), [["Content-Type", "text/javascript; charset=utf-8"]])
const logo = fixed(Buffer.from(Logo.svg), [
  ["Content-Type", "image/svg+xml"],
  ["Content-Security-Policy", "default-src 'none'; sandbox"],
])

/** One request being answered. */
class Answer {
  readonly shared: Shared
  readonly head: RequestHead
  readonly reply: Reply
  readonly method: "GET" | "HEAD"
  cancelled = false
  body: { readonly cancel: () => void } | undefined = undefined
  query: string | undefined = undefined

  constructor(shared: Shared, head: RequestHead, method: "GET" | "HEAD", reply: Reply) {
    this.shared = shared
    this.head = head
    this.method = method
    this.reply = reply
  }

  readonly isCancelled = (): boolean => this.cancelled

  readonly cancel = (): void => {
    this.cancelled = true
    this.body?.cancel()
  }

  start(): void {
    const path = TargetPath.decode(this.head.target, windows, this.shared.root.visibility.dotfiles)
    if (path._tag === "Refusal") {
      const code = path.status === 400 ? "PTTH_BAD_REQUEST" : "PTTH_NOT_FOUND"
      return this.fail(code, path.detail)
    }
    const [first, second, third] = path.segments
    const count = path.segments.length
    if (first === undefined) return this.sendTop()
    if (first === "files") {
      if (count === 1 && !path.folder) return this.redirect(path)
      return this.open(path, 1, false)
    }
    if (first === "api" && second === "v1" && third === "dir") {
      if (count === 3 && !path.folder) return this.redirect(path)
      return this.open(path, 3, true)
    }
    if (!path.folder && count === 1 && first === "metrics") return this.sendMetrics()
    if (!path.folder && count === 1 && first === "favicon.svg") return this.sendFixed(logo)
    if (!path.folder && count === 2 && first === "assets" && second === "style.css") {
      return this.sendFixed(styleSheet)
    }
    if (!path.folder && count === 2 && first === "assets" && second === "app.js") {
      return this.sendFixed(script)
    }
    this.fail("PTTH_NOT_FOUND", "There is nothing of this name; the files are under files/.")
  }

  /** @param api whether the address is one of the JSON interface, which has only folders */
  open(path: TargetPath.TargetPath, prefix: number, api: boolean): void {
    const segments = path.segments.slice(prefix)
    this.query = path.query
    if (!path.folder && !api && !PageQuery.parse(path.query).view) {
      const key = this.keyOf(segments)
      const kept = this.shared.small.get(key, Date.now())
      if (kept !== undefined) return this.sendAgain(path, segments, key, kept)
    }
    this.openAnew(path, segments, api)
  }

  openAnew(path: TargetPath.TargetPath, segments: ReadonlyArray<ByteName>, api: boolean): void {
    this.shared.root.open(segments, (opened) => {
      switch (opened._tag) {
        case "Absent":
        case "Busy":
        case "Broken":
          return this.refuse(opened)
        case "File": {
          if (this.cancelled || path.folder || api) {
            Root.close(opened.handle)
            return this.refuse(Root.absent)
          }
          if (PageQuery.parse(path.query).view) {
            return FolderPages.sendView(this.shared, this.visit(), segments, opened)
          }
          return this.sendFile(segments, opened.handle, opened.stats)
        }
        case "Folder": {
          if (!this.cancelled && path.folder) return this.sendFolder(path, segments, opened, api)
          if (opened.handle !== undefined) Root.close(opened.handle)
          return this.redirect(path)
        }
      }
    })
  }

  sendAgain(
    path: TargetPath.TargetPath,
    segments: ReadonlyArray<ByteName>,
    key: ByteName,
    kept: SmallFiles.KeptFile,
  ): void {
    const { root, small } = this.shared
    small.look(key, toFsPath(root.pathOf(segments)), kept, (isSame) => {
      if (isSame && this.isPlain()) return this.sendPlain(kept)
      if (isSame) return this.sendBytes(kept.bytes, this.named(kept.representation, segments))
      this.shared.small.drop(key)
      this.openAnew(path, segments, false)
    })
  }

  /** Whether the whole file is asked for, on no condition. */
  isPlain(): boolean {
    if (this.method !== "GET" || this.query !== undefined) return false
    for (const [name] of this.head.headers) if (/^(?:range|if-.*)$/i.test(name)) return false
    return true
  }

  /** Sends a file that is kept; what the head says is the same every time. */
  sendPlain(kept: SmallFiles.SmallFile): void {
    let decision = this.shared.decisions.get(kept)
    if (decision === undefined) {
      decision = this.decide(kept.representation, Date.now())
      this.shared.decisions.set(kept, decision)
    }
    this.respond(decision, Body.fromBytes(kept.bytes))
  }

  sendFile(segments: ReadonlyArray<ByteName>, handle: number, stats: fs.BigIntStats): void {
    const { root, trusted } = this.shared
    const now = Date.now()
    const plain = Decision.ofFile(factsOf(segments, stats), now, trusted)
    const sendPlain = (): void =>
      this.sendStored(segments, handle, stats, stats, now, plain, (shrunk) =>
        this.sendFile(segments, handle, shrunk),
      )
    const accepted = this.accepted(segments)
    if (accepted.length === 0) return sendPlain()
    Neighbours.find(root, segments, stats, accepted, (neighbour) => {
      const coding = this.mayCompress(stats)
        ? ContentCoding.choose(accepted, neighbour?.weight ?? 0)
        : undefined
      if (coding === undefined && neighbour === undefined) return sendPlain()
      if (coding !== undefined) {
        if (neighbour !== undefined) Root.close(neighbour.handle)
        return this.sendCompressed(segments, handle, stats, now, plain, coding)
      }
      Root.close(handle)
      this.sendNeighbour(segments, stats, now, plain, neighbour as Neighbours.Neighbour)
    })
  }

  sendNeighbour(
    segments: ReadonlyArray<ByteName>,
    original: fs.BigIntStats,
    now: number,
    plain: Decision.Representation,
    { coding, handle, stats, weight }: Neighbours.Neighbour,
  ): void {
    const coded = Decision.ofNeighbour(plain, factsOf(segments, stats), coding, now)
    this.sendStored(segments, handle, stats, original, now, coded, (shrunk) =>
      this.sendNeighbour(segments, original, now, plain, { coding, handle, stats: shrunk, weight }),
    )
  }

  /**
   * Sends an open file.
   *
   * @param original the stats of the file that was asked for
   * @param again called if the file has shrunk and nothing has been promised yet
   */
  sendStored(
    segments: ReadonlyArray<ByteName>,
    handle: number,
    stats: fs.BigIntStats,
    original: fs.BigIntStats,
    now: number,
    representation: Decision.Representation,
    again: (shrunk: fs.BigIntStats) => void,
  ): void {
    const decision = this.decide(this.named(representation, segments), now)
    const { body, multipart } = decision
    if (multipart !== undefined) {
      const parts = FileBody.ofPieces(handle, multipart.pieces, multipart.length)
      this.body = parts
      return this.respond(decision, parts.body)
    }
    if (body === undefined || body.length === 0) {
      Root.close(handle)
      return this.respond(decision, Body.empty)
    }
    if (body.length > SmallFiles.maxSize) {
      const part = FileBody.make(handle, body.first, body.length)
      this.body = part
      return this.respond(decision, part.body)
    }
    this.readWhole(handle, stats, body, again, (bytes) => {
      Root.close(handle)
      if (decision.status === 200) {
        this.shared.small.put(this.keyOf(segments), {
          stats: original,
          bytes,
          representation,
          checkedAt: now,
        })
      }
      this.respond(decision, Body.fromBytes(bytes))
    })
  }

  /** Reads a stretch at once. The handle stays open for `again` and `done`, and is closed otherwise. */
  readWhole(
    handle: number,
    stats: fs.BigIntStats,
    { first, length }: Multipart.Stretch,
    again: (shrunk: fs.BigIntStats) => void,
    done: (bytes: Uint8Array) => void,
  ): void {
    FileBody.readAll(handle, first, length, (error, bytes) => {
      if (error !== undefined) {
        Root.close(handle)
        return this.refuse(Root.notOpen(error))
      }
      if (bytes !== undefined) return done(bytes)
      // It has shrunk since it was looked at, and nothing has been promised yet.
      fs.fstat(handle, { bigint: true }, (failure, shrunk) => {
        if (failure === null && shrunk.size < stats.size && !this.cancelled) return again(shrunk)
        Root.close(handle)
        this.refuse(failure === null ? Root.absent : Root.notOpen(failure))
      })
    })
  }

  sendCompressed(
    segments: ReadonlyArray<ByteName>,
    handle: number,
    stats: fs.BigIntStats,
    now: number,
    plain: Decision.Representation,
    coding: ContentCoding.Coding,
  ): void {
    const { shared } = this
    const length = plain.length
    const streamed = Decision.ofCompressed(plain, coding)
    const decision = this.decide(this.named(streamed, segments), now)
    const atOnce = length <= maxAtOnce
    if (decision.status !== 200 || (decision.body === undefined && !atOnce)) {
      Root.close(handle)
      return this.respond(decision, Body.empty)
    }
    const release = (): void => {
      shared.compressing--
    }
    if (!atOnce) {
      shared.compressing++
      const file = FileBody.make(handle, 0, length)
      const body = CompressedBody.make(file.body, coding, release)
      const flow = held(body)
      this.body = flow
      return this.respond(decision, flow.body)
    }
    const again = (shrunk: fs.BigIntStats): void => this.sendFile(segments, handle, shrunk)
    this.readWhole(handle, stats, { first: 0, length }, again, (bytes) => {
      Root.close(handle)
      shared.compressing++
      CompressedBody.compress(bytes, coding, (compressed) => {
        release()
        const smaller = compressed !== undefined && compressed.length < bytes.length
        const sent = smaller ? compressed : bytes
        const representation = smaller
          ? Decision.ofCompressed(plain, coding, compressed.length)
          : plain
        if (sent.length <= SmallFiles.maxSize) {
          const checked = { stats, bytes: sent, representation, checkedAt: now }
          shared.small.put(this.keyOf(segments), checked)
        }
        this.sendBytes(sent, this.named(representation, segments))
      })
    })
  }

  mayCompress({ size }: fs.BigIntStats): boolean {
    return (
      size >= minCompressed && size <= maxCompressed && this.shared.compressing < maxCompressing
    )
  }

  /** The codings to try for a file: none for a part of it, since parts are of the plain bytes. */
  accepted(segments: ReadonlyArray<ByteName>): ReadonlyArray<ContentCoding.Accepted> {
    const { headers } = this.head
    if (!Headers.has(headers, "accept-encoding")) return []
    if (this.method === "GET" && Headers.has(headers, "range")) return []
    return ContentType.isCompressible(ContentType.ofName(segments.at(-1) as ByteName))
      ? ContentCoding.accepted(headers)
      : []
  }

  /** The key under which an answer to this request is kept. */
  keyOf(segments: ReadonlyArray<ByteName>): ByteName {
    const path = segments.join("/")
    const accepted = segments.length === 0 ? [] : this.accepted(segments)
    return accepted.length === 0 ? path : `${path}\0${ContentCoding.key(accepted)}`
  }

  /** With the name under which it is saved, if that is asked for. */
  named(what: Decision.Representation, segments: ReadonlyArray<ByteName>): Decision.Representation {
    if (!Query.has(this.query, "download")) return what
    const value = Disposition.attachment(segments.at(-1) as ByteName)
    return Decision.withHeader(what, ["Content-Disposition", value])
  }

  decide(what: Decision.Representation, now: number): Decision.Decision {
    return Decision.decide(this.method, this.head.headers, what, now)
  }

  sendFolder(
    path: TargetPath.TargetPath,
    segments: ReadonlyArray<ByteName>,
    folder: Root.OpenFolder,
    api: boolean,
  ): void {
    const { root, hidden } = this.shared
    const form = api ? "json" : FolderForm.choose(path.query, this.accept())
    const send = (bytes: Uint8Array, headers: Headers.HeaderList): void =>
      this.sendBytes(bytes, Decision.ofBytes(bytes, api ? headers : [...headers, varyAccept]))
    const asked = PageQuery.parse(path.query)
    if (!api && asked.archive !== undefined) {
      if (folder.handle !== undefined) Root.close(folder.handle)
      return FolderPages.sendArchive(this.shared, this.visit(), segments, asked.archive)
    }
    const text = Query.value(path.query, "q") ?? ""
    if (text !== "") {
      return Search.search(root, hidden, folder, text, this.isCancelled, (found) => {
        if (this.cancelled) return
        if ("_tag" in found) return this.refuse(found)
        if (form === "json") send(Buffer.from(Search.renderJson(text, found)), jsonHeaders)
        else if (form === "plain") send(Buffer.from(SearchPage.renderPlain(found)), plainHeaders)
        else send(Html.toBytes(SearchPage.render(segments, text, found)), pageHeaders)
      })
    }
    if (form === "html") {
      return FolderPages.sendListing(this.shared, this.visit(), segments, folder, asked)
    }
    Folder.read(root, hidden, folder, this.isCancelled, (entries) => {
      if (folder.handle !== undefined) Root.close(folder.handle)
      if (this.cancelled) return
      if ("_tag" in entries) return this.refuse(entries)
      if (form === "json") {
        this.mapEntries(entries, FolderJson.item, (items) =>
          send(Buffer.from(FolderJson.renderJson(items)), jsonHeaders),
        )
      } else {
        const line = (entry: Folder.Entry): string => FolderForm.line(entry.name, entry.folder)
        this.mapEntries(entries, line, (lines) => send(Buffer.from(lines.join("")), plainHeaders))
      }
    })
  }

  /** This request, for pages. */
  visit(): FolderPages.Visit {
    return {
      head: this.head,
      method: this.method,
      isCancelled: this.isCancelled,
      hold: (held) => {
        this.body = held
      },
      sendBytes: (bytes, headers) => this.sendBytes(bytes, Decision.ofBytes(bytes, headers)),
      refuse: (reason) => this.refuse(reason),
      respond: (head, body) => this.respond(head, body),
    }
  }

  /** Maps the entries of a folder, a slice at a time: other exchanges go on in between. */
  mapEntries<A>(
    entries: ReadonlyArray<Folder.Entry>,
    map: (entry: Folder.Entry) => A,
    done: (mapped: ReadonlyArray<A>) => void,
  ): void {
    const mapped: Array<A> = []
    const step = (): void => {
      if (this.cancelled) return
      const end = Math.min(mapped.length + slice, entries.length)
      while (mapped.length < end) mapped.push(map(entries[mapped.length] as Folder.Entry))
      if (end < entries.length) setImmediate(step)
      else done(mapped)
    }
    step()
  }

  accept(): string | undefined {
    const values = Headers.all(this.head.headers, "accept")
    return values.length < 2 ? values[0] : values.join(", ")
  }

  /** To the same path with a slash; relative, so that it holds under any prefix. */
  redirect(path: TargetPath.TargetPath): void {
    const location = `${toUrl(path.segments.at(-1) as ByteName)}/`
    const query = path.query === undefined ? "" : `?${escapeHigh(path.query)}`
    this.respond(
      {
        status: 308,
        headers: [
          ["Location", location + query],
          ["Content-Length", "0"],
          ["Cache-Control", "no-cache"],
          ["X-Content-Type-Options", "nosniff"],
        ],
      },
      Body.empty,
    )
  }

  sendTop(): void {
    const status = TopPage.render(this.shared.metrics.snapshot())
    const bytes = Html.toBytes(FolderJson.renderTop(status, this.shared.uploads !== undefined))
    this.sendBytes(bytes, Decision.ofBytes(bytes, pageHeaders))
  }

  sendMetrics(): void {
    const bytes = Buffer.from(Prometheus.render(Metrics.read(this.shared.metrics.snapshot())))
    this.sendBytes(bytes, Decision.ofBytes(bytes, metricsHeaders))
  }

  sendFixed(what: Fixed): void {
    this.sendBytes(what.bytes, what.representation)
  }

  sendBytes(bytes: Uint8Array, representation: Decision.Representation): void {
    const decision = this.decide(representation, Date.now())
    const { body, multipart } = decision
    if (multipart !== undefined) {
      return this.respond(decision, Body.fromBytes(Multipart.assemble(multipart.pieces, bytes)))
    }
    if (body === undefined) return this.respond(decision, Body.empty)
    this.respond(
      decision,
      Body.fromBytes(
        body.length === bytes.length ? bytes : bytes.subarray(body.first, body.first + body.length),
      ),
    )
  }

  refuse(reason: Root.NotOpen): void {
    switch (reason._tag) {
      case "Absent":
        return this.fail("PTTH_NOT_FOUND", reason.detail)
      case "Busy":
        return this.fail("PTTH_INTERNAL", reason.detail, { status: 503, retryAfter: 1 })
      case "Broken":
        return this.fail("PTTH_INTERNAL", reason.detail)
    }
  }

  fail(
    code: VisitorErrorCode,
    detail: string,
    more: { readonly status?: number; readonly retryAfter?: number } = {},
  ): void {
    const failure = FailurePage.render(
      { code, status: statusOf(code), detail, ...more },
      this.accept(),
    )
    this.respond(failure, this.method === "HEAD" ? Body.empty : Body.fromBytes(failure.body))
  }

  respond(
    head: { readonly status: number; readonly headers: Headers.HeaderList },
    body: Body.Body,
  ): void {
    if (this.cancelled) return body.discard()
    this.reply.respond({ status: head.status, headers: head.headers }, body)
  }
}

const factsOf = (
  segments: ReadonlyArray<ByteName>,
  { dev, ino, mtimeNs, size }: fs.BigIntStats,
): Decision.FileFacts => ({
  name: segments.at(-1) as ByteName,
  device: dev,
  inode: ino,
  size,
  modified: mtimeNs,
})

/** A body and the way to end it, whether it is being read or not. */
const held = (body: Body.Body): FileBody.FileBody => {
  let flow: Body.BodyFlow | undefined
  return {
    cancel: () => {
      if (flow === undefined) body.discard()
      else flow.cancel()
    },
    body: {
      ...body,
      read: (sink) => {
        flow = body.read(sink)
        return flow
      },
    },
  }
}

const escapeHigh = (query: string): string =>
  query.replace(/[\x80-\xff"<>\\^`{|}]/g, (character) => toUrl(character))

const methodNotAllowed = (head: RequestHead, reply: Reply, uploads: boolean): void => {
  const failure = FailurePage.render(
    {
      code: "PTTH_METHOD_NOT_ALLOWED",
      status: 405,
      detail: uploads ? "The files can be read and put." : "The files can only be read.",
      headers: [["Allow", uploads ? Uploads.allow : Decision.allow]],
    },
    Headers.first(head.headers, "accept"),
  )
  reply.respond({ status: failure.status, headers: failure.headers }, Body.fromBytes(failure.body))
}

const noCancel = (): void => {}

const handle =
  (shared: Shared): Handler =>
  (head, body, reply) => {
    const { uploads } = shared
    if (uploads !== undefined && (head.method === "PUT" || head.method === "POST")) {
      return Uploads.handle(
        { root: shared.root, hidden: shared.hidden, uploads },
        head,
        body,
        reply,
      )
    }
    body.discard()
    if (head.method !== "GET" && head.method !== "HEAD") {
      methodNotAllowed(head, reply, uploads !== undefined)
      return noCancel
    }
    const answer = new Answer(shared, head, head.method, reply)
    answer.start()
    return answer.cancel
  }

const notFolder = (root: string, what: string): FileServerError =>
  new FileServerError({ code: "PTTH_ROOT_NOT_FOLDER", detail: `${root} ${what}.` })

// Only Linux can say, and only with /proc, where an open handle is.
const handlesAreKnown = async (real: ByteName): Promise<boolean> => {
  if (process.platform !== "linux") return false
  const folder = await fs.promises.open(toFsPath(real), "r")
  try {
    return (await fs.promises.readlink(`/proc/self/fd/${folder.fd}`, "latin1")) === real
  } catch {
    return false
  } finally {
    await folder.close()
  }
}

/**
 * Shares a folder. The handler answers GET and HEAD of `/`, `/files/…`,
 * `/api/v1/dir/…`, `/metrics`, `/favicon.svg`, the style sheet and the
 * script, PUT and POST below `/files/` where uploads are allowed, and everything
 * else with a failure page; it never calls `reply.fail`.
 *
 * Fails with PTTH_ROOT_NOT_FOLDER if the root is no folder that can be read.
 */
export const make = Effect.fn("FileServer.make")(function* (options: FileServerOptions) {
  const folder = path.resolve(options.root)
  const hidden = HiddenFiles.make(options.hiddenFiles ?? [])
  const { real, check } = yield* Effect.tryPromise({
    try: async () => {
      const real: ByteName = await fs.promises.realpath(folder, { encoding: "latin1" })
      const stats = await fs.promises.stat(toFsPath(real))
      if (!stats.isDirectory()) throw notFolder(options.root, "is not a folder")
      const check: Root.Check = (await handlesAreKnown(real)) ? "handle" : "path"
      return { real, check }
    },
    catch: (error) =>
      error instanceof FileServerError
        ? error
        : notFolder(options.root, "does not exist or cannot be opened"),
  })
  const root = Root.make(folder, real, check, hidden, {
    symlinks: options.symlinks ?? "inside",
    visibility: Visibility.make(options),
  })
  const metrics = Metrics.make()
  const handler = handle({
    root,
    hidden,
    small: SmallFiles.make(),
    decisions: new WeakMap(),
    metrics,
    trusted: options.trustedContent ?? false,
    listings: Listing.make(),
    renderer: Render.make(),
    uploads:
      options.uploads === undefined || options.uploads === false
        ? undefined
        : Uploads.make(options.uploads),
    compressing: 0,
  })
  return metrics.count(handler)
})
