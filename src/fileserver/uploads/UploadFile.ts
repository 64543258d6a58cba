/**
 * Writes one uploaded file: under a temporary name in its folder, then fsync,
 * then rename. Until then it is not visible; if anything fails, the temporary
 * file is deleted.
 */
import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import type { Body, BodyFlow } from "../../transport/body/Body.ts"
import { type ByteName, toFsPath } from "../names/ByteName.ts"
import { temporaryPrefix } from "../names/TargetPath.ts"

/** Why a file was not stored. `Changed`: the preconditions do not hold for the file that has the name. */
export type Failure =
  | {
      readonly _tag:
        | "Exists"
        | "Changed"
        | "TooLarge"
        | "Full"
        | "Forbidden"
        | "BadName"
        | "BrokenOff"
    }
  | { readonly _tag: "Failed"; readonly code: string }

/** Where a file is stored. */
export interface Destination {
  /** A path of the folder, which has been checked. */
  readonly folder: ByteName
  readonly name: ByteName
  /** Whether an existing file may be replaced. */
  readonly overwrite: boolean
  /** Bytes; `undefined` for no limit. */
  readonly maxBytes: number | undefined
  /** Called before the rename: whether the existing file may still be replaced. */
  readonly mayReplace: () => Promise<boolean>
}

/** Queued bytes at which the body is paused. */
const highWater = 1024 * 1024
const { O_CREAT, O_EXCL, O_WRONLY } = fs.constants
const flags = O_CREAT | O_EXCL | O_WRONLY | (fs.constants.O_NOFOLLOW ?? 0)

/** What an error of the file system means for an upload. */
export const failureOf = (error: unknown): Failure => {
  const code = (error as NodeJS.ErrnoException).code ?? "UNKNOWN"
  switch (code) {
    case "EEXIST":
    case "EISDIR":
    case "ENOTEMPTY":
    case "ENOTDIR":
      return { _tag: "Exists" }
    case "ENOSPC":
    case "EDQUOT":
      return { _tag: "Full" }
    case "EFBIG":
      return { _tag: "TooLarge" }
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return { _tag: "Forbidden" }
    case "ENAMETOOLONG":
    case "EILSEQ":
    case "EINVAL":
      return { _tag: "BadName" }
    default:
      return { _tag: "Failed", code }
  }
}

const settle = <A>(
  run: (done: (error: NodeJS.ErrnoException | null, value: A) => void) => void,
): Promise<A> =>
  new Promise((resolve, reject) =>
    run((error, value) => (error === null || error === undefined ? resolve(value) : reject(error))),
  )

const writeAll = async (handle: number, bytes: Uint8Array): Promise<void> => {
  for (let at = 0; at < bytes.length; ) {
    at += await settle<number>((done) => fs.write(handle, bytes, at, bytes.length - at, null, done))
  }
}

/** Writes a body to a handle; the body is paused while the disk is slower. */
const writeBody = (
  body: Body,
  handle: number,
  max: number,
  onFlow: (flow: BodyFlow) => void,
): Promise<Failure | undefined> =>
  new Promise((resolve) => {
    const queue: Array<Uint8Array> = []
    let queuedBytes = 0
    let received = 0
    let writing = false
    let paused = false
    let over = false
    let ended = false

    const finish = (failure: Failure | undefined): void => {
      if (over) return
      over = true
      if (failure !== undefined && !ended) flow.cancel()
      resolve(failure)
    }

    const write = async (): Promise<void> => {
      if (writing) return
      writing = true
      try {
        for (let bytes = queue.shift(); bytes !== undefined && !over; bytes = queue.shift()) {
          await writeAll(handle, bytes)
          queuedBytes -= bytes.length
          if (paused && queuedBytes < highWater / 2 && !over) {
            paused = false
            flow.resume()
          }
        }
      } catch (error) {
        finish(failureOf(error))
      }
      writing = false
      if (ended && queue.length === 0) finish(undefined)
    }

    const flow = body.read({
      data: (chunk) => {
        if (over) return false
        received += chunk.length
        if (received > max) {
          finish({ _tag: "TooLarge" })
          return false
        }
        queue.push(chunk)
        queuedBytes += chunk.length
        paused = queuedBytes >= highWater
        void write()
        return !paused
      },
      end: () => {
        ended = true
        if (!writing) void write()
      },
      fail: () => {
        ended = true
        finish({ _tag: "BrokenOff" })
      },
    })
    onFlow({
      resume: () => flow.resume(),
      cancel: () => finish({ _tag: "BrokenOff" }),
    })
  })

