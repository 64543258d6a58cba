/**
 * The entries of a folder that may be served.
 */
import * as fs from "node:fs"
import { type ByteName, toFsPath, toText } from "../names/ByteName.ts"
import * as NaturalOrder from "../names/NaturalOrder.ts"
import type { HiddenFiles } from "./HiddenFiles.ts"
import { type NotOpen, notOpen, type OpenFolder, type Root } from "./Root.ts"

/** A file or folder in a folder. */
export interface Entry {
  readonly name: ByteName
  readonly folder: boolean
  /** Bytes; 0 for a folder. */
  readonly size: number
  /** The last change in milliseconds since 1970. */
  readonly modified: number
  /** Identifies it on its file system, as exactly as a number can; absent if it was not examined. */
  readonly inode?: number
  /** Whether its owner may execute it; absent for a folder. */
  readonly executable?: boolean
  /** Whether it is a symbolic link; the other fields are those of its target. */
  readonly link?: boolean
}

/** How many entries are examined at the same time. */
const concurrency = 64

const separator = process.platform === "win32" ? "\\" : "/"

interface Keyed {
  readonly entry: Entry
  readonly key: string
}

/** Folders first, in natural order. */
export const sorted = (entries: ReadonlyArray<Entry>): ReadonlyArray<Entry> =>
  entries
    .map((entry): Keyed => ({ entry, key: NaturalOrder.key(toText(entry.name)) }))
    .sort((a, b) => {
      if (a.entry.folder !== b.entry.folder) return a.entry.folder ? -1 : 1
      if (a.key !== b.key) return a.key < b.key ? -1 : 1
      return a.entry.name < b.entry.name ? -1 : 1
    })
    .map(({ entry }) => entry)

/** A name in a folder with its type; `other` for links and the like, which have to be examined. */
export interface Name {
  readonly name: ByteName
  readonly kind: "file" | "folder" | "other"
}

/**
 * The names in a folder, in no order, without those that are never served.
 * {@link look} finds out which of the others are served.
 */
export const names = (
  folder: OpenFolder,
  done: (result: ReadonlyArray<Name> | NotOpen) => void,
): void =>
  fs.readdir(
    toFsPath(folder.path),
    { encoding: "latin1", withFileTypes: true },
    (error, all: ReadonlyArray<fs.Dirent>) => {
      if (error !== null) return done(notOpen(error))
      const names: Array<Name> = []
      for (const entry of all) {
        if (!folder.isVisible(entry.name)) continue
        const kind = entry.isFile() ? "file" : entry.isDirectory() ? "folder" : "other"
        names.push({ name: entry.name, kind })
      }
      done(names)
    },
  )

/** Takes the entries, in no order, and the names that could not be examined. */
type LookResult = (entries: Array<Entry>, unexamined: ReadonlyArray<ByteName>) => void

/**
 * Examines some of the names in a folder. Left out are hidden files, links
 * outside or to nothing, entries that are neither files nor folders, and
 * entries deleted meanwhile.
 *
 * @param isCancelled asked now and then; once it returns true, entries may be missing
 */
export const look = (
  root: Root,
  hidden: HiddenFiles,
  folder: OpenFolder,
  names: ReadonlyArray<ByteName>,
  isCancelled: () => boolean,
  done: LookResult,
): void => {
  const looking = new Looking({ root, hidden, folder, names, isCancelled, done })
  hidden.refresh(() => looking.start())
}

/** What {@link look} examines, and how. */
interface Job {
  readonly root: Root
  readonly hidden: HiddenFiles
  readonly folder: OpenFolder
  readonly names: ReadonlyArray<ByteName>
  readonly isCancelled: () => boolean
  readonly done: LookResult
}

/** One call of {@link look}. */
class Looking {
  private readonly job: Job
  /** The real path of the folder, with a separator at its end. */
  private readonly real: ByteName
  private readonly entries: Array<Entry> = []
  private readonly unexamined: Array<ByteName> = []
  /** How many names have been begun. */
  private started = 0
  /** How many names are not finished. */
  private left: number

  constructor(job: Job) {
    const { real } = job.folder
    this.job = job
    this.real = real.endsWith(separator) ? real : real + separator
    this.left = job.names.length
  }

  start(): void {
    if (this.left === 0) return this.job.done([], [])
    for (let i = 0; i < concurrency; i++) this.startOne()
  }

  private startOne(): void {
    const { done, isCancelled, names } = this.job
    if (this.started === names.length) return
    if (isCancelled()) {
      // Calls that were started still finish; no further ones are started.
      this.left -= names.length - this.started
      this.started = names.length
      if (this.left === 0) done([], [])
      return
    }
    this.examine(names[this.started++] as ByteName)
  }

  private readonly next = (): void => {
    if (--this.left === 0) this.job.done(this.entries, this.unexamined)
    else this.startOne()
  }

  private examine(name: ByteName): void {
    const path = toFsPath(this.job.folder.path + separator + name)
    fs.lstat(path, (error, stats) => {
      if (error !== null) {
        // One that was deleted meanwhile is left out.
        if (error.code !== "ENOENT") this.unexamined.push(name)
        return this.next()
      }
      if (stats.isSymbolicLink()) return this.addLink(name, path)
      this.add(name, this.real + name, stats, false)
      this.next()
    })
  }

  private addLink(name: ByteName, path: string | Buffer): void {
    const { next } = this
    const { root } = this.job
    if (root.symlinks === "never") return next()
    fs.realpath.native(path, { encoding: "latin1" }, (error, real) => {
      if (error !== null) return next()
      root.contains(real, (inside) => {
        if (!inside || root.hides(real)) return next()
        fs.stat(toFsPath(real), (missing, stats) => {
          if (missing === null) this.add(name, real, stats, true)
          next()
        })
      })
    })
  }

  private add(name: ByteName, real: ByteName, stats: fs.Stats, link: boolean): void {
    if (!(stats.isFile() || stats.isDirectory()) || this.job.hidden.holds(real, stats)) return
    const folder = stats.isDirectory()
    const size = folder ? 0 : stats.size
    const { ino: inode, mtimeMs: modified } = stats
    const executable = !folder && (stats.mode & fs.constants.S_IXUSR) !== 0
    this.entries.push({
      name,
      folder,
      size,
      modified,
      inode,
      ...(executable ? { executable } : {}),
      ...(link ? { link } : {}),
    })
  }
}

/**
 * Reads what {@link look} gives; the entries are folders first, in natural order.
 *
 * @param isCancelled asked now and then; once it returns true, entries may be missing
 */
export const read = (
  root: Root,
  hidden: HiddenFiles,
  folder: OpenFolder,
  isCancelled: () => boolean,
  done: (result: ReadonlyArray<Entry> | NotOpen, unexamined: ReadonlyArray<ByteName>) => void,
): void =>
  fs.readdir(toFsPath(folder.path), { encoding: "latin1" }, (error, all) => {
    if (error !== null) return done(notOpen(error), [])
    const visible = all.filter(folder.isVisible)
    look(root, hidden, folder, visible, isCancelled, (entries, unexamined) =>
      done(sorted(entries), unexamined),
    )
  })
