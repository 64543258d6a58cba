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
import * as UploadFile from "./UploadFile.ts"
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

/** See the head of this file. */
export class FileReceiver {
  private readonly target: UploadTarget
  private readonly headers: Headers.HeaderList
  private cancelled = false
  private current: UploadFile.Upload | undefined

  constructor(target: UploadTarget, headers: Headers.HeaderList) {
    this.target = target
    this.headers = headers
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
      return this.refusalOf(UploadFile.failureOf(error), name)
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
    const existing = UploadRules.isPath(name) ? undefined : await statOf(path)
    await new Promise<void>((resolve) => hidden.refresh(resolve))
    const refusal =
      UploadRules.checkFile({ headers, name, folder, existing, root, hidden }, rules) ??
      (this.cancelled ? this.refusalOf({ _tag: "BrokenOff" }, name) : undefined)
    if (refusal !== undefined) {
      body.discard()
      return refusal
    }
    const onlyIfNew = Headers.has(headers, "if-none-match")
    const upload = UploadFile.start(body, {
      folder: folder.path,
      name,
      // Without overwriting, creating the name fails if another upload was faster.
      overwrite: rules.overwrite && !onlyIfNew,
      maxBytes: rules.maxBytes,
      mayReplace: async () => {
        const now = await statOf(path)
        const isReplaceable = now === undefined || now.isFile()
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

  private refusalOf(failure: UploadFile.Failure, name: ByteName): Refusal.Refusal {
    return Refusal.ofFile(failure, name, this.target.rules.maxBytes)
  }
}
