/**
 * Searches the text of a file, piece by piece, for the first line that contains
 * a text, ignoring case. Binary files have no lines.
 */
import * as fs from "node:fs"
import * as CaseFolding from "../names/CaseFolding.ts"
import * as TextDecoding from "../types/TextDecoding.ts"

/** A line that contains the text. */
export interface Match {
  /** From 1. */
  readonly line: number
  /** The part of the line around the text. */
  readonly excerpt: string
}

/** Bytes that are read at once. */
const chunk = 64 * 1024
/** The longest line that is searched as one, in characters. */
const maxLine = 4_096
/** How much of a line is shown before the text, and in all, in characters. */
const before = 40
const maxExcerpt = 160

/** The part of a line around the text. */
const excerptOf = (line: string, sought: string): string => {
  const at = CaseFolding.fold(line).indexOf(sought)
  const start = Math.max(0, at - before)
  const part = line.slice(start, start + maxExcerpt).trim()
  return `${start > 0 ? "…" : ""}${part}${start + maxExcerpt < line.length ? "…" : ""}`
}

/**
 * Gives the first matching line of an open file; the handle stays open.
 *
 * @param sought folded
 * @param most how many bytes are read
 * @param isCancelled asked before each piece is read
 * @param done called with the match, and with how many bytes were read
 */
export const find = (
  handle: number,
  sought: string,
  most: number,
  isCancelled: () => boolean,
  done: (match: Match | undefined, bytes: number) => void,
): void => {
  let decoder: TextDecoder | undefined
  const buffer = Buffer.allocUnsafe(chunk)
  let rest = ""
  let line = 1
  let at = 0
  const step = (): void => {
    if (at >= most || isCancelled()) return done(undefined, at)
    fs.read(handle, buffer, 0, Math.min(chunk, most - at), at, (error, count) => {
      if (error !== null || count === 0) return done(matchIn(rest)?.match, at)
      at += count
      const bytes = buffer.subarray(0, count)
      decoder ??= TextDecoding.decoderOf(bytes)
      const decoded = decoder?.decode(bytes, { stream: true })
      if (decoded === undefined || decoded.includes("\0")) return done(undefined, at)
      const text = rest + decoded
      const end = text.lastIndexOf("\n")
      // Of a longer line the end is kept, since the text may go on in the next piece.
      const wholeEnd = end < 0 && text.length >= maxLine ? text.length - 2 * sought.length : end + 1
      const whole = text.slice(0, Math.max(0, wholeEnd))
      const result = matchIn(whole)
      if (result !== undefined) return done(result.match, at)
      rest = text.slice(whole.length)
      step()
    })
  }
  /** The match in some lines; without one they are counted. */
  const matchIn = (text: string): { readonly match: Match } | undefined => {
    const isInside = CaseFolding.fold(text).includes(sought)
    if (!isInside) {
      for (let i = text.indexOf("\n"); i >= 0; i = text.indexOf("\n", i + 1)) line++
      return undefined
    }
    const lines = text.split("\n")
    const index = lines.findIndex((each) => CaseFolding.fold(each).includes(sought))
    // A text that was found across a line end is in none of the lines.
    if (index < 0) {
      line += lines.length - 1
      return undefined
    }
    return { match: { line: line + index, excerpt: excerptOf(lines[index] as string, sought) } }
  }
  step()
}
