/**
 * The file server: shares one folder, for reading only, as pages, as JSON and
 * as files. Everything here runs on callbacks; what the answer to a request is
 * is decided in `Decision.ts`, what may be opened in `Root.ts`.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { statusOf, type VisitorErrorCode } from "../domain/ErrorRegistry.ts"
import * as Headers from "../domain/HeaderList.ts"
import type { RequestHead } from "../protocol/Message.ts"
import * as Body from "../transport/Body.ts"
import type { Handler, Reply } from "../transport/Handler.ts"
import * as Accept from "../web/Accept.ts"
import * as FailurePage from "../web/FailurePage.ts"
import * as Html from "../web/Html.ts"
import * as Logo from "../web/Logo.ts"
import * as Page from "../web/Page.ts"
import * as Style from "../web/Style.ts"
import { type ByteName, toFsPath, toUrl } from "./ByteName.ts"
import * as Decision from "./Decision.ts"
import * as FileBody from "./FileBody.ts"
import * as Folder from "./Folder.ts"
import * as FolderPage from "./FolderPage.ts"
import * as HiddenFiles from "./HiddenFiles.ts"
import * as Root from "./Root.ts"
import * as SmallFiles from "./SmallFiles.ts"
import * as TargetPath from "./TargetPath.ts"

/** What a file server shares. */
export interface FileServerOptions {
  /** The folder. It may be a link, which may be switched while the server runs. */
  readonly root: string
  /** Paths of files that are never shown, wherever and under whatever name they are met. */
  readonly hiddenFiles?: ReadonlyArray<string>
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
interface Shared {
  readonly root: Root.Root
  readonly hidden: HiddenFiles.HiddenFiles
  readonly small: SmallFiles.SmallFiles
}

const windows = process.platform === "win32"
/** Entries that are rendered without a pause. */
const slice = 1_000

const varyAccept: Headers.Header = ["Vary", "Accept"]
const pageHeaders: Headers.HeaderList = [
  ["Content-Type", "text/html; charset=utf-8"],
  ["Content-Security-Policy", Page.policy],
  ["Referrer-Policy", "no-referrer"],
]
const jsonHeaders: Headers.HeaderList = [["Content-Type", "application/json"]]

interface Fixed {
  readonly bytes: Uint8Array
  readonly representation: Decision.Representation
}

const fixed = (bytes: Uint8Array, headers: Headers.HeaderList): Fixed => ({
  bytes,
  representation: Decision.ofBytes(bytes, headers),
})

const topPage = fixed(Html.toBytes(FolderPage.renderTop()), pageHeaders)
const styleSheet = fixed(Buffer.from(Style.css), [["Content-Type", "text/css; charset=utf-8"]])
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
  body: FileBody.FileBody | undefined = undefined

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
    const path = TargetPath.decode(this.head.target, windows)
    if (path._tag === "Refusal") {
      const code = path.status === 400 ? "PTTH_BAD_REQUEST" : "PTTH_NOT_FOUND"
      return this.fail(code, path.detail)
    }
    const [first, second, third] = path.segments
    const count = path.segments.length
    if (first === undefined) return this.sendFixed(topPage)
    if (first === "files") {
      if (count === 1 && !path.folder) return this.redirect(path)
      return this.open(path, 1, false)
    }
    if (first === "api" && second === "v1" && third === "dir") {
      if (count === 3 && !path.folder) return this.redirect(path)
      return this.open(path, 3, true)
    }
    if (!path.folder && count === 1 && first === "favicon.svg") return this.sendFixed(logo)
    if (!path.folder && count === 2 && first === "assets" && second === "style.css") {
      return this.sendFixed(styleSheet)
    }
    this.fail("PTTH_NOT_FOUND", "There is nothing of this name; the files are under files/.")
  }

  /** @param api whether the address is one of the JSON interface, which has only folders */
  open(path: TargetPath.TargetPath, prefix: number, api: boolean): void {
    const segments = path.segments.slice(prefix)
    if (!path.folder && !api) {
      const key = segments.join("/")
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
    kept: SmallFiles.SmallFile,
  ): void {
    fs.stat(toFsPath(this.shared.root.pathOf(segments)), { bigint: true }, (error, stats) => {
      if (error === null && SmallFiles.isSame(stats, kept.stats)) {
        return this.sendBytes(kept.bytes, kept.representation)
      }
      this.shared.small.drop(key)
      this.openAnew(path, segments, false)
    })
  }

  sendFile(segments: ReadonlyArray<ByteName>, handle: number, stats: fs.BigIntStats): void {
    const now = Date.now()
    const name = segments.at(-1) as ByteName
    const representation = Decision.ofFile(
      {
        name,
        device: stats.dev,
        inode: stats.ino,
        size: stats.size,
        modified: stats.mtimeNs,
      },
      now,
    )
    const decision = Decision.decide(this.method, this.head.headers, representation, now)
    const { body } = decision
    if (body === undefined || body.length === 0) {
      Root.close(handle)
      return this.respond(decision, Body.empty)
    }
    if (body.length > SmallFiles.maxSize) {
      const part = FileBody.make(handle, body.first, body.length)
      this.body = part
      return this.respond(decision, part.body)
    }
    FileBody.readAll(handle, body.first, body.length, (error, bytes) => {
      if (error !== undefined) {
        Root.close(handle)
        return this.refuse(Root.notOpen(error))
      }
      if (bytes === undefined) {
        // It has shrunk since it was looked at, and nothing has been promised yet.
        return fs.fstat(handle, { bigint: true }, (failure, shrunk) => {
          if (failure === null && shrunk.size < stats.size && !this.cancelled) {
            return this.sendFile(segments, handle, shrunk)
          }
          Root.close(handle)
          this.refuse(failure === null ? Root.absent : Root.notOpen(failure))
        })
      }
      Root.close(handle)
      if (decision.status === 200) {
        this.shared.small.put(segments.join("/"), { stats, bytes, representation, checkedAt: now })
      }
      this.respond(decision, Body.fromBytes(bytes))
    })
  }

  sendFolder(
    path: TargetPath.TargetPath,
    segments: ReadonlyArray<ByteName>,
    folder: Root.OpenFolder,
    api: boolean,
  ): void {
    const { root, hidden } = this.shared
    Folder.read(root, hidden, folder, this.isCancelled, (entries) => {
      if (folder.handle !== undefined) Root.close(folder.handle)
      if (this.cancelled) return
      if ("_tag" in entries) return this.refuse(entries)
      const send = (bytes: Uint8Array, headers: Headers.HeaderList): void =>
        this.sendBytes(bytes, Decision.ofBytes(bytes, api ? headers : [...headers, varyAccept]))
      if (api || this.wantsJson(path.query)) {
        this.mapEntries(entries, FolderPage.item, (items) =>
          send(Buffer.from(FolderPage.renderJson(items)), jsonHeaders),
        )
      } else {
        this.mapEntries(entries, FolderPage.row, (rows) =>
          send(Html.toBytes(FolderPage.render(segments, rows)), pageHeaders),
        )
      }
    })
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

  wantsJson(query: string | undefined): boolean {
    if (query !== undefined && /(?:^|&)json(?:=|&|$)/.test(query)) return true
    const accept = this.accept()
    const json = Accept.weight(accept, "application/json")
    return json > 0 && json > Accept.weight(accept, "text/html")
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

  sendFixed(what: Fixed): void {
    this.sendBytes(what.bytes, what.representation)
  }

  sendBytes(bytes: Uint8Array, representation: Decision.Representation): void {
    const decision = Decision.decide(this.method, this.head.headers, representation, Date.now())
    const { body } = decision
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

const escapeHigh = (query: string): string =>
  query.replace(/[\x80-\xff"<>\\^`{|}]/g, (character) => toUrl(character))

const methodNotAllowed = (head: RequestHead, reply: Reply): void => {
  const failure = FailurePage.render(
    {
      code: "PTTH_METHOD_NOT_ALLOWED",
      status: 405,
      detail: "The files can only be read.",
      headers: [["Allow", Decision.allow]],
    },
    Headers.first(head.headers, "accept"),
  )
  reply.respond({ status: failure.status, headers: failure.headers }, Body.fromBytes(failure.body))
}

const noCancel = (): void => {}

const handle =
  (shared: Shared): Handler =>
  (head, body, reply) => {
    body.discard()
    if (head.method !== "GET" && head.method !== "HEAD") {
      methodNotAllowed(head, reply)
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
 * `/api/v1/dir/…`, `/favicon.svg` and the style sheet, and everything else with
 * a failure page; it never calls `reply.fail`.
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
  const root = Root.make(folder, real, check, hidden)
  return handle({ root, hidden, small: SmallFiles.make() })
})
