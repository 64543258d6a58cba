/**
 * Whether a folder contains something that is hidden: then it is neither moved,
 * which could make it visible, nor deleted. Dotfiles go along with their folder:
 * they stay dotfiles.
 */
import type { HiddenFiles } from "../root/HiddenFiles.ts"
import type * as Root from "../root/Root.ts"
import type * as Refusal from "../uploads/Refusal.ts"
import * as ChangeRefusal from "./ChangeRefusal.ts"
import { everythingBelow } from "./EverythingBelow.ts"
import type { Located } from "./Located.ts"

/** The most entries that are looked at. */
const maxEntries = 100_000

/** Why a folder cannot be moved or deleted; `undefined` if it can, or is a file. */
export const check = async (
  root: Root.Root,
  hidden: HiddenFiles,
  entry: Located,
): Promise<Refusal.Refusal | undefined> => {
  if (entry.stats?.isDirectory() !== true) return undefined
  if (hidden.isBelow(entry.real)) return ChangeRefusal.holdsHidden
  const { visibility } = root
  if (!visibility.hasPatterns) return undefined
  let remaining = maxEntries
  for await (const { folder, name } of everythingBelow(entry)) {
    if (--remaining < 0) return ChangeRefusal.tooManyEntries
    if (visibility.hidesEntry(folder, name)) return ChangeRefusal.holdsHidden
  }
  return undefined
}
