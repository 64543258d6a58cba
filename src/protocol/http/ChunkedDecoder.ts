/**
 * Takes the chunks off a chunked body (RFC 9112 7.1), strictly: sizes are
 * hexadecimal digits and nothing else, every line ends in CRLF, and neither
 * extensions nor trailers are endless.
 */
import type { Header } from "../../domain/HeaderList.ts"
import * as FieldLine from "./FieldLine.ts"

/** What came of some bytes. */
export interface Decoded {
  /** What they hold of the body; a part of the very bytes that were given. */
  readonly data: Buffer
  /** How many bytes lie behind the body's end; `undefined` while it has not ended. */
  readonly behind: number | undefined
  /** What is wrong behind `data`. */
  readonly fault: string | undefined
}

/** The longest line of a chunk's size and extensions, in bytes. */
export const maxLine = 4 * 1024

/** How large all trailers may be together, in bytes. */
export const maxTrailers = 16 * 1024

// 13 digits are fewer than 2^53.
const sizeLine = /^([0-9A-Fa-f]{1,13})(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?\r$/
const lf = 10
const cr = 13

/** See the file's header. */
export class ChunkedDecoder {
  /** The trailers, once the body has ended. */
  readonly trailers: Array<Header> = []
  private state: "size" | "data" | "cr" | "lf" | "trailers" | "over" = "size"
  /** What is missing of the current chunk, in bytes. */
  private left = 0
  /** The start of a line whose end has not come. */
  private line = ""
  private trailerBytes = 0

  /**
   * The next bytes of the body. They are changed: what they hold of the body
   * is moved together. After a fault or the end there is nothing more to give.
   */
  decode(bytes: Buffer): Decoded {
    let from = 0
    let to = 0
    let at = 0
    const give = (behind: number | undefined, fault: string | undefined): Decoded => ({
      data: bytes.subarray(from, to),
      behind,
      fault,
    })
    while (at < bytes.length) {
      if (this.state === "data") {
        const count = Math.min(this.left, bytes.length - at)
        if (from === to) from = to = at
        else bytes.copyWithin(to, at, at + count)
        to += count
        at += count
        this.left -= count
        if (this.left === 0) this.state = "cr"
      } else if (this.state === "cr" || this.state === "lf") {
        if (bytes[at] !== (this.state === "cr" ? cr : lf))
          return give(undefined, "a chunk is longer than its size")
        this.state = this.state === "cr" ? "lf" : "size"
        at += 1
      } else {
        const end = bytes.indexOf(lf, at)
        const line = this.line + bytes.toString("latin1", at, end < 0 ? bytes.length : end)
        if (this.isTooLong(line)) return give(undefined, "a line between the chunks is too long")
        if (end < 0) {
          this.line = line
          return give(undefined, undefined)
        }
        this.line = ""
        at = end + 1
        const fault = this.take(line)
        if (fault !== undefined) return give(undefined, fault)
        if (this.isOver) return give(bytes.length - at, undefined)
      }
    }
    return give(undefined, undefined)
  }

  private get isOver(): boolean {
    return this.state === "over"
  }

  private isTooLong(line: string): boolean {
    return this.state === "size"
      ? line.length > maxLine
      : this.trailerBytes + line.length > maxTrailers
  }

  /** A whole line, up to its LF. */
  private take(line: string): string | undefined {
    if (this.state === "size") {
      const found = sizeLine.exec(line)
      if (found === null) return "a chunk's size is illegal"
      this.left = Number.parseInt(found[1] as string, 16)
      this.state = this.left === 0 ? "trailers" : "data"
      return undefined
    }
    if (line === "\r") {
      this.state = "over"
      return undefined
    }
    const field = line.endsWith("\r") ? FieldLine.parse(line, 0, line.length - 1) : undefined
    if (field === undefined) return "a trailer field is illegal"
    this.trailerBytes += line.length
    this.trailers.push(field)
    return undefined
  }
}
