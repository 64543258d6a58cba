/**
 * What a share link opens of the shared folder: one file, or one folder with
 * what is below it. Links in that folder that lead out of it are not followed.
 */
import type { ByteName } from "../names/ByteName.ts"
import * as Root from "../root/Root.ts"
import type { Visibility } from "../root/Visibility.ts"

/** The part of a folder that is opened. */
export interface ShareBase {
  /** Of the folder, or of the folder that the file is in. */
  readonly segments: ReadonlyArray<ByteName>
  /** The folder's real path. */
  readonly real: ByteName
  /** The only entry that is opened; `undefined` for the whole folder. */
  readonly only: ByteName | undefined
}

const visibilityOf = (visibility: Visibility, { only, segments: base }: ShareBase): Visibility => {
  const hidesEntry: Visibility["hidesEntry"] = (folder, name) =>
    (only !== undefined && folder.length === 0 && name !== only) ||
    visibility.hidesEntry([...base, ...folder], name)
  return {
    dotfiles: visibility.dotfiles,
    hasPatterns: visibility.hasPatterns || only !== undefined,
    hides: (segments) =>
      (only !== undefined && segments.length > 0 && segments[0] !== only) ||
      visibility.hides([...base, ...segments]),
    hidesEntry,
  }
}

const closed = (opened: Root.OpenFile | Root.OpenFolder): Root.NotOpen => {
  if (opened._tag === "File") Root.close(opened.handle)
  else Root.closeFolder(opened)
  return Root.absent
}

/** The root of a share. Paths are relative to its folder. */
export const make = (root: Root.Root, base: ShareBase): Root.Root => ({
  symlinks: root.symlinks === "never" ? "never" : "inside",
  visibility: visibilityOf(root.visibility, base),
  open: (segments, done) => {
    const { only } = base
    // The folder of a shared file stays closed: its other entries are nobody's business.
    if (only !== undefined && (segments.length !== 1 || segments[0] !== only)) {
      return done(Root.absent)
    }
    root.open([...base.segments, ...segments], (opened) => {
      if (opened._tag !== "File" && opened._tag !== "Folder") return done(opened)
      if (only !== undefined) return done(opened._tag === "File" ? opened : closed(opened))
      if (!Root.isInside(opened.real, base.real)) return done(closed(opened))
      done(opened._tag === "Folder" ? { ...opened, segments } : opened)
    })
  },
  contains: (real, done) => done(Root.isInside(real, base.real)),
  hides: (real) => root.hides(real),
  pathOf: (segments) => root.pathOf([...base.segments, ...segments]),
})
