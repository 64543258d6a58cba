/**
 * Files that are never shown, such as a configuration with a key in it. They
 * are known by what they are (device and inode) and by where they are, so
 * neither another spelling, a link nor a replacement brings them to light.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { type ByteName, fromText } from "../names/ByteName.ts"

/** What of a file's stat is compared. Times in milliseconds. */
export interface Identity {
  readonly dev: number | bigint
  readonly ino: number | bigint
  readonly ctimeMs: number | bigint
  readonly birthtimeMs: number | bigint
}

/** The hidden files of one file server. */
export interface HiddenFiles {
  /** Says whether a file at a real path is hidden; at once unless the hidden files have to be looked at again. */
  readonly check: (real: ByteName, file: Identity, done: (hidden: boolean) => void) => void
  /** Looks at the hidden files again. */
  readonly refresh: (done: () => void) => void
  /** Says it by what was seen last. */
  readonly holds: (real: ByteName, file: Identity) => boolean
}

/** How long, in milliseconds, what was seen is believed. */
export const believed = 1_000
/** How far, in milliseconds, a file's time of change may lag behind the clock. */
const lag = 2_000
/** How many former identities are remembered. */
const memory = 256
/** What Linux appends to the path of an open file that has lost its name. */
const unlinked = " (deleted)"

const identity = ({ dev, ino }: Identity): string => `${Number(dev)} ${Number(ino)}`

// Inodes are used again; the time of birth tells the file that was hidden from its successor.
const lifelong = (file: Identity): string =>
  `${identity(file)} ${Math.floor(Number(file.birthtimeMs))}`

/** Hides the files at some paths, whether they are there yet or not. */
export const make = (paths: ReadonlyArray<string>): HiddenFiles => {
  const absolute = paths.map((file) => path.resolve(file))
  const current: Array<string | undefined> = absolute.map(() => undefined)
  // A file that was hidden stays so under its new name, such as the backup that an editor makes.
  const former = new Set<string>()
  // A place stays hidden while no file is there, as between the two steps of a replacement.
  const places = new Set<ByteName>(absolute.map(fromText))
  let readAt = Number.NEGATIVE_INFINITY

  const lookAt = (index: number, done: () => void): void => {
    const file = absolute[index] as string
    fs.stat(file, { bigint: true }, (error, stats) => {
      current[index] = error === null ? identity(stats) : undefined
      if (error === null) {
        former.add(lifelong(stats))
        if (former.size > memory) former.delete(former.values().next().value as string)
      }
      fs.realpath.native(file, { encoding: "latin1" }, (failure, real) => {
        if (failure === null) {
          places.add(real)
          return done()
        }
        fs.realpath.native(path.dirname(file), { encoding: "latin1" }, (missing, folder) => {
          if (missing === null) {
            const start = folder.endsWith(path.sep) ? folder : folder + path.sep
            places.add(start + fromText(path.basename(file)))
          }
          done()
        })
      })
    })
  }

  // Whoever asks while a look is under way may have seen something newer than it
  // did, and waits for the next one together with all the others.
  let looking = false
  let waiting: Array<() => void> = []

  const look = (): void => {
    const served = waiting
    waiting = []
    looking = true
    const startedAt = Date.now()
    let left = absolute.length
    const one = () => {
      if (--left > 0) return
      looking = false
      readAt = startedAt
      if (waiting.length > 0) look()
      for (const done of served) done()
    }
    for (let i = 0; i < absolute.length; i++) lookAt(i, one)
  }

  const refresh = (done: () => void): void => {
    waiting.push(done)
    if (!looking) look()
  }

  const holds = (real: ByteName, file: Identity): boolean =>
    places.has(real) ||
    (real.endsWith(unlinked) && places.has(real.slice(0, -unlinked.length))) ||
    current.includes(identity(file)) ||
    former.has(lifelong(file))

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
      // Moving or linking a file changes its ctime: one that is older was seen as it is now.
      if (age >= 0 && age < believed && Number(file.ctimeMs) < readAt - lag) {
        return done(holds(real, file))
      }
      refresh(() => done(holds(real, file)))
    },
  }
}
