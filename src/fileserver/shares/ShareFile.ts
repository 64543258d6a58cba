/**
 * Where the secret of a folder's share links is kept: in the user's folder for
 * state (XDG Base Directory Specification), since it has to outlast the process.
 */
import { createHash } from "node:crypto"
import * as path from "node:path"
import { homeFolder } from "../../transport/runtime/HomeFolder.ts"

/** The file of a shared folder. */
export const of = (root: string): string => {
  const base = process.env.XDG_STATE_HOME
  const state =
    base !== undefined && path.isAbsolute(base) ? base : path.join(homeFolder(), ".local", "state")
  const name = createHash("sha256").update(path.resolve(root)).digest("hex").slice(0, 16)
  return path.join(state, "ptth", "share-links", `${name}.json`)
}
