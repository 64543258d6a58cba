/**
 * Several ranges of a file in one body: `multipart/byteranges` (RFC 9110 14.6).
 * Only the text between the ranges is made here; the ranges are read from the
 * file when they are sent.
 */
import { randomUUID } from "node:crypto"
import type { ByteRange } from "./Ranges.ts"

/** `length` bytes of a file from `first` on. */
export interface Stretch {
  readonly first: number
  readonly length: number
}

/** A piece of a body: bytes, or a stretch of the file. */
export type Piece = Uint8Array | Stretch

/** A body in pieces. */
export interface Multipart {
  readonly contentType: string
  /** Total bytes. */
  readonly length: number
  readonly pieces: ReadonlyArray<Piece>
}

/** A random boundary, so that no file can contain it on purpose. */
export const boundary = (): string => randomUUID()

/**
 * Lays out parts of a file of `size` bytes.
 *
 * @param type the Content-Type of the file, which each part repeats
 */
export const layout = (
  parts: ReadonlyArray<ByteRange>,
  size: number,
  type: string | undefined,
  boundary: string,
): Multipart => {
  const pieces: Array<Piece> = []
  let length = 0
  const text = (line: string): void => {
    const bytes = Buffer.from(line, "latin1")
    length += bytes.length
    pieces.push(bytes)
  }
  const describe = type === undefined ? "" : `Content-Type: ${type}\r\n`
  let start = `--${boundary}\r\n`
  for (const { first, last } of parts) {
    text(`${start}${describe}Content-Range: bytes ${first}-${last}/${size}\r\n\r\n`)
    const stretch = { first, length: last - first + 1 }
    length += stretch.length
    pieces.push(stretch)
    start = `\r\n--${boundary}\r\n`
  }
  text(`\r\n--${boundary}--\r\n`)
  return { contentType: `multipart/byteranges; boundary=${boundary}`, length, pieces }
}

/** The whole body of a file that is in memory. */
export const assemble = (pieces: ReadonlyArray<Piece>, file: Uint8Array): Uint8Array =>
  Buffer.concat(
    pieces.map((piece) =>
      piece instanceof Uint8Array ? piece : file.subarray(piece.first, piece.first + piece.length),
    ),
  )
