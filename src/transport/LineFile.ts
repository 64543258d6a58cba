/**
 * A file that lines are appended to, or the standard output. Lines are
 * gathered and written together, and nobody waits for them: what cannot be
 * written (a full disk, a reader that has gone) is lost and counted, never an
 * obstacle.
 */
import { close, open, write } from "node:fs"

/** Where lines go, and who hears of trouble. */
export interface LineFileOptions {
  /** A file, which is made if need be; standard output where `undefined`. */
  readonly path: string | undefined
  /** Writing fails, from now on until {@link LineFileOptions.onMended}; `reason` is the system's code. */
  readonly onTrouble: (reason: string) => void
  /** Writing works again; so many lines were lost. */
  readonly onMended: (lost: number) => void
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

/** See the file's header. */
export class LineFile {
  private readonly options: LineFileOptions
  private lines = ""
  private count = 0
  private lost = 0
  private descriptor: number | undefined
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
    else this.timer ??= setTimeout(() => this.flush(), gatherMillis).unref()
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
    if (this.options.path === undefined) return this.send(standardOutput)
    if (this.descriptor !== undefined) return this.send(this.descriptor)
    open(this.options.path, "a", 0o640, (error, descriptor) => {
      if (error !== null) return this.lose(error)
      this.descriptor = descriptor
      this.send(descriptor)
    })
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
    else if (this.count > 0) this.timer ??= setTimeout(() => this.flush(), gatherMillis).unref()
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
