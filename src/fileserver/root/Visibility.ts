/**
 * Which names may be listed and served.
 */
import * as Glob from "effect/Glob"
import { type ByteName, fromText, toCanonicalText } from "../names/ByteName.ts"

/** The rules of one file server. */
export interface VisibilityOptions {
  /** Whether names that begin with a dot are served. Default: `false`. */
  readonly dotfiles?: boolean
  /**
   * Patterns of hidden files and folders. A pattern without a slash matches
   * names at any level, one with a slash paths below the shared folder. The
   * content of a hidden folder is hidden, too. Canonically equivalent names (Unicode NFC and NFD)
   * match alike.
   */
  readonly hidden?: ReadonlyArray<string>
  /** The only entry of the shared folder that is served. Default: all are. */
  readonly only?: string
}

/** The compiled options. */
export interface Visibility {
  readonly dotfiles: boolean
  /** Whether anything is hidden by its name at all. */
  readonly hasPatterns: boolean
  /** Whether a path below the shared folder, or a folder above it, is hidden. */
  readonly hides: (segments: ReadonlyArray<ByteName>) => boolean
  /** Whether an entry of a folder is hidden, given that the folder is not. */
  readonly hidesEntry: (folder: ReadonlyArray<ByteName>, name: ByteName) => boolean
}

const compile = (pattern: string): Glob.Glob => Glob.make(pattern, { dot: true })
const matches = (globs: ReadonlyArray<Glob.Glob>, path: string): boolean =>
  globs.some((glob) => Glob.match(glob, path))

const pathOf = (segments: ReadonlyArray<ByteName>): string => toCanonicalText(segments.join("/"))

/**
 * Compiles the options.
 *
 * @param allows whether a visitor may know of a path; default: of every path
 */
export const make = (
  options: VisibilityOptions = {},
  allows?: (path: ReadonlyArray<ByteName>) => boolean,
): Visibility => {
  const patterns = (options.hidden ?? []).map((pattern) =>
    pattern.normalize("NFC").replace(/\/+$/, ""),
  )
  const names = patterns.filter((pattern) => !pattern.includes("/")).map(compile)
  const paths = patterns
    .filter((pattern) => pattern.includes("/"))
    .map((pattern) => compile(pattern.replace(/^\/+/, "")))

  const only = options.only === undefined ? undefined : fromText(options.only)
  const hasPatterns = patterns.length > 0 || only !== undefined || allows !== undefined

  const hidesEntry = (folder: ReadonlyArray<ByteName>, name: ByteName): boolean =>
    (only !== undefined && folder.length === 0 && name !== only) ||
    (allows !== undefined && !allows([...folder, name])) ||
    (names.length > 0 && matches(names, toCanonicalText(name))) ||
    (paths.length > 0 && matches(paths, pathOf([...folder, name])))

  const hides = (segments: ReadonlyArray<ByteName>): boolean =>
    hasPatterns && segments.some((name, i) => hidesEntry(segments.slice(0, i), name))

  return {
    dotfiles: options.dotfiles ?? false,
    hasPatterns,
    hides,
    hidesEntry,
  }
}
