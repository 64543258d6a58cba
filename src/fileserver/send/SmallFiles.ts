/**
 * A cache of small files, so that serving one again costs one stat call. A file
 * is cached only if its timestamps are old enough to show any later change, and
 * for at most a second, after which it is opened and checked again.
 */
import * as fs from "node:fs"
import { BoundedMap } from "../../transport/runtime/BoundedMap.ts"
import { ReusableMap } from "../../transport/runtime/ReusableMap.ts"
import type { Representation } from "../http/Decision.ts"
import type { ByteName } from "../names/ByteName.ts"

/** A file with its state when it was checked and read. */
export interface SmallFile {
  readonly stats: fs.BigIntStats
  readonly bytes: Uint8Array
  readonly representation: Representation
  /** When it was opened and checked, in milliseconds since 1970. */
  readonly checkedAt: number
}

/** A cached file. */
export interface CachedFile extends SmallFile {
  readonly state: FileState
}

/** Stats that change with the file; numbers, since BigInt stats take several times as long. */
type FileState = Pick<fs.Stats, "ino" | "dev" | "size" | "mtimeMs" | "ctimeMs" | "mode">

/** The result of a stat call; `undefined` if there is no such file. */
interface StatResult {
  readonly stats: fs.Stats | undefined
}

/** The largest file that is cached, in bytes; larger ones are also not read at once. */
export const maxSize = 64 * 1024
/** Bytes of all cached files. */
const capacity = 16 * 1024 * 1024
/** Number of cached files. */
const maxCount = 4096
/** Milliseconds until a file must be opened and checked again. */
const lifetime = 1_000
/** File systems may not show two changes within this time, in milliseconds, as different times. */
const timestampResolution = 2_000

/** Above this, in milliseconds, the file system counts as a remote one. */
const maxLocalStat = 20
/** Above this, in milliseconds, a synchronous stat call blocks other requests for too long. */
const maxSyncStat = 0.5
/** How many synchronous stat calls follow a fast asynchronous one. */
const syncStats = 256

const statNow = (file: fs.PathLike): fs.Stats | undefined => {
  try {
    return fs.statSync(file)
  } catch {
    return undefined
  }
}

/** A time in milliseconds, rounded as Node rounds `mtimeMs`. */
const millisOf = (nanoseconds: bigint): number =>
  Number(nanoseconds / 1_000_000_000n) * 1e3 + Number(nanoseconds % 1_000_000_000n) / 1e6

const stateOf = (stats: fs.BigIntStats): FileState => ({
  ino: Number(stats.ino),
  dev: Number(stats.dev),
  size: Number(stats.size),
  mtimeMs: millisOf(stats.mtimeNs),
  ctimeMs: millisOf(stats.ctimeNs),
  mode: Number(stats.mode),
})

const isSame = (a: FileState, b: FileState): boolean =>
  a.ino === b.ino &&
  a.dev === b.dev &&
  a.size === b.size &&
  a.mtimeMs === b.mtimeMs &&
  a.ctimeMs === b.ctimeMs &&
  a.mode === b.mode

/** Examines files on disk, several times a turn of the event loop only once. */
class FileExaminer {
  private readonly pending = new Map<ByteName, Array<(stats: fs.Stats | undefined) => void>>()
  /** How many further stat calls may be synchronous, which is faster on a fast disk. */
  private syncLeft = 0
  /** Stat results of this turn of the event loop. */
  private readonly recent = new ReusableMap<ByteName, StatResult>()

  /** Gives the stats of a file; `undefined` if there is none. */
  stat(path: ByteName, file: fs.PathLike, done: (stats: fs.Stats | undefined) => void): void {
    const waiting = this.pending.get(path)
    if (waiting !== undefined) {
      waiting.push(done)
      return
    }
    const all = [done]
    this.pending.set(path, all)
    const start = performance.now()
    fs.stat(file, (error, stats) => {
      this.pending.delete(path)
      if (performance.now() - start < maxLocalStat) this.syncLeft = syncStats
      for (const each of all) each(error === null ? stats : undefined)
    })
  }

  /** The stats of a file at once; `undefined` if they have to be waited for. */
  statSync(path: ByteName, file: fs.PathLike): StatResult | undefined {
    if (this.syncLeft === 0) return undefined
    const before = this.recent.get(path)
    if (before !== undefined) return before
    const start = performance.now()
    const stats = statNow(file)
    this.syncLeft = performance.now() - start > maxSyncStat ? 0 : this.syncLeft - 1
    if (this.recent.size === 0) setImmediate(this.forgetRecent)
    const result = { stats }
    this.recent.set(path, result)
    return result
  }

  private readonly forgetRecent = (): void => this.recent.clear()
}

const isUnchanged = (stats: fs.Stats | undefined, { state }: CachedFile): boolean =>
  stats !== undefined && isSame(stats, state)

/** The cached files, by their key. */
export class SmallFiles {
  private readonly files = new BoundedMap<ByteName, CachedFile>({
    sizeOf: ({ bytes }) => bytes.length,
    maxSize: capacity,
    maxCount,
  })
  private readonly examiner = new FileExaminer()

  /** Removes a file. */
  drop(path: ByteName): void {
    this.files.delete(path)
  }

  /** Gives whether a file is unchanged on disk. Calls at the same time share one stat call. */
  isUnchanged(
    path: ByteName,
    file: fs.PathLike,
    cached: CachedFile,
    done: (isSame: boolean) => void,
  ): void {
    const result = this.examiner.statSync(path, file)
    if (result !== undefined) return done(isUnchanged(result.stats, cached))
    this.examiner.stat(path, file, (stats) => done(isUnchanged(stats, cached)))
  }

  /** The cached file of a key, unless it has to be checked again. */
  get(path: ByteName, now: number): CachedFile | undefined {
    const file = this.files.get(path)
    if (file === undefined) return undefined
    const age = now - file.checkedAt
    if (age >= 0 && age < lifetime) return file
    this.drop(path)
    return undefined
  }

  /** Caches a file if its timestamps are old enough. */
  put(path: ByteName, file: SmallFile): void {
    this.drop(path)
    const newest = Math.max(Number(file.stats.mtimeMs), Number(file.stats.ctimeMs))
    if (file.checkedAt - newest < timestampResolution) return
    this.files.set(path, { ...file, state: stateOf(file.stats) })
  }
}
