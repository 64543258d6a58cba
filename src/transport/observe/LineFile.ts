/**
 * Appends lines to a file or to standard output. Lines are written in batches
 * and in the background: a line that cannot be written (disk full, reader
 * gone) is lost and counted. A file that was deleted or renamed is created
 * again. With `rotate` the file is rotated by size, and a line that a
 * crash has cut off is ended before the next one.
 */
import { close, fstat, open, read, rename, stat, write } from "node:fs"

/** Where lines go, and the listeners for failures. */
export interface LineFileOptions {
  /** The file, which is created if it does not exist; `undefined` for standard output. */
  readonly path: string | undefined
  /** Writing fails, until {@link LineFileOptions.onRecovered}; `reason` is the system's error code. */
  readonly onFailure: (reason: string) => void
  /** Writing works again, after `lost` lines were lost. */
  readonly onRecovered: (lost: number) => void
  /** Rotates the file, and writes each line at once. */
  readonly rotate?: Rotation
  /** Whether other processes write lines to the same place, so that none may be cut by one of theirs. */
  readonly isShared?: boolean
}

/** When a file is rotated, and how many old ones are kept. */
export interface Rotation {
  /** The largest size of a file in bytes; a line that would exceed it begins a new one. */
  readonly bytes: number
  /** Number of old files, which are called `PATH.1` and so on from the newest. */
  readonly files: number
}

/** How long a line waits to be written together with others, in milliseconds. */
const batchMillis = 500

/** A batch of this size is written without waiting, in characters. */
const maxBatch = 64 * 1024

/** How long to wait before a full pipe is tried again, in milliseconds. */
const retryMillis = 100

/** Limit of what waits for a slow disk, in characters; lines beyond it are lost. */
const maxPending = 4 * 1024 * 1024

/**
 * What is written to a pipe at once is not mixed with what other processes
 * write (PIPE_BUF on Linux, in bytes); what is appended to a file never is.
 */
const pipeBatch = 4096

const standardOutput = 1

const lineFeed = 10

/** Lines that are being written. */
interface Batch {
  /** The offset of what is not written yet. */
  readonly from: number
  /** How many lines there are. */
  readonly count: number
  /** How many bytes may be written at once. */
  readonly most: number
}

/** Up to where to write from an offset: whole lines of at most so many bytes, or one line that is longer. */
const endOfLines = (bytes: Buffer, from: number, most: number): number => {
  if (bytes.length - from <= most) return bytes.length
  const last = bytes.lastIndexOf(lineFeed, from + most - 1)
  return last >= from ? last + 1 : bytes.indexOf(lineFeed, from) + 1
}

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
  private isFailing = false
  private readonly waiting: Array<() => void> = []

  constructor(options: LineFileOptions) {
    this.options = options
  }

  /** Appends a line, which must end with a line feed. */
  append(line: string): void {
    if (this.closed) return
    if (this.lines.length > maxPending) {
      this.lost += 1
      return
    }
    this.lines += line
    this.count += 1
    if (this.lines.length > maxBatch) this.flush()
    else this.schedule()
  }

  private schedule(): void {
    const millis = this.options.rotate === undefined ? batchMillis : 0
    this.timer ??= setTimeout(() => this.flush(), millis).unref()
  }

  /** Opens the file again before the next line, because it may have been renamed. */
  reopen(): void {
    this.stale = true
    this.flush()
  }

  /** Calls `done` once all appended lines are written or lost. */
  close(done: () => void): void {
    this.closed = true
    this.waiting.push(done)
    this.flush()
  }

  private flush(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    if (this.busy) return
    if (this.stale) return this.closeFile()
    if (this.count === 0) return this.finishClose()
    this.busy = true
    const { path, rotate } = this.options
    if (path === undefined) return this.send(standardOutput)
    if (this.descriptor === undefined) return this.open(path)
    this.check(this.descriptor, path, rotate)
  }

  private open(path: string): void {
    const { rotate } = this.options
    open(path, rotate === undefined ? "a" : "a+", 0o640, (error, descriptor) => {
      if (error !== null) return this.lose(error)
      this.descriptor = descriptor
      fstat(descriptor, (failure, stats) => {
        if (failure !== null) return this.lose(failure)
        this.inode = stats.ino
        if (rotate === undefined || stats.size === 0) this.send(descriptor)
        else this.complete(descriptor, stats.size)
      })
    })
  }

  /** Ends a line that a crash has cut off, so that the next one can be read. */
  private complete(descriptor: number, size: number): void {
    read(descriptor, Buffer.alloc(1), 0, 1, size - 1, (error, count, last) => {
      if (error === null && count === 1 && last[0] !== lineFeed) this.lines = `\n${this.lines}`
      this.send(descriptor)
    })
  }

  /** Checks that the file still exists, and has room if it is rotated. */
  private check(descriptor: number, path: string, rotation: Rotation | undefined): void {
    stat(path, (error, stats) => {
      const isGone =
        error === null ? stats.ino !== this.inode : /^ENO(ENT|TDIR)$/.test(error.code ?? "")
      const size = error === null ? stats.size : 0
      const hasRoom =
        rotation === undefined || size === 0 || size + this.lines.length <= rotation.bytes
      if (!isGone && hasRoom) return this.send(descriptor)
      close(descriptor, () => {
        this.descriptor = undefined
        if (isGone || rotation === undefined) this.open(path)
        else this.rotateFiles(path, rotation.files, () => this.open(path))
      })
    })
  }

  /** Renames the files, the oldest first, and continues if one cannot be renamed. */
  private rotateFiles(path: string, number: number, done: () => void): void {
    if (number === 0) return done()
    const from = number === 1 ? path : `${path}.${number - 1}`
    rename(from, `${path}.${number}`, () => this.rotateFiles(path, number - 1, done))
  }

  private send(descriptor: number): void {
    const bytes = Buffer.from(this.lines, "utf8")
    const count = this.count
    this.lines = ""
    this.count = 0
    const isPipe = this.options.path === undefined && this.options.isShared === true
    this.write(descriptor, bytes, { from: 0, count, most: isPipe ? pipeBatch : bytes.length })
  }

  private write(descriptor: number, bytes: Buffer, batch: Batch): void {
    const { count, from, most } = batch
    const end = endOfLines(bytes, from, most)
    write(descriptor, bytes, from, end - from, null, (error, written) => {
      if (error?.code === "EAGAIN") {
        setTimeout(() => this.write(descriptor, bytes, batch), retryMillis).unref()
        return
      }
      if (error !== null) {
        this.lost += count
        return this.lose(error)
      }
      if (from + written < bytes.length) {
        return this.write(descriptor, bytes, { ...batch, from: from + written })
      }
      if (this.isFailing || this.lost > 0) this.options.onRecovered(this.lost)
      this.isFailing = false
      this.lost = 0
      this.next()
    })
  }

  private lose(error: NodeJS.ErrnoException): void {
    this.lost += this.count
    this.lines = ""
    this.count = 0
    if (!this.isFailing) this.options.onFailure(error.code ?? error.message)
    this.isFailing = true
    this.stale = true
    this.next()
  }

  private next(): void {
    this.busy = false
    if (this.stale || this.closed || this.lines.length > maxBatch) this.flush()
    else if (this.count > 0) this.schedule()
  }

  /** Closes the file; the next line opens it again. */
  private closeFile(): void {
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

  private finishClose(): void {
    if (!this.closed) return
    if (this.descriptor !== undefined) return this.closeFile()
    for (const done of this.waiting.splice(0)) done()
  }
}
