/**
 * Decodes the chunked body of an origin's response (RFC 9112 7.1). A size has
 * hexadecimal digits only; extensions and trailers are limited. White space after
 * a size, any number of leading zeros and lines that end in LF alone are read,
 * since old servers send them; such a body is not `isStrict`.
 */
import type { Header } from "../../domain/HeaderList.ts"
import * as FieldLine from "./FieldLine.ts"

/** The result of decoding some bytes. */
export interface Decoded {
  /** The bytes of the body; a view of the input. */
  readonly data: Buffer
  /** How many bytes follow the end of the body; `undefined` if it has not ended. */
  readonly behind: number | undefined
  /** The error after `data`, if there is one. */
  readonly fault: string | undefined
}

/** The longest line with a chunk's size and extensions, in bytes. */
export const maxLine = 4 * 1024

/** The largest trailer section, in bytes. */
export const maxTrailers = 16 * 1024

// 13 digits are fewer than 2^53.
const sizeLine = /^([0-9A-Fa-f]{1,13})(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?\r$/
const unusualSizeLine = /^0*([0-9A-Fa-f]{1,13})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?\r?$/
const lf = 10
const cr = 13

/** See the file's header. */
export class ChunkedDecoder {
  /** The trailers, once the body has ended. */
  readonly trailers: Array<Header> = []
  /** Whether all of the body so far keeps to the grammar of RFC 9112 7.1. */
  isStrict = true
  private state: "size" | "data" | "cr" | "lf" | "trailers" | "ended" = "size"
  /** The bytes of the current chunk that have not arrived. */
  private left = 0
  /** The start of a line that is not complete. */
  private line = ""
  private trailerBytes = 0

  /**
   * Decodes the next bytes. The input is overwritten: the bytes of the body are
   * moved together. Must not be called after an error or the end of the body.
   */
  decode(bytes: Buffer): Decoded {
    let from = 0
    let to = 0
    let at = 0
    const result = (behind: number | undefined, fault: string | undefined): Decoded => ({
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
        if (this.state === "cr" && bytes[at] === cr) this.state = "lf"
        else if (bytes[at] !== lf) return result(undefined, "a chunk is longer than its size")
        else {
          if (this.state === "cr") this.isStrict = false
          this.state = "size"
        }
        at += 1
      } else {
        const end = bytes.indexOf(lf, at)
        const line = this.line + bytes.toString("latin1", at, end < 0 ? bytes.length : end)
        if (this.isTooLong(line)) return result(undefined, "a line between the chunks is too long")
        if (end < 0) {
          this.line = line
          return result(undefined, undefined)
        }
        this.line = ""
        at = end + 1
        const fault = this.onLine(line)
        if (fault !== undefined) return result(undefined, fault)
        if (this.isEnded) return result(bytes.length - at, undefined)
      }
    }
    return result(undefined, undefined)
  }

  private get isEnded(): boolean {
    return this.state === "ended"
  }

  private isTooLong(line: string): boolean {
    return this.state === "size"
      ? line.length > maxLine
      : this.trailerBytes + line.length > maxTrailers
  }

  /** Handles a complete line, without its LF. */
  private onLine(line: string): string | undefined {
    if (this.state === "size") {
      const match = sizeLine.exec(line) ?? this.unusualSize(line)
      if (match === null) return "a chunk's size is illegal"
      this.left = Number.parseInt(match[1] as string, 16)
      this.state = this.left === 0 ? "trailers" : "data"
      return undefined
    }
    const end = line.endsWith("\r") ? line.length - 1 : line.length
    if (end === line.length) this.isStrict = false
    if (end === 0) {
      this.state = "ended"
      return undefined
    }
    const field = FieldLine.parse(line, 0, end)
    if (field === undefined) return "a trailer field is illegal"
    this.trailerBytes += line.length
    this.trailers.push(field)
    return undefined
  }

  private unusualSize(line: string): RegExpExecArray | null {
    this.isStrict = false
    return unusualSizeLine.exec(line)
  }
}
