/**
 * Uploads: which requests may leave a file where, and what is answered to them.
 * A file comes by PUT to its own address, or by a form to its folder's.
 */
import * as fs from "node:fs"
import * as Glob from "effect/Glob"
import { statusOf, type VisitorErrorCode } from "../../domain/ErrorRegistry.ts"
import * as Headers from "../../domain/HeaderList.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import * as Body from "../../transport/body/Body.ts"
import type { Cancel, Reply } from "../../transport/body/Handler.ts"
import * as FailurePage from "../../web/FailurePage.ts"
import * as Conditions from "../http/Conditions.ts"
import * as Decision from "../http/Decision.ts"
import * as PageAddress from "../http/PageAddress.ts"
import { type ByteName, toDisplay, toFsPath, toText } from "../names/ByteName.ts"
import * as TargetPath from "../names/TargetPath.ts"
import type { HiddenFiles } from "../root/HiddenFiles.ts"
import * as Root from "../root/Root.ts"
import * as FormParts from "./FormParts.ts"
import * as Leftovers from "./Leftovers.ts"
import * as UploadFile from "./UploadFile.ts"

/** What may be uploaded. */
export interface UploadOptions {
  /** Whether a file may take the place of another. */
  readonly overwrite: boolean
  /** The largest file, in bytes. */
  readonly maxBytes?: number
  /** Patterns of the folders, as paths below the served one, that files may be put into; all unless given. `.` is the served folder itself. */
  readonly folders?: ReadonlyArray<string>
}

/** See {@link UploadOptions}. */
export interface Uploads {
  readonly overwrite: boolean
  readonly maxBytes: number | undefined
  /** Whether a folder takes files. */
  readonly allows: (folder: ReadonlyArray<ByteName>) => boolean
  readonly leftovers: Leftovers.Leftovers
}

/** Where uploads go. */
export interface Place {
  readonly root: Root.Root
  readonly hidden: HiddenFiles
  readonly uploads: Uploads
}

/** The methods that are answered where uploads are allowed. */
export const allow = `${Decision.allow}, POST, PUT`

const windows = process.platform === "win32"

/** Compiles the rules. */
export const make = (options: UploadOptions): Uploads => {
  const globs = options.folders?.map((folder) =>
    Glob.make(folder.replace(/^\/+|\/+$/g, ""), { dot: true }),
  )
  return {
    overwrite: options.overwrite,
    maxBytes: options.maxBytes,
    allows: (folder) => {
      const path = folder.length === 0 ? "." : toText(folder.join("/"))
      return globs === undefined || globs.some((glob) => Glob.match(glob, path))
    },
    leftovers: Leftovers.make(),
  }
}

/**
 * Whether a request was made by a page of ours or by no page at all: browsers
 * say so in Sec-Fetch-Site (Fetch Metadata), and where they do not, in Origin.
 */
export const isOwn = (headers: Headers.HeaderList): boolean => {
  const site = Headers.all(headers, "sec-fetch-site")
  if (site.length > 0) return site.every((value) => value === "same-origin" || value === "none")
  const origins = Headers.all(headers, "origin")
  if (origins.length === 0) return true
  const host = PageAddress.hostOf(headers)
  return (
    host !== undefined &&
    origins.every((origin) => origin === `http://${host}` || origin === `https://${host}`)
  )
}

const preconditions = new Set(["if-match", "if-none-match", "if-unmodified-since"])

/** What has the file's name at the moment. */
const currentOf = (path: string | Buffer): Promise<fs.BigIntStats | undefined> =>
  new Promise((resolve, reject) =>
    fs.lstat(path, { bigint: true }, (error, stats) => {
      if (error === null) resolve(stats)
      else if (error.code === "ENOENT") resolve(undefined)
      else reject(error)
    }),
  )

const passes = (
  headers: Headers.HeaderList,
  name: ByteName,
  current: fs.BigIntStats | undefined,
): boolean => {
  const asked = headers.filter(([field]) => preconditions.has(field.toLowerCase()))
  if (asked.length === 0) return true
  if (current === undefined) return !Headers.has(asked, "if-match")
  const facts = {
    name,
    device: current.dev,
    inode: current.ino,
    size: current.size,
    modified: current.mtimeNs,
  }
  const now = Date.now()
  const { validators } = Decision.ofFile(facts, now)
  return Conditions.evaluate(asked, validators, Math.floor(now / 1000)) === "proceed"
}

interface Refusal {
  readonly code: VisitorErrorCode
  readonly detail: string
  readonly status?: number
}

const gone: Refusal = { code: "PTTH_NOT_FOUND", detail: "There is no folder to put the file into." }

const badName: Refusal = {
  code: "PTTH_UPLOAD_REFUSED",
  detail: "Files of this name are not taken.",
}

