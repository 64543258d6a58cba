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

/**
 * Examines some of the names in a folder. Left out are hidden files, links
 * outside or to nothing, entries that are neither files nor folders, and
 * entries deleted meanwhile.
 *
 * @param isCancelled asked now and then; once it returns true, entries may be missing
 * @param done called with the entries in no order, and with the names that could not be examined
 */
export const look = (
  root: Root,
  hidden: HiddenFiles,
  folder: OpenFolder,
  names: ReadonlyArray<ByteName>,
  isCancelled: () => boolean,
  done: (entries: Array<Entry>, unexamined: ReadonlyArray<ByteName>) => void,
): void => {
  const entries: Array<Entry> = []
  const unexamined: Array<ByteName> = []
  const start = folder.real.endsWith(separator) ? folder.real : folder.real + separator

  const add = (name: ByteName, real: ByteName, stats: fs.Stats, link: boolean): void => {
    if (!(stats.isFile() || stats.isDirectory()) || hidden.holds(real, stats)) return
    const folder = stats.isDirectory()
    const size = folder ? 0 : stats.size
    const { ino: inode, mtimeMs: modified } = stats
    const executable = !folder && (stats.mode & fs.constants.S_IXUSR) !== 0
    entries.push({
      name,
      folder,
      size,
      modified,
      inode,
      ...(executable ? { executable } : {}),
      ...(link ? { link } : {}),
    })
  }

  const addLink = (name: ByteName, path: string | Buffer, next: () => void): void => {
    if (root.symlinks === "never") return next()
    fs.realpath.native(path, { encoding: "latin1" }, (error, real) => {
      if (error !== null) return next()
      root.contains(real, (inside) => {
        if (!inside || root.hides(real)) return next()
        fs.stat(toFsPath(real), (missing, stats) => {
          if (missing === null) add(name, real, stats, true)
          next()
        })
      })
    })
  }

  const lookAt = (name: ByteName, next: () => void): void => {
    const path = toFsPath(folder.path + separator + name)
    fs.lstat(path, (error, stats) => {
      if (error !== null) {
        // One that is gone is missed by nobody.
        if (error.code !== "ENOENT") unexamined.push(name)
        return next()
      }
      if (stats.isSymbolicLink()) return addLink(name, path, next)
      add(name, start + name, stats, false)
      next()
    })
  }

  hidden.refresh(() => {
    let started = 0
    let left = names.length
    if (left === 0) return done([], [])
    const next = (): void => {
      if (--left === 0) done(entries, unexamined)
      else startOne()
    }
    const startOne = (): void => {
      if (started === names.length) return
      if (isCancelled()) {
        // Calls that were started still finish; no further ones are started.
        left -= names.length - started
        started = names.length
        if (left === 0) done([], [])
        return
      }
      lookAt(names[started++] as ByteName, next)
    }
    for (let i = 0; i < concurrency; i++) startOne()
  })
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
