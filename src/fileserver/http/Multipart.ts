/**
 * Several parts of a file in one body: `multipart/byteranges` (RFC 9110 14.6).
 * Only what stands between the parts is made here; their bytes come from the
 * file when they are sent.
 */
import { randomUUID } from "node:crypto"
import type { ByteRange } from "./Ranges.ts"

/** A stretch of a file. */
export interface Stretch {
  readonly first: number
  readonly length: number
}

/** A part of a body: bytes that are here, or a stretch of the file. */
export type Piece = Uint8Array | Stretch

/** A body in pieces. */
export interface Multipart {
  readonly contentType: string
  /** Bytes of all pieces. */
  readonly length: number
  readonly pieces: ReadonlyArray<Piece>
}

/** A boundary that nobody can guess, so that no file can hold it on purpose. */
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

/** The pieces as one, where the whole file is here. */
export const assemble = (pieces: ReadonlyArray<Piece>, file: Uint8Array): Uint8Array =>
  Buffer.concat(
    pieces.map((piece) =>
      piece instanceof Uint8Array ? piece : file.subarray(piece.first, piece.first + piece.length),
    ),
  )
