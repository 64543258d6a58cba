/**
 * Which names are served at all. What this does not let through is neither
 * listed nor served: both ask here.
 */
import * as Glob from "effect/Glob"
import { type ByteName, toText } from "../names/ByteName.ts"

/** The rules of one file server. */
export interface VisibilityOptions {
  /** Whether names that begin with a dot are served; they are not unless this is `true`. */
  readonly dotfiles?: boolean
  /**
   * Patterns of what is hidden. One without a slash is for names at any level,
   * one with a slash for paths below the served folder; what is in a hidden
   * folder is hidden, too.
   */
  readonly hidden?: ReadonlyArray<string>
}

/** See {@link VisibilityOptions}. */
export interface Visibility {
  readonly dotfiles: boolean
  /** Whether there are patterns at all. */
  readonly hasPatterns: boolean
  /** Whether a path below the served folder, by its decoded segments, or a folder above it is hidden. */
  readonly hides: (segments: ReadonlyArray<ByteName>) => boolean
  /** Whether the last segment of a path hides it; the folder it is in is known not to be hidden. */
  readonly hidesEntry: (folder: ReadonlyArray<ByteName>, name: ByteName) => boolean
}

const compile = (pattern: string): Glob.Glob => Glob.make(pattern, { dot: true })
const matches = (globs: ReadonlyArray<Glob.Glob>, path: string): boolean =>
  globs.some((glob) => Glob.match(glob, path))

// A name's own dots are no path, and a slash cannot be in it.
const pathOf = (segments: ReadonlyArray<ByteName>): string => toText(segments.join("/"))

/** Compiles the rules. */
export const make = (options: VisibilityOptions = {}): Visibility => {
  const patterns = (options.hidden ?? []).map((pattern) => pattern.replace(/\/+$/, ""))
  const names = patterns.filter((pattern) => !pattern.includes("/")).map(compile)
  const paths = patterns
    .filter((pattern) => pattern.includes("/"))
    .map((pattern) => compile(pattern.replace(/^\/+/, "")))

  const hidesEntry = (folder: ReadonlyArray<ByteName>, name: ByteName): boolean =>
    (names.length > 0 && matches(names, toText(name))) ||
    (paths.length > 0 && matches(paths, pathOf([...folder, name])))

  const hides = (segments: ReadonlyArray<ByteName>): boolean =>
    patterns.length > 0 && segments.some((name, i) => hidesEntry(segments.slice(0, i), name))

  return {
    dotfiles: options.dotfiles ?? false,
    hasPatterns: patterns.length > 0,
    hides,
    hidesEntry,
  }
}
