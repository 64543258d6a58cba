/**
 * Writes one uploaded file: under a temporary name in its folder, then fsync,
 * then rename. Until then it is not visible; if anything fails, the temporary
 * file is deleted. A file that replaces another keeps its owner and mode.
 */
import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import type { Body } from "../../transport/body/Body.ts"
import { type ByteName, toFsPath } from "../names/ByteName.ts"
import { temporaryPrefix } from "../names/TargetPath.ts"
import { BodyWriter } from "./BodyWriter.ts"
import * as UploadFailure from "./UploadFailure.ts"

/** Where a file is stored. */
export interface Destination {
  /** A path of the folder, which has been checked. */
  readonly folder: ByteName
  readonly name: ByteName
  /** Whether an existing file may be replaced. */
  readonly overwrite: boolean
  /** Bytes; `undefined` for no limit. */
  readonly maxBytes: number | undefined
  /** See `Reply.commit`. */
  readonly commit: (go: () => void) => void
  /** Called before the rename: whether the existing file may still be replaced. */
  readonly mayReplace: () => Promise<boolean>
}

const { O_CREAT, O_EXCL, O_WRONLY } = fs.constants
const flags = O_CREAT | O_EXCL | O_WRONLY | (fs.constants.O_NOFOLLOW ?? 0)
/** Read, write and execute for owner, group and others; without setuid and the like. */
export const permissions = 0o777
/** The mode of new files, of which the umask takes some. */
export const newMode = 0o666

type FsPath = string | Buffer

const settle = <A>(
  run: (done: (error: NodeJS.ErrnoException | null | undefined, value: A) => void) => void,
): Promise<A> =>
  new Promise((resolve, reject) =>
    run((error, value) => (error === null || error === undefined ? resolve(value) : reject(error))),
  )

const open = (path: FsPath, mode: number): Promise<number> =>
  settle((done) => fs.open(path, flags, mode, done))
const close = (handle: number): Promise<void> => settle((done) => fs.close(handle, done))
const rename = (from: FsPath, to: FsPath): Promise<void> =>
  settle((done) => fs.rename(from, to, done))
const unlink = (path: FsPath): Promise<void> => settle((done) => fs.unlink(path, done))

/** The stats of a path, not following a link; `undefined` if nothing is there. */
const statOf = (path: FsPath): Promise<fs.Stats | undefined> =>
  settle<fs.Stats>((done) => fs.lstat(path, done)).catch(() => undefined)

// Some file systems, such as FAT, have no hard links: there an empty file is
// created under the name and then replaced.
const noLinkCodes = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"])

const linkNew = async (from: FsPath, to: FsPath): Promise<void> => {
  try {
    await settle<void>((done) => fs.link(from, to, done))
    await unlink(from)
  } catch (error) {
    if (!noLinkCodes.has((error as NodeJS.ErrnoException).code ?? "")) throw error
    await close(await open(to, newMode))
    await rename(from, to)
  }
}

/** Changes an open file's owner and group; whether the file system and the user's rights allow it. */
const chown = (handle: number, user: number, group: number): Promise<boolean> =>
  settle<void>((done) => fs.fchown(handle, user, group, done)).then(
    () => true,
    () => false,
  )

/**
 * Gives an open file the owner and mode of another, as far as possible. If the
 * group cannot be kept, the new one may do no more than others may.
 */
const takeAccess = async (handle: number, { gid, mode, uid }: fs.Stats): Promise<void> => {
  const isGroupKept = (await chown(handle, uid, gid)) || (await chown(handle, -1, gid))
  const group = isGroupKept ? 0o070 : (mode & 0o007) << 3
  const allowed = mode & (0o707 | group)
  // A file system without modes refuses this; the file has its default mode then.
  await settle<void>((done) => fs.fchmod(handle, allowed, done)).catch(() => {})
}

/**
 * Gives a complete temporary file its name.
 *
 * @param handle of the temporary file, open for writing
 * @param ready closes the handle, and gives whether the file may appear
 */