const refusalOf = (failure: UploadFile.Failure, name: ByteName, uploads: Uploads): Refusal => {
  const shown = toDisplay(name)
  switch (failure._tag) {
    case "Exists":
      return { code: "PTTH_UPLOAD_EXISTS", detail: `${shown} is there already.` }
    case "Changed":
      return {
        code: "PTTH_UPLOAD_CONDITION",
        detail: `${shown} is not in the state that the request is for.`,
      }
    case "TooLarge":
      return {
        code: "PTTH_UPLOAD_TOO_LARGE",
        detail:
          uploads.maxBytes === undefined
            ? `${shown} is too large for the disk's file system.`
            : `${shown} has more than ${uploads.maxBytes} bytes.`,
      }
    case "Full":
      return {
        code: "PTTH_DISK_FULL",
        detail: `There is no room for ${shown}; nothing of it is kept.`,
      }
    case "Forbidden":
      return { code: "PTTH_UPLOAD_REFUSED", detail: "Nothing can be written to this folder." }
    case "BadName":
      return badName
    case "BrokenOff":
      return { code: "PTTH_BAD_REQUEST", detail: "The upload broke off; nothing of it is kept." }
    case "Failed":
      return { code: "PTTH_INTERNAL", detail: `${shown} cannot be written (${failure.code}).` }
  }
}

const refuseNotOpen = (reason: Root.NotOpen): Refusal =>
  reason._tag === "Absent"
    ? gone
    : {
        code: "PTTH_INTERNAL",
        detail: reason.detail,
        ...(reason._tag === "Busy" ? { status: 503 } : {}),
      }

const openFolder = (
  root: Root.Root,
  segments: ReadonlyArray<ByteName>,
): Promise<Root.OpenFolder | Root.NotOpen> =>
  new Promise((resolve) =>
    root.open(segments, (opened) => {
      if (opened._tag !== "File") return resolve(opened)
      Root.close(opened.handle)
      resolve(Root.absent)
    }),
  )

const noIdentity = { dev: -1, ino: -1, ctimeMs: 0, birthtimeMs: 0 }

/** Whether a name may be given to a file in a folder that has been let through. */
const isName = async (
  { hidden, root }: Place,
  folder: Root.OpenFolder,
  name: ByteName,
  current: fs.BigIntStats | undefined,
): Promise<boolean> => {
  if (name === "" || /[/\0]/.test(name) || (windows && name.includes("\\"))) return false
  if (name.startsWith(".") || !TargetPath.isServed(name, windows) || !folder.isVisible(name)) {
    return false
  }
  await new Promise<void>((resolve) => hidden.refresh(resolve))
  const real = `${folder.real === "/" ? "" : folder.real}/${name}`
  return !hidden.holds(real, current ?? noIdentity) && !root.hides(real)
}

/** What has become of one file. */
type Outcome = "created" | "replaced" | Refusal

/** One request that brings files. */
class Receiving {
  private readonly place: Place
  private readonly head: RequestHead
  private cancelled = false
  private current: UploadFile.Upload | undefined

  constructor(place: Place, head: RequestHead) {
    this.place = place
    this.head = head
  }

  cancel(): void {
    this.cancelled = true
    this.current?.cancel()
  }

  /** Takes one file; its body is read or let go of in any case. */
  async take(segments: ReadonlyArray<ByteName>, name: ByteName, body: Body.Body): Promise<Outcome> {
    const { root, uploads } = this.place
    const { headers } = this.head
    const refuse = (refusal: Refusal): Refusal => {
      body.discard()
      return refusal
    }
    if (uploads.maxBytes !== undefined && (body.length ?? 0) > uploads.maxBytes) {
      return refuse(refusalOf({ _tag: "TooLarge" }, name, uploads))
    }
    const folder = await openFolder(root, segments)
    if (folder._tag !== "Folder") return refuse(refuseNotOpen(folder))
    const swept = uploads.leftovers.sweep(folder.real, folder.path, Date.now())
    try {
      const path = toFsPath(`${folder.path}/${name}`)
      const before = /[/\0]/.test(name) ? undefined : await currentOf(path)
      if (!(await isName(this.place, folder, name, before))) {
        return refuse(badName)
      }
      if (!passes(headers, name, before)) {
        return refuse(refusalOf({ _tag: "Changed" }, name, uploads))
      }
      if (before !== undefined && (!uploads.overwrite || !before.isFile())) {
        return refuse(refusalOf({ _tag: "Exists" }, name, uploads))
      }
      if (this.cancelled) return refuse(refusalOf({ _tag: "BrokenOff" }, name, uploads))
      const upload = UploadFile.start(body, {
        folder: folder.path,
        name,
        // Where nothing may be replaced, the file system itself sees to it.
        overwrite: uploads.overwrite && !Headers.has(headers, "if-none-match"),
        maxBytes: uploads.maxBytes,
        mayReplace: async () => {
          const now = await currentOf(path)
          return (now === undefined || now.isFile()) && passes(headers, name, now)
        },
      })
      this.current = upload
      if (this.cancelled) upload.cancel()
      const outcome = await upload.done
      if (typeof outcome === "string") return outcome
      const raced = outcome._tag === "Exists" && Headers.has(headers, "if-none-match")
      return refusalOf(raced ? { _tag: "Changed" } : outcome, name, uploads)
    } catch (error) {
      return refuse(refusalOf(UploadFile.failureOf(error), name, uploads))
    } finally {
      this.current = undefined
      await swept
      if (folder.handle !== undefined) Root.close(folder.handle)
    }
  }
}