/** A running upload. */
export interface Upload {
  /** `created`, `replaced` or the failure. */
  readonly done: Promise<"created" | "replaced" | Failure>
  /** Cancels it; the temporary file is deleted. Idempotent. */
  readonly cancel: () => void
}

const exists = (path: string | Buffer): Promise<boolean> =>
  settle<fs.Stats>((done) => fs.lstat(path, done)).then(
    () => true,
    () => false,
  )

// Some file systems, such as FAT, have no hard links: there an empty file is
// created under the name and then replaced.
const noLinkCodes = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"])

const linkNew = async (from: string | Buffer, to: string | Buffer): Promise<void> => {
  try {
    await settle<void>((done) => fs.link(from, to, (error) => done(error, undefined)))
    await settle<void>((done) => fs.unlink(from, (error) => done(error, undefined)))
  } catch (error) {
    if (!noLinkCodes.has((error as NodeJS.ErrnoException).code ?? "")) throw error
    const handle = await settle<number>((done) => fs.open(to, flags, 0o666, done))
    await settle<void>((done) => fs.close(handle, (failure) => done(failure ?? null, undefined)))
    await settle<void>((done) => fs.rename(from, to, (failure) => done(failure, undefined)))
  }
}

const random = /^[0-9a-f]{24}$/

const temporaryName = (): string => temporaryPrefix + randomBytes(12).toString("hex")

/** Whether a name is the temporary name of an upload. */
export const isTemporary = (name: ByteName): boolean =>
  name.startsWith(temporaryPrefix) && random.test(name.slice(temporaryPrefix.length))

/** Starts to store a file. The body is read or discarded in any case. */
export const start = (body: Body, to: Destination): Upload => {
  const path = toFsPath(`${to.folder}/${to.name}`)
  const temporary = toFsPath(`${to.folder}/${temporaryName()}`)
  let flow: BodyFlow | undefined
  let cancelled = false

  const run = async (): Promise<"created" | "replaced" | Failure> => {
    let handle: number
    try {
      handle = await settle<number>((done) => fs.open(temporary, flags, 0o666, done))
    } catch (error) {
      body.discard()
      return failureOf(error)
    }
    let isOpen = true
    const close = async (): Promise<void> => {
      isOpen = false
      await settle<void>((done) => fs.close(handle, (error) => done(error ?? null, undefined)))
    }
    let named = false
    try {
      if (cancelled) {
        body.discard()
        return { _tag: "BrokenOff" }
      }
      const failure = await writeBody(
        body,
        handle,
        to.maxBytes ?? Number.POSITIVE_INFINITY,
        (started) => {
          flow = started
        },
      )
      flow = undefined
      if (failure !== undefined) return failure
      await settle<void>((done) => fs.fsync(handle, (error) => done(error, undefined)))
      await close()
      if (cancelled) return { _tag: "BrokenOff" }
      if (!(await to.mayReplace())) return { _tag: "Changed" }
      if (!to.overwrite) {
        await linkNew(temporary, path)
        named = true
        return "created"
      }
      const replaces = await exists(path)
      await settle<void>((done) => fs.rename(temporary, path, (error) => done(error, undefined)))
      named = true
      return replaces ? "replaced" : "created"
    } catch (error) {
      return failureOf(error)
    } finally {
      if (isOpen) await close().catch(() => {})
      if (!named) {
        await settle<void>((done) => fs.unlink(temporary, (error) => done(error, undefined))).catch(
          () => {},
        )
      }
    }
  }

  return {
    done: run(),
    cancel: () => {
      cancelled = true
      flow?.cancel()
    },
  }
}
