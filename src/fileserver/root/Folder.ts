/**
 * What is in a folder, as far as it is served.
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
  /** Whether it is a symbolic link; the rest is of what it leads to. */
  readonly link?: boolean
}

/** How many entries are looked at at the same time. */
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

/** A name in a folder and what the folder says of it; what is `other` has to be looked at. */
export interface Name {
  readonly name: ByteName
  readonly kind: "file" | "folder" | "other"
}

/**
 * The names in a folder, in no order. Names that are never served are left
 * out; {@link look} says which of the others are served.
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
      const found: Array<Name> = []
      for (const entry of all) {
        if (!folder.isVisible(entry.name)) continue
        const kind = entry.isFile() ? "file" : entry.isDirectory() ? "folder" : "other"
        found.push({ name: entry.name, kind })
      }
      done(found)
    },
  )

/**
 * Looks at some of the names in a folder. Hidden files, links that lead outside
 * or nowhere, and what is neither a file nor a folder are left out; so is what
 * vanishes meanwhile.
 *
 * @param isCancelled asked now and then; once it says so, `done` is called with fewer entries
 * @param done with entries in no order
 */
export const look = (
  root: Root,
  hidden: HiddenFiles,
  folder: OpenFolder,
  names: ReadonlyArray<ByteName>,
  isCancelled: () => boolean,
  done: (entries: Array<Entry>) => void,
): void => {
  const entries: Array<Entry> = []
  const start = folder.real.endsWith(separator) ? folder.real : folder.real + separator

  const add = (name: ByteName, real: ByteName, stats: fs.Stats, link: boolean): void => {
    if (!(stats.isFile() || stats.isDirectory()) || hidden.holds(real, stats)) return
    const folder = stats.isDirectory()
    const size = folder ? 0 : stats.size
    entries.push({ name, folder, size, modified: stats.mtimeMs, ...(link ? { link } : {}) })
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
      if (error !== null) return next()
      if (stats.isSymbolicLink()) return addLink(name, path, next)
      add(name, start + name, stats, false)
      next()
    })
  }

  hidden.refresh(() => {
    let started = 0
    let left = names.length
    if (left === 0) return done([])
    const next = (): void => {
      if (--left === 0) done(entries)
      else startOne()
    }
    const startOne = (): void => {
      if (started === names.length) return
      if (isCancelled()) {
        // Those under way still come in; nothing is started for the others.
        left -= names.length - started
        started = names.length
        if (left === 0) done([])
        return
      }
      lookAt(names[started++] as ByteName, next)
    }
    for (let i = 0; i < concurrency; i++) startOne()
  })
}

/**
 * Reads a folder: folders first, in natural order. Names with a leading dot and
 * what {@link look} leaves out are not there.
 *
 * @param isCancelled asked now and then; once it says so, `done` is called with fewer entries
 */
export const read = (
  root: Root,
  hidden: HiddenFiles,
  folder: OpenFolder,
  isCancelled: () => boolean,
  done: (result: ReadonlyArray<Entry> | NotOpen) => void,
): void =>
  fs.readdir(toFsPath(folder.path), { encoding: "latin1" }, (error, all) => {
    if (error !== null) return done(notOpen(error))
    const served = all.filter(folder.isVisible)
    look(root, hidden, folder, served, isCancelled, (entries) => done(sorted(entries)))
  })
