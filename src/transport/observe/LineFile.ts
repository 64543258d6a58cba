/**
 * A file that lines are appended to, or the standard output. Lines are
 * gathered and written together, and nobody waits for them: what cannot be
 * written (a full disk, a reader that has gone) is lost and counted, never an
 * obstacle. A file that was deleted or renamed is made anew. One that is to be
 * kept is rotated by its size, and goes on with a line of its own after one
 * that a crash has torn.
 */
import { close, fstat, open, read, rename, stat, write } from "node:fs"

/** Where lines go, and who hears of trouble. */
export interface LineFileOptions {
  /** A file, which is made if need be; standard output where `undefined`. */
  readonly path: string | undefined
  /** Writing fails, from now on until {@link LineFileOptions.onMended}; `reason` is the system's code. */
  readonly onTrouble: (reason: string) => void
  /** Writing works again; so many lines were lost. */
  readonly onMended: (lost: number) => void
  /** For a file that is to be kept: see {@link Keeping}. */
  readonly keep?: Keeping
}

/** How much of a file is kept. Its lines are written at once. */
export interface Keeping {
  /** A file that would become larger than so many bytes is renamed, and a new one is begun. */
  readonly bytes: number
  /** So many old ones are kept, called `PATH.1` and so on from the newest. */
  readonly files: number
}

/** How long a line waits for others, in milliseconds. */
const gatherMillis = 500

/** So much is written without waiting longer, in characters. */
const gatherMost = 64 * 1024

/** When a full pipe is tried again, in milliseconds. */
const againMillis = 100

/** More than this is not kept while the disk is slow, in characters. */
const keepMost = 4 * 1024 * 1024

const standardOutput = 1

const lineFeed = 10

/** See the file's header. */
export class LineFile {
  private readonly options: LineFileOptions
  private lines = ""
  private count = 0
  private lost = 0
  private descriptor: number | undefined
  private inode = 0
  private timer: NodeJS.Timeout | undefined
  private busy = false
  private closed = false
  private stale = false
  private inTrouble = false
  private readonly waiting: Array<() => void> = []

  constructor(options: LineFileOptions) {
    this.options = options
  }

  /** Appends a line, which has its line feed at its end. */
  append(line: string): void {
    if (this.closed) return
    if (this.lines.length > keepMost) {
      this.lost += 1
      return
    }
    this.lines += line
    this.count += 1
    if (this.lines.length > gatherMost) this.flush()
    else this.gather()
  }

  private gather(): void {
    const millis = this.options.keep === undefined ? gatherMillis : 0
    this.timer ??= setTimeout(() => this.flush(), millis).unref()
  }

  /** The file is opened anew before the next line: it may have been renamed. */
  reopen(): void {
    this.stale = true
    this.flush()
  }

  /** Calls `done` once everything that was appended is written or lost. */
  close(done: () => void): void {
    this.closed = true
    this.waiting.push(done)
    this.flush()
  }

  private flush(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    if (this.busy) return
    if (this.stale) return this.shut()
    if (this.count === 0) return this.rest()
    this.busy = true
    const { keep, path } = this.options
    if (path === undefined) return this.send(standardOutput)
    if (this.descriptor === undefined) return this.open(path)
    this.check(this.descriptor, path, keep)
  }

  private open(path: string): void {
    const { keep } = this.options
    open(path, keep === undefined ? "a" : "a+", 0o640, (error, descriptor) => {
      if (error !== null) return this.lose(error)
      this.descriptor = descriptor
      fstat(descriptor, (failure, stats) => {
        if (failure !== null) return this.lose(failure)
        this.inode = stats.ino
        if (keep === undefined || stats.size === 0) this.send(descriptor)
        else this.complete(descriptor, stats.size)
      })
    })
  }

  /** Ends a line that was torn, so that the next one is not lost with it. */
  private complete(descriptor: number, size: number): void {
    read(descriptor, Buffer.alloc(1), 0, 1, size - 1, (error, count, last) => {
      if (error === null && count === 1 && last[0] !== lineFeed) this.lines = `\n${this.lines}`
      this.send(descriptor)
    })
  }

  /** Looks whether the file is still there, and has room if it is kept. */
  private check(descriptor: number, path: string, keep: Keeping | undefined): void {
    stat(path, (error, stats) => {
      const isGone =
        error === null ? stats.ino !== this.inode : /^ENO(ENT|TDIR)$/.test(error.code ?? "")
      const size = error === null ? stats.size : 0
      const hasRoom = keep === undefined || size === 0 || size + this.lines.length <= keep.bytes
      if (!isGone && hasRoom) return this.send(descriptor)
      close(descriptor, () => {
        this.descriptor = undefined
        if (isGone || keep === undefined) this.open(path)
        else this.shift(path, keep.files, () => this.open(path))
      })
    })
  }

  /** Renames the files, the oldest first; what cannot be renamed is gone on with. */
  private shift(path: string, number: number, done: () => void): void {
    if (number === 0) return done()
    const from = number === 1 ? path : `${path}.${number - 1}`
    rename(from, `${path}.${number}`, () => this.shift(path, number - 1, done))
  }

  private send(descriptor: number): void {
    const bytes = Buffer.from(this.lines, "utf8")
    const count = this.count
    this.lines = ""
    this.count = 0
    this.write(descriptor, bytes, 0, count)
  }

  private write(descriptor: number, bytes: Buffer, from: number, count: number): void {
    write(descriptor, bytes, from, bytes.length - from, null, (error, written) => {
      if (error?.code === "EAGAIN") {
        setTimeout(() => this.write(descriptor, bytes, from, count), againMillis).unref()
        return
      }
      if (error !== null) {
        this.lost += count
        return this.lose(error)
      }
      if (from + written < bytes.length) {
        return this.write(descriptor, bytes, from + written, count)
      }
      if (this.inTrouble || this.lost > 0) this.options.onMended(this.lost)
      this.inTrouble = false
      this.lost = 0
      this.next()
    })
  }

  private lose(error: NodeJS.ErrnoException): void {
    this.lost += this.count
    this.lines = ""
    this.count = 0
    if (!this.inTrouble) this.options.onTrouble(error.code ?? error.message)
    this.inTrouble = true
    this.stale = true
    this.next()
  }

  private next(): void {
    this.busy = false
    if (this.stale || this.closed || this.lines.length > gatherMost) this.flush()
    else if (this.count > 0) this.gather()
  }

  /** Closes the file; what is appended from now on opens it. */
  private shut(): void {
    this.stale = false
    const { descriptor } = this
    this.descriptor = undefined
    if (descriptor === undefined) return this.flush()
    this.busy = true
    close(descriptor, () => {
      this.busy = false
      this.flush()
    })
  }

  private rest(): void {
    if (!this.closed) return
    if (this.descriptor !== undefined) return this.shut()
    for (const done of this.waiting.splice(0)) done()
  }
}
