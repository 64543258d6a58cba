/**
 * Files that are never served, such as a configuration file with a key. They
 * are recognised by device and inode and by real path, so that neither another
 * spelling, a link nor a replacement of the file makes them visible.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { type ByteName, fromText } from "../names/ByteName.ts"

/** The stats that identify a file. Times in milliseconds since 1970. */
export interface Identity {
  readonly dev: number | bigint
  readonly ino: number | bigint
  readonly ctimeMs: number | bigint
  readonly birthtimeMs: number | bigint
}

/** The hidden files of one file server. */
export interface HiddenFiles {
  /** Gives whether a file at a real path is hidden; synchronously if the hidden files were examined recently. */
  readonly check: (real: ByteName, file: Identity, done: (hidden: boolean) => void) => void
  /** Examines the hidden files again. */
  readonly refresh: (done: () => void) => void
  /** Whether a file is hidden, as of the last refresh. */
  readonly holds: (real: ByteName, file: Identity) => boolean
}

/** How long, in milliseconds, a refresh is valid. */
export const lifetime = 1_000
/** How far, in milliseconds, the ctime of a file may lag behind the clock. */
const maxLag = 2_000
/** How many former identities are remembered. */
const maxFormer = 256
/** Linux appends this to the path of an open file that was deleted. */
const unlinked = " (deleted)"

const identity = ({ dev, ino }: Identity): string => `${Number(dev)} ${Number(ino)}`

// Inodes are reused; the birth time distinguishes a hidden file from a later one.
const lifetimeIdentity = (file: Identity): string =>
  `${identity(file)} ${Math.floor(Number(file.birthtimeMs))}`

/** Hides the files at some paths, whether they are there yet or not. */
export const make = (files: ReadonlyArray<string>): HiddenFiles => {
  const absolute = files.map((file) => path.resolve(file))
  const current: Array<string | undefined> = absolute.map(() => undefined)
  // A hidden file stays hidden after it is renamed, for example to a backup by an editor.
  const former = new Set<string>()
  // A path stays hidden while there is no file, as between the two steps of a replacement.
  const hiddenPaths = new Set<ByteName>(absolute.map(fromText))
  let readAt = Number.NEGATIVE_INFINITY

  const examine = (index: number, done: () => void): void => {
    const file = absolute[index] as string
    fs.stat(file, { bigint: true }, (error, stats) => {
      current[index] = error === null ? identity(stats) : undefined
      if (error === null) {
        former.add(lifetimeIdentity(stats))
        if (former.size > maxFormer) former.delete(former.values().next().value as string)
      }
      fs.realpath.native(file, { encoding: "latin1" }, (failure, real) => {
        if (failure === null) {
          hiddenPaths.add(real)
          return done()
        }
        fs.realpath.native(path.dirname(file), { encoding: "latin1" }, (missing, folder) => {
          if (missing === null) {
            const start = folder.endsWith(path.sep) ? folder : folder + path.sep
            hiddenPaths.add(start + fromText(path.basename(file)))
          }
          done()
        })
      })
    })
  }

  // A caller during a refresh may have seen a newer state than the refresh did,
  // so it waits for the next refresh, which all such callers share.
  let isRefreshing = false
  let waiting: Array<() => void> = []

  const start = (): void => {
    const callers = waiting
    waiting = []
    isRefreshing = true
    const startedAt = Date.now()
    let left = absolute.length
    const finishOne = () => {
      if (--left > 0) return
      isRefreshing = false
      readAt = startedAt
      if (waiting.length > 0) start()
      for (const done of callers) done()
    }
    for (let i = 0; i < absolute.length; i++) examine(i, finishOne)
  }

  const refresh = (done: () => void): void => {
    waiting.push(done)
    if (!isRefreshing) start()
  }

  const holds = (real: ByteName, file: Identity): boolean =>
    hiddenPaths.has(real) ||
    (real.endsWith(unlinked) && hiddenPaths.has(real.slice(0, -unlinked.length))) ||
    current.includes(identity(file)) ||
    former.has(lifetimeIdentity(file))

  if (absolute.length === 0) {
    return {
      check: (_real, _file, done) => done(false),
      refresh: (done) => done(),
      holds: () => false,
    }
  }
  return {
    refresh,
    holds,
    check: (real, file, done) => {
      const age = Date.now() - readAt
      // Renaming or linking changes the ctime: a file with an older one was examined as it is now.
      if (age >= 0 && age < lifetime && Number(file.ctimeMs) < readAt - maxLag) {
        return done(holds(real, file))
      }
      refresh(() => done(holds(real, file)))
    },
  }
}
