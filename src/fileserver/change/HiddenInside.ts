/**
 * Whether a folder contains something that is hidden: then it is neither moved,
 * which could make it visible, nor deleted. Dotfiles go along with their folder:
 * they stay dotfiles.
 */
import * as fs from "node:fs"
import { type ByteName, toFsPath } from "../names/ByteName.ts"
import type { HiddenFiles } from "../root/HiddenFiles.ts"
import type * as Root from "../root/Root.ts"
import type * as Refusal from "../uploads/Refusal.ts"
import * as ChangeRefusal from "./ChangeRefusal.ts"
import type { Located } from "./Located.ts"

/** The most entries that are looked at. */
const maxEntries = 100_000

/** Why a folder cannot be moved or deleted; `undefined` if it can, or is a file. */
export const check = async (
  root: Root.Root,
  hidden: HiddenFiles,
  { path, real, segments, stats }: Located,
): Promise<Refusal.Refusal | undefined> => {
  if (stats?.isDirectory() !== true) return undefined
  if (hidden.isBelow(real)) return ChangeRefusal.holdsHidden
  const { visibility } = root
  if (!visibility.hasPatterns) return undefined
  let left = maxEntries
  const folders: Array<{ readonly path: string | Buffer; readonly at: ReadonlyArray<ByteName> }> = [
    { path, at: segments },
  ]
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await fs.promises.readdir(folder.path, {
      encoding: "latin1",
      withFileTypes: true,
    })) {
      if (--left < 0) return ChangeRefusal.tooManyEntries
      if (visibility.hidesEntry(folder.at, entry.name)) return ChangeRefusal.holdsHidden
      if (!entry.isDirectory()) continue
      const base = typeof folder.path === "string" ? folder.path : folder.path.toString("latin1")
      folders.push({ path: toFsPath(`${base}/${entry.name}`), at: [...folder.at, entry.name] })
    }
  }
  return undefined
}
