/**
 * What is changed: an entry of a folder, opened and checked by the same rules
 * by which files are served and uploaded.
 */
import { type ByteName, toFsPath } from "../names/ByteName.ts"
import * as TargetPath from "../names/TargetPath.ts"
import * as Root from "../root/Root.ts"
import * as FileCheck from "../uploads/FileCheck.ts"
import type * as Refusal from "../uploads/Refusal.ts"
import * as UploadRules from "../uploads/UploadRules.ts"
import type { Bin } from "./Bin.ts"
import * as ChangeRefusal from "./ChangeRefusal.ts"
import type { Located, Use } from "./Located.ts"
import type { Locks } from "./Locks.ts"
import type { ManageRules } from "./ManageRules.ts"
import type { Properties } from "./Properties.ts"

/** Where changes go, and by which rules. */
export interface ChangeTarget {
  /** For files that are put; overwriting is allowed. */
  readonly uploads: FileCheck.UploadTarget
  readonly rules: ManageRules
  readonly locks: Locks
  readonly properties: Properties
  readonly bin: Bin
}

const windows = process.platform === "win32"

/** Whether something at a path is served, or would be if it could be read. */
const isServed = async (root: Root.Root, segments: ReadonlyArray<ByteName>): Promise<boolean> => {
  const opened = await Root.openEntry(root, segments)
  if (opened._tag === "File") Root.close(opened.handle)
  if (opened._tag === "Folder") Root.closeFolder(opened)
  return opened._tag !== "Absent"
}

/**
 * Finds the entry at a path whose folder may be changed, or why it may not.
 * Rejects with errors of the file system.
 */
export const locate = async (
  { rules, uploads: { hidden, root } }: ChangeTarget,
  segments: ReadonlyArray<ByteName>,
  use: Use = "change",
): Promise<Located | Refusal.Refusal> => {
  const name = segments.at(-1)
  if (name === undefined) return ChangeRefusal.rootFolder
  const above = segments.slice(0, -1)
  // A folder that somebody typed has not been decoded from an address, which checks this. Nothing
  // is changed in folders that begin with a dot, even where they are served.
  const dotfiles = use === "read" && root.visibility.dotfiles
  if (!above.every((one) => TargetPath.isServed(one, windows, dotfiles)))
    return use === "make" ? ChangeRefusal.noParent : ChangeRefusal.absent
  if (use !== "read" && !rules.allows(above)) return ChangeRefusal.notAllowed
  const folder = await Root.openFolder(root, above)
  if (folder._tag !== "Folder") {
    const isMissing = use !== "make" && folder._tag === "Absent"
    return isMissing ? ChangeRefusal.absent : ChangeRefusal.ofFolder(folder)
  }
  const closeWith = (refusal: Refusal.Refusal): Refusal.Refusal => {
    Root.closeFolder(folder)
    return refusal
  }
  try {
    const path = toFsPath(`${folder.path}/${name}`)
    const stats = await FileCheck.statOf(path)
    await new Promise<void>((resolve) => hidden.refresh(resolve))
    const refusal = UploadRules.checkName({ name, folder, existing: stats, root, hidden }, true)
    if (refusal !== undefined) return closeWith(use === "make" ? refusal : ChangeRefusal.absent)
    // A link that leads out is there, but nobody may know of it or remove it.
    if (stats !== undefined && !(await isServed(root, segments)))
      return closeWith(ChangeRefusal.absent)
    return { folder, name, segments, path, real: Root.realOf(folder, name), stats }
  } catch (error) {
    Root.closeFolder(folder)
    throw error
  }
}
