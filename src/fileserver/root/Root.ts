/**
 * The shared folder, and the only place that opens files and folders in it. A
 * path is opened first and checked afterwards: the real path of the open handle
 * decides. If a link or folder is replaced between the two, the file that was
 * opened is the file that is checked.
 */
import * as fs from "node:fs"
import type { SymlinkPolicy } from "../../domain/config/ServerConfig.ts"
import { type ByteName, fromText, toFsPath } from "../names/ByteName.ts"
import * as TargetPath from "../names/TargetPath.ts"
import type { HiddenFiles } from "./HiddenFiles.ts"
import * as Visibility from "./Visibility.ts"

/** A file that may be served. The receiver closes the handle. */
export interface OpenFile {
  readonly _tag: "File"
  readonly handle: number
  /** Its path without links. */
  readonly real: ByteName
  readonly stats: fs.BigIntStats
}

/** A folder that may be served. The receiver closes it with {@link closeFolder}. */
export interface OpenFolder {
  readonly _tag: "Folder"
  readonly handle: number | undefined
  /** A path to the folder that was checked, valid while the handle is open. */
  readonly path: ByteName
  /** Without links. */
  readonly real: ByteName
  /** The segments by which it was requested. */
  readonly segments: ReadonlyArray<ByteName>
  /** The last change in milliseconds since 1970. */
  readonly modified: number
  /** Whether the name of an entry allows it to be served. */
  readonly isVisible: (name: ByteName) => boolean
}

/**
 * Nothing can be served: `Absent` if it does not exist or the visitor may not
 * know of it, `Forbidden` if a listing shows it but the server may not read it,
 * `TooLong` if the operating system takes no path of this length, `Busy` if too
 * many files are open, `Broken` after a system error.
 */
export interface NotOpen {
  readonly _tag: "Absent" | "Forbidden" | "TooLong" | "Busy" | "Broken"
  readonly detail: string
}

/** The result of {@link Root.open}. */
export type Opened = OpenFile | OpenFolder | NotOpen

/**
 * How the real path of an open file is found: `handle` reads /proc (Linux),
 * `path` resolves the path again and compares device and inode.
 */
export type Check = "handle" | "path"

/** Which files in the folder are served. */
export interface Rules {
  readonly symlinks: SymlinkPolicy
  readonly visibility: Visibility.Visibility
}

const defaultRules: Rules = { symlinks: "inside", visibility: Visibility.make() }

/** The shared folder. */
export interface Root extends Rules {
  /** Opens the file or folder at a path, if it is inside the shared folder and not hidden. */
  readonly open: (segments: ReadonlyArray<ByteName>, done: (opened: Opened) => void) => void
  /** Whether links may lead to a real path: it is inside the shared folder, or the policy is `follow`. */
  readonly contains: (real: ByteName, done: (inside: boolean) => void) => void
  /** Whether a real path is inside and hidden by its name or that of a folder above it. */
  readonly hides: (real: ByteName) => boolean
  /** The file system path of the segments. */
  readonly pathOf: (segments: ReadonlyArray<ByteName>) => ByteName
}

const windows = process.platform === "win32"
const separator = windows ? "\\" : "/"
const constants = fs.constants
const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0)

/** The same answer whether a file does not exist or is not served. */
export const absent: NotOpen = {
  _tag: "Absent",
  detail: "There is no file or folder of this name.",
}
/** The answer for what a listing shows and the server may not read. */
export const forbidden: NotOpen = {
  _tag: "Forbidden",
  detail: "It is there, but the server may not read it.",
}
const tooLong: NotOpen = {
  _tag: "TooLong",
  detail: "The path is too long for the server's operating system.",
}
const busy: NotOpen = { _tag: "Busy", detail: "Too many files are open at the moment." }

/** Errors of paths that cannot be served; to a visitor they do not exist. */
const absentCodes = new Set([
  "EINVAL",
  "EILSEQ",
  "EISDIR",
  "ELOOP",
  "ENODEV",
  "ENOENT",
  "ENOTDIR",
  "ENXIO",
  "ERR_INVALID_ARG_VALUE",
])

/** The longest name of a file, in bytes, on all usual file systems. */
const maxName = 255

/** What a visitor learns about an error of the file system with a file that a listing shows. */
export const notOpen = (error: NodeJS.ErrnoException): NotOpen => {
  const code = error.code ?? "UNKNOWN"
  if (absentCodes.has(code)) return absent
  if (code === "EACCES" || code === "EPERM") return forbidden
  if (code === "ENAMETOOLONG") return tooLong
  if (code === "EMFILE" || code === "ENFILE") return busy
  return { _tag: "Broken", detail: `The file cannot be read (${code}).` }
}

