/**
 * What is in a folder, as far as it is served.
 */
import * as fs from "node:fs"
import { type ByteName, toFsPath, toText } from "./ByteName.ts"
import type { HiddenFiles } from "./HiddenFiles.ts"
import * as NaturalOrder from "./NaturalOrder.ts"
import { type NotOpen, notOpen, type OpenFolder, type Root } from "./Root.ts"
import * as TargetPath from "./TargetPath.ts"

/** A file or folder in a folder. */
export interface Entry {
  readonly name: ByteName
  readonly folder: boolean
  /** Bytes; 0 for a folder. */
  readonly size: number
  /** The last change in milliseconds since 1970. */
  readonly modified: number
}

/** How many entries are looked at at the same time. */
const concurrency = 16

const separator = process.platform === "win32" ? "\\" : "/"
const windows = process.platform === "win32"

interface Keyed {
  readonly entry: Entry
  readonly key: string
}

const sorted = (entries: Array<Keyed>): ReadonlyArray<Entry> =>
  entries
    .sort((a, b) => {
      if (a.entry.folder !== b.entry.folder) return a.entry.folder ? -1 : 1
      if (a.key !== b.key) return a.key < b.key ? -1 : 1
      return a.entry.name < b.entry.name ? -1 : 1
    })
    .map(({ entry }) => entry)

/**
 * Reads a folder: folders first, in natural order. Names with a leading dot,
 * hidden files, links that lead outside or nowhere, and what is neither a file
 * nor a folder are left out; so is what vanishes meanwhile.
 *
 * @param isCancelled asked now and then; once it says so, `done` is called without entries
 */
export const read = (
  root: Root,
  hidden: HiddenFiles,
  folder: OpenFolder,
  isCancelled: () => boolean,
  done: (result: ReadonlyArray<Entry> | NotOpen) => void,
): void => {
  const entries: Array<Keyed> = []
  const start = folder.real.endsWith(separator) ? folder.real : folder.real + separator

  const add = (name: ByteName, real: ByteName, stats: fs.Stats): void => {
    if (!(stats.isFile() || stats.isDirectory()) || hidden.holds(real, stats)) return
    const folder = stats.isDirectory()
    entries.push({
      key: NaturalOrder.key(toText(name)),
      entry: { name, folder, size: folder ? 0 : stats.size, modified: stats.mtimeMs },
    })
  }

  const addLink = (name: ByteName, path: string | Buffer, next: () => void): void =>
    fs.realpath.native(path, { encoding: "latin1" }, (error, real) => {
      if (error !== null) return next()
      root.contains(real, (inside) => {
        if (!inside) return next()
        fs.stat(toFsPath(real), (missing, stats) => {
          if (missing === null) add(name, real, stats)
          next()
        })
      })
    })

  const lookAt = (name: ByteName, next: () => void): void => {
    const path = toFsPath(folder.path + separator + name)
    fs.lstat(path, (error, stats) => {
      if (error !== null) return next()
      if (stats.isSymbolicLink()) return addLink(name, path, next)
      add(name, start + name, stats)
      next()
    })
  }

  hidden.refresh(() => {
    fs.readdir(toFsPath(folder.path), { encoding: "latin1" }, (error, all) => {
      if (error !== null) return done(notOpen(error))
      const names = all.filter((name) => TargetPath.isServed(name, windows))
      let started = 0
      let left = names.length
      if (left === 0) return done([])
      const next = (): void => {
        if (--left === 0) done(sorted(entries))
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
  })
}
