/**
 * The folder that is served, and the only place where anything in it is
 * opened. A name is resolved once, by opening it; what was opened is then
 * asked where it is. A link or folder that is swapped in between can change
 * what is opened, not what is let through.
 */
import * as fs from "node:fs"
import type { SymlinkPolicy } from "../../domain/config/ServerConfig.ts"
import { type ByteName, fromText, toFsPath } from "../names/ByteName.ts"
import * as TargetPath from "../names/TargetPath.ts"
import type { HiddenFiles } from "./HiddenFiles.ts"
import * as Visibility from "./Visibility.ts"

/** A file that may be served. Whoever gets it closes the handle. */
export interface OpenFile {
  readonly _tag: "File"
  readonly handle: number
  readonly stats: fs.BigIntStats
}

/** A folder that may be served. Whoever gets it closes the handle, where there is one. */
export interface OpenFolder {
  readonly _tag: "Folder"
  readonly handle: number | undefined
  /** A path to the very folder that was checked, good while the handle is open. */
  readonly path: ByteName
  /** Its real path. */
  readonly real: ByteName
  /** The segments it was asked for by. */
  readonly segments: ReadonlyArray<ByteName>
  /** The last change in milliseconds since 1970. */
  readonly modified: number
  /** Whether an entry of it may be served as far as the name goes. */
  readonly isVisible: (name: ByteName) => boolean
}

/** There is nothing to serve: `Absent` as far as a visitor may know, `Busy` for want of handles, `Broken` an error of the system. */
export interface NotOpen {
  readonly _tag: "Absent" | "Busy" | "Broken"
  readonly detail: string
}

/** See the parts. */
export type Opened = OpenFile | OpenFolder | NotOpen

/** How what was opened is asked where it is: by its handle (Linux), or by the path with a comparison of identities. */
export type Check = "handle" | "path"

/** What of the folder is served. */
export interface Rules {
  readonly symlinks: SymlinkPolicy
  readonly visibility: Visibility.Visibility
}

const defaultRules: Rules = { symlinks: "inside", visibility: Visibility.make() }

/** The folder that is served. */
export interface Root extends Rules {
  /** Opens what the segments name, if it is a file or folder inside and not hidden. */
  readonly open: (segments: ReadonlyArray<ByteName>, done: (opened: Opened) => void) => void
  /** Whether a real path may be served: it is inside, looking again if the folder seems to have moved, or links may leave. */
  readonly contains: (real: ByteName, done: (inside: boolean) => void) => void
  /** Whether a real path is inside and hidden by its name or one above it. */
  readonly hides: (real: ByteName) => boolean
  /** The path of what the segments name. */
  readonly pathOf: (segments: ReadonlyArray<ByteName>) => ByteName
}

const windows = process.platform === "win32"
const separator = windows ? "\\" : "/"
const constants = fs.constants
const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0)

/** There is nothing of this name, as far as a visitor may know. */
export const absent: NotOpen = {
  _tag: "Absent",
  detail: "There is no file or folder of this name.",
}
const busy: NotOpen = { _tag: "Busy", detail: "Too many files are open at the moment." }

const ordinary = new Set([
  "EACCES",
  "EINVAL",
  "EILSEQ",
  "EISDIR",
  "ELOOP",
  "ENAMETOOLONG",
  "ENODEV",
  "ENOENT",
  "ENOTDIR",
  "ENXIO",
  "EPERM",
  "ERR_INVALID_ARG_VALUE",
])

/** What an error of the file system means to a visitor. */
export const notOpen = (error: NodeJS.ErrnoException): NotOpen => {
  const code = error.code ?? "UNKNOWN"
  if (ordinary.has(code)) return absent
  if (code === "EMFILE" || code === "ENFILE") return busy
  return { _tag: "Broken", detail: `The file cannot be read (${code}).` }
}

/** Closes a handle; there is nobody to tell if that fails. */
export const close = (handle: number): void => fs.close(handle, () => {})

const isInside = (real: ByteName, root: ByteName): boolean =>
  real === root ||
  (real.startsWith(root) && (root.endsWith(separator) || real.startsWith(separator, root.length)))

/**
 * Wraps a folder.
 *
 * @param folder an absolute path
 * @param real its real path
 */