/** Closes a handle; errors are ignored. */
export const close = (handle: number): void => fs.close(handle, () => {})

/** Closes a folder. */
export const closeFolder = ({ handle }: OpenFolder): void => {
  if (handle !== undefined) close(handle)
}

/** Whether a real path is that of a folder or below it. */
export const isInside = (real: ByteName, root: ByteName): boolean =>
  real === root ||
  (real.startsWith(root) && (root.endsWith(separator) || real.startsWith(separator, root.length)))

/** {@link Root.open} as a promise. */
export const openEntry = (root: Root, segments: ReadonlyArray<ByteName>): Promise<Opened> =>
  new Promise((resolve) => root.open(segments, resolve))

/** Opens a folder; a file of its name is as good as absent. */
export const openFolder = async (
  root: Root,
  segments: ReadonlyArray<ByteName>,
): Promise<OpenFolder | NotOpen> => {
  const opened = await openEntry(root, segments)
  if (opened._tag !== "File") return opened
  close(opened.handle)
  return absent
}

type Done = (opened: Opened) => void

/** An open path whose real path is known but not checked yet. */
interface Located {
  /** `undefined` for a folder with {@link Check} `path`. */
  readonly handle: number | undefined
  readonly real: ByteName
  readonly stats: fs.BigIntStats
  readonly segments: ReadonlyArray<ByteName>
}

const below = (start: ByteName, segments: ReadonlyArray<ByteName>): ByteName =>
  segments.length === 0
    ? start
    : `${start.endsWith(separator) ? start : start + separator}${segments.join(separator)}`

/** The real path of an entry of a folder, not following a link. */
export const realOf = ({ real }: OpenFolder, name: ByteName): ByteName => below(real, [name])

const handlePath = (handle: number): string => `/proc/self/fd/${handle}`

/** Closes the handle, if any, and gives the reason. */
const closeWith = (handle: number | undefined, reason: NotOpen, done: Done): void => {
  if (handle !== undefined) close(handle)
  done(reason)
}

class SharedRoot implements Root {
  readonly symlinks: SymlinkPolicy
  readonly visibility: Visibility.Visibility
  private readonly folder: string
  private readonly base: ByteName
  private readonly check: Check
  private readonly hidden: HiddenFiles
  /** The real path of the folder when it was last resolved. */
  private real: ByteName

  constructor(folder: string, real: ByteName, check: Check, hidden: HiddenFiles, rules: Rules) {
    this.symlinks = rules.symlinks
    this.visibility = rules.visibility
    this.folder = folder
    this.base = fromText(folder)
    this.real = real
    this.check = check
    this.hidden = hidden
  }

  pathOf(segments: ReadonlyArray<ByteName>): ByteName {
    return below(this.base, segments)
  }

  contains(candidate: ByteName, done: (inside: boolean) => void): void {
    if (this.symlinks === "follow" || isInside(candidate, this.real)) return done(true)
    // The shared folder may be a link that was switched, as on releases.
    fs.realpath.native(this.folder, { encoding: "latin1" }, (error, current) => {
      if (error === null) this.real = current
      done(error === null && isInside(candidate, current))
    })
  }

  hides(candidate: ByteName): boolean {
    if (!this.visibility.hasPatterns || !isInside(candidate, this.real)) return false
    const segments = candidate.slice(this.real.length).split(separator).filter(Boolean)
    return this.visibility.hides(segments)
  }

  open(segments: ReadonlyArray<ByteName>, done: Done): void {
    if (this.visibility.hides(segments)) return done(absent)
    const path = toFsPath(this.pathOf(segments))
    // Opening a FIFO or a device can have side effects, so its type is checked first.
    fs.stat(path, (error, stats) => {
      if (error !== null) return this.explain(error, segments, done)
      if (!stats.isFile() && !stats.isDirectory()) return done(absent)
      if (this.check === "path" && stats.isDirectory()) {
        return this.locateByPath(undefined, segments, done)
      }
      fs.open(path, flags, (failure, handle) => {
        if (failure !== null) this.explain(failure, segments, done)
        else if (this.check === "handle") this.locateByHandle(handle, segments, done)
        else this.locateByPath(handle, segments, done)
      })
    })
  }

  /** Gives why a path cannot be opened. That the server may not read it is said only if it is listed. */
  private explain(
    error: NodeJS.ErrnoException,
    segments: ReadonlyArray<ByteName>,
    done: Done,
  ): void {
    const reason = notOpen(error)
    switch (reason._tag) {
      case "TooLong":
        return done(segments.some((name) => name.length > maxName) ? absent : reason)
      case "Forbidden":
        return this.isListed(segments, (listed) => done(listed ? reason : absent))
      default:
        done(reason)
    }
  }

