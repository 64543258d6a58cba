/**
 * Small files that were served a moment ago, so that serving one again costs
 * one look at its stat. A file is kept only if its times are old enough that
 * any change would show in them, and for so short a time that what is kept
 * would have been let through anyway.
 */
import * as fs from "node:fs"
import { ReusableMap } from "../../transport/runtime/ReusableMap.ts"
import type { Representation } from "../http/Decision.ts"
import type { ByteName } from "../names/ByteName.ts"

/** A file as it was when it was checked and read. */
export interface SmallFile {
  readonly stats: fs.BigIntStats
  readonly bytes: Uint8Array
  readonly representation: Representation
  /** When, in milliseconds, it was let through. */
  readonly checkedAt: number
}

/** A file that is kept, and what of its stats a change would show in. */
export interface KeptFile extends SmallFile {
  readonly seen: Seen
}

/** Plain numbers, which are had at a fraction of the price of exact ones. */
type Seen = Pick<fs.Stats, "ino" | "dev" | "size" | "mtimeMs" | "ctimeMs" | "mode">

/** What there was under a path, if anything. */
interface Look {
  readonly stats: fs.Stats | undefined
}

/** The files kept, by their path. */
export interface SmallFiles {
  /** The file that was kept under a path, unless it has to be checked again. */
  readonly get: (path: ByteName, now: number) => KeptFile | undefined
  /** Keeps a file if that is safe. */
  readonly put: (path: ByteName, file: SmallFile) => void
  /** Forgets what was kept under a path. */
  readonly drop: (path: ByteName) => void
  /** Whether a file is still what was kept; who asks while somebody else's look is under way shares it. */
  readonly look: (
    path: ByteName,
    file: fs.PathLike,
    kept: KeptFile,
    done: (isSame: boolean) => void,
  ) => void
}

/** The largest file that is kept, in bytes; also the largest that is read at once. */
export const maxSize = 64 * 1024
/** Bytes of all files that are kept. */
const capacity = 16 * 1024 * 1024
/** Files that are kept. */
const maxCount = 4096
/** Milliseconds until a file must be opened and checked again. */
const lifetime = 1_000
/** Milliseconds after which a change has to show in a file's times. */
const settled = 2_000

/** A look that took longer, in milliseconds, was not at a disk of this machine. */
const far = 20
/** A look that takes longer, in milliseconds, holds everybody else up. */
const slow = 0.5
/** How many looks may be had on this thread before one goes to another again. */
const quickLooks = 256

const statNow = (file: fs.PathLike): fs.Stats | undefined => {
  try {
    return fs.statSync(file)
  } catch {
    return undefined
  }
}

/** A time in milliseconds as Node makes it of seconds and nanoseconds. */
const millisOf = (nanoseconds: bigint): number =>
  Number(nanoseconds / 1_000_000_000n) * 1e3 + Number(nanoseconds % 1_000_000_000n) / 1e6

const seenIn = (stats: fs.BigIntStats): Seen => ({
  ino: Number(stats.ino),
  dev: Number(stats.dev),
  size: Number(stats.size),
  mtimeMs: millisOf(stats.mtimeNs),
  ctimeMs: millisOf(stats.ctimeNs),
  mode: Number(stats.mode),
})

/** Whether nothing about the file has changed. */
const isSame = (a: Seen, b: Seen): boolean =>
  a.ino === b.ino &&
  a.dev === b.dev &&
  a.size === b.size &&
  a.mtimeMs === b.mtimeMs &&
  a.ctimeMs === b.ctimeMs &&
  a.mode === b.mode

/** Keeps no file yet. */
export const make = (): SmallFiles => {
  const files = new Map<ByteName, KeptFile>()
  let total = 0

  const drop = (path: ByteName): void => {
    const file = files.get(path)
    if (file === undefined) return
    files.delete(path)
    total -= file.bytes.length
  }

  const looks = new Map<ByteName, Array<(stats: fs.Stats | undefined) => void>>()
  /** Looks that need not go to another thread, since the last ones were quick. */
  let quick = 0
  /** What was seen in this turn of the event loop. */
  const seen = new ReusableMap<ByteName, Look>()

  const lookNow = (path: ByteName, file: fs.PathLike): fs.Stats | undefined => {
    const before = seen.get(path)
    if (before !== undefined) return before.stats
    const start = performance.now()
    const stats = statNow(file)
    quick = performance.now() - start > slow ? 0 : quick - 1
    if (seen.size === 0) setImmediate(forgetSeen)
    seen.set(path, { stats })
    return stats
  }

  const forgetSeen = (): void => seen.clear()

  return {
    drop,
    look: (path, file, kept, done) => {
      const tell = (stats: fs.Stats | undefined): void =>
        done(stats !== undefined && isSame(stats, kept.seen))
      if (quick > 0) return tell(lookNow(path, file))
      const waiting = looks.get(path)
      if (waiting !== undefined) {
        waiting.push(tell)
        return
      }
      const all = [tell]
      looks.set(path, all)
      const start = performance.now()
      fs.stat(file, (error, stats) => {
        looks.delete(path)
        if (performance.now() - start < far) quick = quickLooks
        for (const each of all) each(error === null ? stats : undefined)
      })
    },
    get: (path, now) => {
      const file = files.get(path)
      if (file === undefined) return undefined
      const age = now - file.checkedAt
      if (age >= 0 && age < lifetime) return file
      drop(path)
      return undefined
    },
    put: (path, file) => {
      drop(path)
      const newest = Math.max(Number(file.stats.mtimeMs), Number(file.stats.ctimeMs))
      if (file.checkedAt - newest < settled) return
      files.set(path, { ...file, seen: seenIn(file.stats) })
      total += file.bytes.length
      while (total > capacity || files.size > maxCount) {
        const [oldest] = files.keys()
        if (oldest === undefined) return
        drop(oldest)
      }
    },
  }
}
