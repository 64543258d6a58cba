/**
 * Checks whether a file may be stored in a folder, before its content is read
 * and again before it gets its name.
 */
import * as fs from "node:fs"
import * as Headers from "../../domain/HeaderList.ts"
import { type ByteName, toFsPath } from "../names/ByteName.ts"
import type { HiddenFiles } from "../root/HiddenFiles.ts"
import * as Root from "../root/Root.ts"
import type { Leftovers } from "./Leftovers.ts"
import * as Refusal from "./Refusal.ts"
import type { UploadFailure } from "./UploadFailure.ts"
import { type Destination, newMode, permissions } from "./UploadFile.ts"
import * as UploadName from "./UploadName.ts"
import * as UploadRules from "./UploadRules.ts"

/** Where uploads go, and by which rules. */
export interface UploadTarget {
  readonly root: Root.Root
  readonly hidden: HiddenFiles
  readonly rules: UploadRules.UploadRules
  readonly leftovers: Leftovers
  /** Whether a client of WebDAV has locked a real path. Default: nothing is locked. */
  readonly isLocked?: (real: ByteName) => boolean
}

/** A file that may be stored, and how. */
export interface Checked
  extends Pick<Destination, "folder" | "name" | "overwrite" | "maxBytes" | "mayReplace"> {
  /** The mode of its temporary file: the replacement of a private file is private from the beginning. */
  readonly mode: number
  /** The refusal for a failure with this file. */
  readonly refusalOf: (failure: UploadFailure) => Refusal.Refusal
}

/** The stats of a path, not following a link; `undefined` if nothing is there. */
export const statOf = (path: string | Buffer): Promise<fs.BigIntStats | undefined> =>
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

/**
 * Checks a file against the rules. Rejects with errors of the file system.
 *
 * @param headers of the request that uploads it, with its preconditions
 */
export const check = async (
  { hidden, isLocked, root, rules }: UploadTarget,
  headers: Headers.HeaderList,
  folder: Root.OpenFolder,
  name: ByteName,
): Promise<Checked | Refusal.Refusal> => {
  const path = toFsPath(`${folder.path}/${name}`)
  const isName = UploadName.problemOf(name) === undefined
  const existing = isName ? await statOf(path) : undefined
  const isProtected = existing?.isFile() === true && !(await isWritable(path))
  await new Promise<void>((resolve) => hidden.refresh(resolve))
  const refusal = UploadRules.checkFile(
    { headers, name, folder, existing, isProtected, root, hidden },
    rules,
  )
  if (refusal !== undefined) return refusal
  if (isLocked?.(Root.realOf(folder, name)) === true) return Refusal.locked(name)
  const onlyIfNew = Headers.has(headers, "if-none-match")
  // Without overwriting, creating the name fails if another upload was faster.
  const overwrite = rules.overwrites(folder.segments) && !onlyIfNew
  return {
    folder: folder.path,
    name,
    overwrite,
    mode: overwrite && existing !== undefined ? Number(existing.mode) & permissions : newMode,
    maxBytes: rules.maxBytes,
    mayReplace: async () => {
      const now = await statOf(path)
      const isReplaceable = now === undefined || (now.isFile() && (await isWritable(path)))
      return isReplaceable && UploadRules.passesPreconditions(headers, name, now)
    },
    refusalOf: (failure) =>
      Refusal.ofFile(
        failure._tag === "Exists" && onlyIfNew ? { _tag: "Changed" } : failure,
        name,
        rules.maxBytes,
      ),
  }
}