export const make = (
  folder: string,
  real: ByteName,
  check: Check,
  hidden: HiddenFiles,
  { symlinks, visibility }: Rules = defaultRules,
): Root => {
  const base = fromText(folder)
  let root = real

  const below = (start: ByteName, segments: ReadonlyArray<ByteName>): ByteName =>
    segments.length === 0
      ? start
      : `${start.endsWith(separator) ? start : start + separator}${segments.join(separator)}`

  const pathOf = (segments: ReadonlyArray<ByteName>): ByteName => below(base, segments)

  const contains = (candidate: ByteName, done: (inside: boolean) => void): void => {
    if (symlinks === "follow" || isInside(candidate, root)) return done(true)
    // A folder that is a link may lead elsewhere by now, as releases are often switched.
    fs.realpath.native(folder, { encoding: "latin1" }, (error, current) => {
      if (error === null) root = current
      done(error === null && isInside(candidate, current))
    })
  }

  const hides = (candidate: ByteName): boolean =>
    visibility.hasPatterns &&
    isInside(candidate, root) &&
    visibility.hides(candidate.slice(root.length).split(separator).filter(Boolean))

  const openFolder = (
    handle: number | undefined,
    path: ByteName,
    real: ByteName,
    segments: ReadonlyArray<ByteName>,
    stats: fs.BigIntStats,
  ): OpenFolder => ({
    _tag: "Folder",
    handle,
    path,
    real,
    segments,
    modified: Number(stats.mtimeMs),
    isVisible: (name) =>
      TargetPath.isServed(name, windows, visibility.dotfiles) &&
      !(visibility.hasPatterns && visibility.hidesEntry(segments, name)),
  })

  const judge = (
    handle: number | undefined,
    where: ByteName,
    stats: fs.BigIntStats,
    path: ByteName,
    segments: ReadonlyArray<ByteName>,
    done: (opened: Opened) => void,
  ): void => {
    const refuse = (reason: NotOpen) => {
      if (handle !== undefined) close(handle)
      done(reason)
    }
    contains(where, (inside) => {
      if (!inside || hides(where)) return refuse(absent)
      // Without links the path that was asked for is the real one.
      if (symlinks === "never" && where !== below(root, segments)) return refuse(absent)
      hidden.check(where, stats, (isHidden) => {
        if (isHidden) refuse(absent)
        else if (stats.isDirectory()) done(openFolder(handle, path, where, segments, stats))
        else if (stats.isFile() && handle !== undefined) done({ _tag: "File", handle, stats })
        else refuse(absent)
      })
    })
  }

  const askHandle = (
    handle: number,
    segments: ReadonlyArray<ByteName>,
    done: (opened: Opened) => void,
  ): void => {
    const path = `/proc/self/fd/${handle}`
    let failure: NodeJS.ErrnoException | undefined
    let stats: fs.BigIntStats | undefined
    let where: ByteName | undefined
    // Both answers are waited for: the handle must not be closed under a call.
    let left = 2
    const one = (error: NodeJS.ErrnoException | null) => {
      failure ??= error ?? undefined
      if (--left > 0) return
      if (failure === undefined && stats !== undefined && where !== undefined) {
        return judge(handle, where, stats, path, segments, done)
      }
      close(handle)
      done(failure === undefined ? absent : notOpen(failure))
    }
    fs.fstat(handle, { bigint: true }, (error, answer) => {
      stats = answer
      one(error)
    })
    fs.readlink(path, { encoding: "latin1" }, (error, answer) => {
      where = answer
      one(error)
    })
  }

  const askPath = (
    handle: number | undefined,
    path: ByteName,
    segments: ReadonlyArray<ByteName>,
    done: (opened: Opened) => void,
  ): void => {
    const refuse = (reason: NotOpen) => {
      if (handle !== undefined) close(handle)
      done(reason)
    }
    fs.realpath.native(toFsPath(path), { encoding: "latin1" }, (error, where) => {
      if (error !== null) return refuse(notOpen(error))
      fs.stat(toFsPath(where), { bigint: true }, (missing, there) => {
        if (missing !== null) return refuse(notOpen(missing))
        if (handle === undefined) return judge(handle, where, there, where, segments, done)
        fs.fstat(handle, { bigint: true }, (broken, stats) => {
          if (broken !== null) return refuse(notOpen(broken))
          if (there.dev !== stats.dev || there.ino !== stats.ino) return refuse(absent)
          judge(handle, where, stats, where, segments, done)
        })
      })
    })
  }

  const open = (segments: ReadonlyArray<ByteName>, done: (opened: Opened) => void): void => {
    if (visibility.hides(segments)) return done(absent)
    const path = pathOf(segments)
    const fsPath = toFsPath(path)
    // Opening a FIFO or a device can have effects of its own, so ask before.
    fs.stat(fsPath, (error, kind) => {
      if (error !== null) return done(notOpen(error))
      if (!kind.isFile() && !kind.isDirectory()) return done(absent)
      if (check === "path" && kind.isDirectory()) return askPath(undefined, path, segments, done)
      fs.open(fsPath, flags, (failure, handle) => {
        if (failure !== null) done(notOpen(failure))
        else if (check === "handle") askHandle(handle, segments, done)
        else askPath(handle, path, segments, done)
      })
    })
  }

  return { open, contains, hides, pathOf, symlinks, visibility }
}
