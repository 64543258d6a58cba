/**
 * Receives the files of one upload request, one after the other.
 */
import * as fs from "node:fs"
import * as Headers from "../../domain/HeaderList.ts"
import type * as Body from "../../transport/body/Body.ts"
import { type ByteName, toFsPath } from "../names/ByteName.ts"
import type { HiddenFiles } from "../root/HiddenFiles.ts"
import * as Root from "../root/Root.ts"
import type { Leftovers } from "./Leftovers.ts"
import * as Refusal from "./Refusal.ts"
import * as UploadFailure from "./UploadFailure.ts"
import { Upload } from "./UploadFile.ts"
import * as UploadName from "./UploadName.ts"
import * as UploadRules from "./UploadRules.ts"

/** Where uploads go, and by which rules. */
export interface UploadTarget {
  readonly root: Root.Root
  readonly hidden: HiddenFiles
  readonly rules: UploadRules.UploadRules
  readonly leftovers: Leftovers
}

/** The result for one file. */
export type Outcome = "created" | "replaced" | Refusal.Refusal

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

/** The stats of a path, not following a link; `undefined` if nothing is there. */
const statOf = (path: string | Buffer): Promise<fs.BigIntStats | undefined> =>
  new Promise((resolve, reject) =>
    fs.lstat(path, { bigint: true }, (error, stats) => {
      if (error === null) resolve(stats)
      else if (error.code === "ENOENT") resolve(undefined)
      else reject(error)
    }),
  )

/** Whether the file at a path may be written. To rename another over it only its folder has to be writable. */
const isWritable = (path: string | Buffer): Promise<boolean> =>
  new Promise((resolve) => fs.access(path, fs.constants.W_OK, (error) => resolve(error === null)))

/** See the head of this file. */
export class FileReceiver {
  private readonly target: UploadTarget
  private readonly headers: Headers.HeaderList
  private readonly commit: (go: () => void) => void
  private cancelled = false
  private current: Upload | undefined

  /** @param commit see `Reply.commit` */
  constructor(target: UploadTarget, headers: Headers.HeaderList, commit: (go: () => void) => void) {
    this.target = target
    this.headers = headers
    this.commit = commit
  }

  /** Ends the file that is being received. */
  cancel(): void {
    this.cancelled = true
    this.current?.cancel()
  }

  /**
   * Receives one file. The body is read or discarded in any case.
   *
   * @param segments of the folder
   */
  async receive(
    segments: ReadonlyArray<ByteName>,
    name: ByteName,
    body: Body.Body,
  ): Promise<Outcome> {
    const { leftovers, root, rules } = this.target
    if (rules.maxBytes !== undefined && (body.length ?? 0) > rules.maxBytes) {
      body.discard()
      return this.refusalOf({ _tag: "TooLarge" }, name)
    }
    const folder = await openFolder(root, segments)
    if (folder._tag !== "Folder") {
      body.discard()
      return Refusal.ofFolder(folder)
    }
    const swept = leftovers.sweep(folder.real, folder.path, Date.now())
    try {
      return await this.store(folder, name, body)
    } catch (error) {
      body.discard()
      return this.refusalOf(UploadFailure.of(error), name)
    } finally {
      this.current = undefined
      await swept
      Root.closeFolder(folder)
    }
  }

  private async store(folder: Root.OpenFolder, name: ByteName, body: Body.Body): Promise<Outcome> {
    const { headers } = this
    const { hidden, root, rules } = this.target
    const path = toFsPath(`${folder.path}/${name}`)
    const isName = UploadName.problemOf(name) === undefined
    const existing = isName ? await statOf(path) : undefined
    const isProtected = existing?.isFile() === true && !(await isWritable(path))
    await new Promise<void>((resolve) => hidden.refresh(resolve))
    const refusal =
      UploadRules.checkFile(
        { headers, name, folder, existing, isProtected, root, hidden },
        rules,
      ) ?? (this.cancelled ? this.refusalOf({ _tag: "BrokenOff" }, name) : undefined)
    if (refusal !== undefined) {
      body.discard()
      return refusal
    }
    const onlyIfNew = Headers.has(headers, "if-none-match")
    const upload = new Upload(body, {
      folder: folder.path,
      name,
      // Without overwriting, creating the name fails if another upload was faster.
      overwrite: rules.overwrite && !onlyIfNew,
      maxBytes: rules.maxBytes,
      commit: this.commit,
      mayReplace: async () => {
        const now = await statOf(path)
        const isReplaceable = now === undefined || (now.isFile() && (await isWritable(path)))
        return isReplaceable && UploadRules.passesPreconditions(headers, name, now)
      },
    })
    this.current = upload
    if (this.cancelled) upload.cancel()
    const outcome = await upload.done
    if (typeof outcome === "string") return outcome
    const isConflict = outcome._tag === "Exists" && onlyIfNew
    return this.refusalOf(isConflict ? { _tag: "Changed" } : outcome, name)
  }

  private refusalOf(failure: UploadFailure.UploadFailure, name: ByteName): Refusal.Refusal {
    return Refusal.ofFile(failure, name, this.target.rules.maxBytes)
  }
}