export const publish = async (
  handle: number,
  temporary: FsPath,
  { folder, mayReplace, name, overwrite }: Omit<Destination, "commit">,
  ready: () => Promise<boolean>,
): Promise<"created" | "replaced" | UploadFailure.UploadFailure> => {
  const path = toFsPath(`${folder}/${name}`)
  const existing = overwrite ? await statOf(path) : undefined
  if (existing !== undefined) await takeAccess(handle, existing)
  await settle<void>((done) => fs.fsync(handle, done))
  if (!(await ready())) return { _tag: "BrokenOff" }
  if (!(await mayReplace())) return { _tag: "Changed" }
  if (overwrite) await rename(temporary, path)
  else await linkNew(temporary, path)
  return existing === undefined ? "created" : "replaced"
}

/** What follows the prefix; `.json` describes a resumable upload. */
const random = /^[0-9a-f]{24}(?:\.json)?$/

/** A new temporary name. */
export const temporaryName = (): string => temporaryPrefix + randomBytes(12).toString("hex")

/** Whether a name is the temporary name of an upload. */
export const isTemporary = (name: ByteName): boolean =>
  name.startsWith(temporaryPrefix) && random.test(name.slice(temporaryPrefix.length))

/** A running upload. The body is read or discarded in any case. */
export class Upload {
  /** `created`, `replaced` or the failure. */
  readonly done: Promise<"created" | "replaced" | UploadFailure.UploadFailure>
  private readonly body: Body
  private readonly to: Destination
  private readonly path: FsPath
  private readonly temporary: FsPath
  private handle: number | undefined
  private progress: "receiving" | "cancelled" | "stored" = "receiving"
  private writer: BodyWriter | undefined
  private onCancelled: (() => void) | undefined

  constructor(body: Body, to: Destination) {
    this.body = body
    this.to = to
    this.path = toFsPath(`${to.folder}/${to.name}`)
    this.temporary = toFsPath(`${to.folder}/${temporaryName()}`)
    this.done = this.run()
  }

  /** Cancels it; the temporary file is deleted. Idempotent. */
  cancel(): void {
    if (this.progress === "receiving") this.progress = "cancelled"
    this.writer?.cancel()
    this.onCancelled?.()
  }

  private async run(): Promise<"created" | "replaced" | UploadFailure.UploadFailure> {
    try {
      const existing = this.to.overwrite ? await statOf(this.path) : undefined
      // The replacement of a private file is private from the beginning.
      const mode = existing === undefined ? newMode : existing.mode & permissions
      this.handle = await open(this.temporary, mode)
    } catch (error) {
      this.body.discard()
      return UploadFailure.of(error)
    }
    try {
      return (await this.receive(this.handle)) ?? (await this.store(this.handle))
    } catch (error) {
      return UploadFailure.of(error)
    } finally {
      await this.closeHandle().catch(() => {})
      if (this.progress !== "stored") await unlink(this.temporary).catch(() => {})
    }
  }

  private isCancelled(): boolean {
    return this.progress === "cancelled"
  }

  private async receive(handle: number): Promise<UploadFailure.UploadFailure | undefined> {
    if (this.isCancelled()) {
      this.body.discard()
      return { _tag: "BrokenOff" }
    }
    this.writer = new BodyWriter(this.body, handle, {
      maxBytes: this.to.maxBytes ?? Number.POSITIVE_INFINITY,
    })
    const failure = await this.writer.done
    this.writer = undefined
    return failure
  }

  private store(handle: number): Promise<"created" | "replaced" | UploadFailure.UploadFailure> {
    return publish(handle, this.temporary, this.to, async () => {
      await this.closeHandle()
      await this.untilCommitted()
      return !this.isCancelled()
    }).then((outcome) => {
      if (typeof outcome === "string") this.progress = "stored"
      return outcome
    })
  }

  /** Until the file may appear, or the upload was cancelled. */
  private untilCommitted(): Promise<void> {
    return new Promise((resolve) => {
      this.onCancelled = resolve
      if (this.isCancelled()) resolve()
      else this.to.commit(resolve)
    })
  }

  private async closeHandle(): Promise<void> {
    const { handle } = this
    this.handle = undefined
    if (handle !== undefined) await close(handle)
  }
}
