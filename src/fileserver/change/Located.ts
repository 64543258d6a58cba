/**
 * An entry of a folder that is to be changed.
 */
import type * as fs from "node:fs"
import type { ByteName } from "../names/ByteName.ts"
import * as TargetPath from "../names/TargetPath.ts"
import * as Root from "../root/Root.ts"

/** An entry of a folder, or a name that is free. Its folder is open until {@link release}. */
export interface Located {
  readonly folder: Root.OpenFolder
  readonly name: ByteName
  readonly segments: ReadonlyArray<ByteName>
  readonly path: string | Buffer
  /** The real path of the entry itself, not following a link. */
  readonly real: ByteName
  /** Not following a link; `undefined` if the name is free. */
  readonly stats: fs.BigIntStats | undefined
}

/** Closes the folder of an entry. */
export const release = ({ folder }: Located): void => Root.closeFolder(folder)

/** Whether an entry is one that a Mac writes beside others. */
export const isSidecar = ({ name }: Located): boolean => TargetPath.isSidecar(name)

/** Whether an entry is changed, only read, or is to be made: then its folder has to be made first. */
export type Use = "change" | "make" | "read"