const noContent = (status: 201 | 204): Headers.HeaderList => [
  ...(status === 201 ? ([["Content-Length", "0"]] as const) : []),
  ["Cache-Control", "no-store"],
]

/** Answers a PUT or POST. */
export const handle = (place: Place, head: RequestHead, body: Body.Body, reply: Reply): Cancel => {
  let over = false
  const fail = ({ code, detail, status }: Refusal): void => {
    if (over) return
    over = true
    const failure = FailurePage.render(
      { code, detail, status: status ?? statusOf(code) },
      Headers.first(head.headers, "accept"),
    )
    reply.respond(
      { status: failure.status, headers: failure.headers },
      Body.fromBytes(failure.body),
    )
  }
  const respond = (status: 201 | 204 | 303, headers: Headers.HeaderList): void => {
    if (over) return
    over = true
    reply.respond({ status, headers }, Body.empty)
  }
  const refuse = (refusal: Refusal): Cancel => {
    body.discard()
    fail(refusal)
    return () => {}
  }

  const path = TargetPath.decode(head.target, windows)
  if (path._tag === "Refusal") {
    return refuse({
      code: path.status === 400 ? "PTTH_BAD_REQUEST" : "PTTH_UPLOAD_REFUSED",
      detail: path.detail,
    })
  }
  const [first, ...segments] = path.segments
  const isForm = head.method === "POST"
  if (first !== "files" || path.folder !== isForm) {
    const failure = FailurePage.render(
      {
        code: "PTTH_METHOD_NOT_ALLOWED",
        status: 405,
        detail: isForm ? "A form can be sent to a folder only." : "Only a file can be put here.",
        headers: [["Allow", allow]],
      },
      Headers.first(head.headers, "accept"),
    )
    body.discard()
    over = true
    reply.respond({ status: 405, headers: failure.headers }, Body.fromBytes(failure.body))
    return () => {}
  }
  if (!isOwn(head.headers)) {
    return refuse({
      code: "PTTH_UPLOAD_REFUSED",
      detail: "The upload comes from a page of another site.",
    })
  }
  if (Headers.has(head.headers, "content-range")) {
    return refuse({ code: "PTTH_BAD_REQUEST", detail: "A part of a file cannot be put." })
  }
  const coding = Headers.first(head.headers, "content-encoding")
  if (coding !== undefined && coding.trim().toLowerCase() !== "identity") {
    return refuse({
      code: "PTTH_BAD_REQUEST",
      status: 415,
      detail: "Files are taken as they are, without a Content-Encoding.",
    })
  }
  const folder = isForm ? segments : segments.slice(0, -1)
  if (!place.uploads.allows(folder)) {
    return refuse({ code: "PTTH_UPLOAD_REFUSED", detail: "This folder takes no files." })
  }

  const receiving = new Receiving(place, head)
  if (!isForm) {
    const name = segments.at(-1)
    if (name === undefined) {
      return refuse({ code: "PTTH_UPLOAD_REFUSED", detail: "The folder itself cannot be put." })
    }
    void receiving.take(folder, name, body).then((outcome) => {
      if (typeof outcome !== "string") return fail(outcome)
      const status = outcome === "created" ? 201 : 204
      respond(status, noContent(status))
    })
    return () => {
      over = true
      receiving.cancel()
    }
  }

  const type = Headers.first(head.headers, "content-type") ?? ""
  if (!/^multipart\/form-data[\s;]/i.test(type)) {
    return refuse({
      code: "PTTH_BAD_REQUEST",
      status: 415,
      detail: "A form with files has the type multipart/form-data.",
    })
  }
  // One file after the other; the form waits meanwhile.
  let queue: Promise<void> = Promise.resolve()
  let stop = (): void => {}
  const close = FormParts.read(head.headers, body, {
    file: (name, part) => {
      queue = queue.then(async () => {
        // A form without a file chosen sends one without a name.
        if (over || name === "") return part.discard()
        const outcome = await receiving.take(folder, name, part)
        if (typeof outcome === "string") return
        fail(outcome)
        stop()
      })
    },
    end: () => {
      queue = queue.then(() =>
        respond(303, [
          ["Location", "./"],
          ["Content-Length", "0"],
          ["Cache-Control", "no-store"],
        ]),
      )
    },
    fail: () => {
      queue = queue.then(() =>
        fail({ code: "PTTH_BAD_REQUEST", detail: "The form is not whole, or none at all." }),
      )
    },
  })
  stop = close
  return () => {
    over = true
    close()
    receiving.cancel()
  }
}
