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
  /** Whether a hidden file is below the real path of a folder, as of the last refresh. */
  readonly isBelow: (folder: ByteName) => boolean
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
export const make = (files: ReadonlyArray<string>): HiddenFiles =>
  files.length === 0 ? nothingHidden : new WatchedFiles(files)

const nothingHidden: HiddenFiles = {
  check: (_real, _file, done) => done(false),
  refresh: (done) => done(),
  holds: () => false,
  isBelow: () => false,
}

/** The path of a file whose folder exists, as `realpath` would give it. */
const realPathIn = (folder: ByteName, file: string): ByteName => {
  const start = folder.endsWith(path.sep) ? folder : folder + path.sep
  return start + fromText(path.basename(file))
}

class WatchedFiles implements HiddenFiles {
  private readonly files: ReadonlyArray<string>
  /** The identity of each file; `undefined` where there is none. */
  private readonly current: Array<string | undefined>
  /** A hidden file stays hidden after it is renamed, for example to a backup by an editor. */
  private readonly former = new Set<string>()
  /** A path stays hidden while there is no file, as between the two steps of a replacement. */
  private readonly hiddenPaths: Set<ByteName>
  private readAt = Number.NEGATIVE_INFINITY
  private state: "idle" | "refreshing" = "idle"
  private waiting: Array<() => void> = []

  constructor(files: ReadonlyArray<string>) {
    this.files = files.map((file) => path.resolve(file))
    this.current = this.files.map(() => undefined)
    this.hiddenPaths = new Set(this.files.map(fromText))
  }

  refresh(done: () => void): void {
    // A caller during a refresh may have seen a newer state than the refresh did,
    // so it waits for the next refresh, which all such callers share.
    this.waiting.push(done)
    if (this.state === "idle") this.start()
  }

  holds(real: ByteName, file: Identity): boolean {
    const { current, former, hiddenPaths } = this
    return (
      hiddenPaths.has(real) ||
      (real.endsWith(unlinked) && hiddenPaths.has(real.slice(0, -unlinked.length))) ||
      current.includes(identity(file)) ||
      former.has(lifetimeIdentity(file))
    )
  }

  isBelow(folder: ByteName): boolean {
    const start = folder.endsWith(path.sep) ? folder : folder + path.sep
    return [...this.hiddenPaths].some((real) => real.startsWith(start))
  }

  check(real: ByteName, file: Identity, done: (hidden: boolean) => void): void {
    const age = Date.now() - this.readAt
    // Renaming or linking changes the ctime: a file with an older one was examined as it is now.
    if (age >= 0 && age < lifetime && Number(file.ctimeMs) < this.readAt - maxLag) {
      return done(this.holds(real, file))
    }
    this.refresh(() => done(this.holds(real, file)))
  }

  private start(): void {
    const callers = this.waiting
    this.waiting = []
    this.state = "refreshing"
    const startedAt = Date.now()
    let remaining = this.files.length
    const finishOne = (): void => {
      if (--remaining > 0) return
      this.state = "idle"
      this.readAt = startedAt
      if (this.waiting.length > 0) this.start()
      for (const done of callers) done()
    }
    for (const [index, file] of this.files.entries()) this.examine(index, file, finishOne)
  }

  private examine(index: number, file: string, done: () => void): void {
    fs.stat(file, { bigint: true }, (error, stats) => {
      this.current[index] = error === null ? identity(stats) : undefined
      if (error === null) this.rememberFormer(lifetimeIdentity(stats))
      this.examinePath(file, done)
    })
  }

  private rememberFormer(file: string): void {
    this.former.add(file)
    if (this.former.size > maxFormer)
      this.former.delete(this.former.values().next().value as string)
  }

  private examinePath(file: string, done: () => void): void {
    fs.realpath.native(file, { encoding: "latin1" }, (failure, real) => {
      if (failure === null) {
        this.hiddenPaths.add(real)
        return done()
      }
      fs.realpath.native(path.dirname(file), { encoding: "latin1" }, (missing, folder) => {
        if (missing === null) this.hiddenPaths.add(realPathIn(folder, file))
        done()
      })
    })
  }
}
