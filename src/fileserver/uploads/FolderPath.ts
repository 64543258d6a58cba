/**
 * Makes the folders that an upload names below its folder.
 */
import * as fs from "node:fs"
import { type ByteName, toFsPath } from "../names/ByteName.ts"
import * as Root from "../root/Root.ts"
import * as FileCheck from "./FileCheck.ts"
import * as Refusal from "./Refusal.ts"
import * as UploadFailure from "./UploadFailure.ts"
import * as UploadRules from "./UploadRules.ts"

const makeFolder = async (
  { hidden, root, rules }: FileCheck.UploadTarget,
  parent: Root.OpenFolder,
  name: ByteName,
): Promise<Refusal.Refusal | undefined> => {
  try {
    const path = toFsPath(`${parent.path}/${name}`)
    const existing = await FileCheck.statOf(path)
    await new Promise<void>((resolve) => hidden.refresh(resolve))
    const refusal = UploadRules.checkName({ name, folder: parent, existing, root, hidden })
    if (refusal !== undefined) return refusal
    // Whether a link leads to a folder inside, or something else has the name, shows when it is opened.
    if (existing === undefined) await fs.promises.mkdir(path)
    return undefined
  } catch (error) {
    const failure = UploadFailure.of(error)
    // Another upload may have made it meanwhile.
    return failure._tag === "Exists" ? undefined : Refusal.ofFile(failure, name, rules.maxBytes)
  }
}

/** Makes the folders, each in the one before, where they do not exist. */
export const make = async (
  target: FileCheck.UploadTarget,
  folder: ReadonlyArray<ByteName>,
  names: ReadonlyArray<ByteName>,
): Promise<Refusal.Refusal | undefined> => {
  for (const [i, name] of names.entries()) {
    const above = [...folder, ...names.slice(0, i)]
    if (!target.rules.allows([...above, name])) return Refusal.folderNotAllowed
    const parent = await Root.openFolder(target.root, above)
    if (parent._tag !== "Folder") return Refusal.ofFolder(parent)
    try {
      const refusal = await makeFolder(target, parent, name)
      if (refusal !== undefined) return refusal
    } finally {
      Root.closeFolder(parent)
    }
  }
  return undefined
}