  /** Whether a path that cannot be opened, or else the nearest folder above that can be resolved, is served. */
  private isListed(segments: ReadonlyArray<ByteName>, done: (listed: boolean) => void): void {
    const path = toFsPath(this.pathOf(segments))
    fs.realpath.native(path, { encoding: "latin1" }, (error, real) => {
      if (error === null) {
        return fs.stat(path, { bigint: true }, (missing, stats) => {
          if (missing !== null) return done(false)
          this.isServed({ real, stats, segments }, done)
        })
      }
      if (notOpen(error) !== forbidden || segments.length === 0) return done(false)
      // A link to something that cannot be resolved is not listed.
      fs.lstat(path, (failure, stats) => {
        if (failure === null && stats.isSymbolicLink()) return done(false)
        this.isListed(segments.slice(0, -1), done)
      })
    })
  }

  private locateByHandle(handle: number, segments: ReadonlyArray<ByteName>, done: Done): void {
    let failure: NodeJS.ErrnoException | undefined
    let stats: fs.BigIntStats | undefined
    let real: ByteName | undefined
    // Both calls must have ended before the handle may be closed.
    let pending = 2
    const finish = (error: NodeJS.ErrnoException | null) => {
      failure ??= error ?? undefined
      if (--pending > 0) return
      if (failure === undefined && stats !== undefined && real !== undefined) {
        return this.judge({ handle, real, stats, segments }, done)
      }
      closeWith(handle, failure === undefined ? absent : notOpen(failure), done)
    }
    fs.fstat(handle, { bigint: true }, (error, result) => {
      stats = result
      finish(error)
    })
    fs.readlink(handlePath(handle), { encoding: "latin1" }, (error, result) => {
      real = result
      finish(error)
    })
  }

  private locateByPath(
    handle: number | undefined,
    segments: ReadonlyArray<ByteName>,
    done: Done,
  ): void {
    const path = toFsPath(this.pathOf(segments))
    fs.realpath.native(path, { encoding: "latin1" }, (error, real) => {
      if (error !== null) return closeWith(handle, notOpen(error), done)
      fs.stat(toFsPath(real), { bigint: true }, (missing, atPath) => {
        if (missing !== null) return closeWith(handle, notOpen(missing), done)
        if (handle === undefined) {
          return this.judge({ handle, real, stats: atPath, segments }, done)
        }
        fs.fstat(handle, { bigint: true }, (broken, stats) => {
          if (broken !== null) return closeWith(handle, notOpen(broken), done)
          const isSameFile = atPath.dev === stats.dev && atPath.ino === stats.ino
          if (!isSameFile) return closeWith(handle, absent, done)
          this.judge({ handle, real, stats, segments }, done)
        })
      })
    })
  }

  /** Gives the file or folder if its real path may be served. */
  private judge(located: Located, done: Done): void {
    const { handle, stats } = located
    this.isServed(located, (served) => {
      if (!served) closeWith(handle, absent, done)
      else if (stats.isDirectory()) done(this.openFolder(located))
      else if (stats.isFile() && handle !== undefined)
        done({ _tag: "File", handle, real: located.real, stats })
      else closeWith(handle, absent, done)
    })
  }

  /** Gives whether a real path may be served. */
  private isServed(
    { real, segments, stats }: Omit<Located, "handle">,
    done: (served: boolean) => void,
  ): void {
    this.contains(real, (inside) => {
      if (!inside || this.hides(real)) return done(false)
      // Without links the requested path is the real path.
      if (this.symlinks === "never" && real !== below(this.real, segments)) return done(false)
      this.hidden.check(real, stats, (isHidden) => done(!isHidden))
    })
  }

  private openFolder({ handle, real, segments, stats }: Located): OpenFolder {
    const { visibility } = this
    return {
      _tag: "Folder",
      handle,
      // With `handle` the path through /proc stays valid if the folder is moved.
      path: this.check === "handle" && handle !== undefined ? handlePath(handle) : real,
      real,
      segments,
      modified: Number(stats.mtimeMs),
      isVisible: (name) =>
        TargetPath.isServed(name, windows, visibility.dotfiles) &&
        !(visibility.hasPatterns && visibility.hidesEntry(segments, name)),
    }
  }
}

/**
 * Shares a folder.
 *
 * @param folder an absolute path
 * @param real its real path
 */
export const make = (
  folder: string,
  real: ByteName,
  check: Check,
  hidden: HiddenFiles,
  rules: Rules = defaultRules,
): Root => new SharedRoot(folder, real, check, hidden, rules)
