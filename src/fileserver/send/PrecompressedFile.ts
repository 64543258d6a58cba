/**
 * Precompressed files: `app.js.br` beside `app.js`. They are opened by the
 * same checks as any request, so that nothing is sent that could not be
 * downloaded under its own name.
 */
import type * as fs from "node:fs"
import { type Accepted, type Coding, suffixes } from "../http/ContentCoding.ts"
import type { ByteName } from "../names/ByteName.ts"
import { close, type Root } from "../root/Root.ts"

/** An open file; the receiver closes the handle. */
export interface PrecompressedFile {
  readonly coding: Coding
  /** The client's weight for the coding. */
  readonly weight: number
  readonly handle: number
  readonly stats: fs.BigIntStats
}

/**
 * Opens the best precompressed form of a file that the client accepts and that
 * is not older than the file.
 *
 * @param segments of the uncompressed file
 * @param original stats of the uncompressed file
 * @param accepted in the client's order
 */
export const find = (
  root: Root,
  segments: ReadonlyArray<ByteName>,
  original: fs.BigIntStats,
  accepted: ReadonlyArray<Accepted>,
  done: (file: PrecompressedFile | undefined) => void,
): void => {
  const name = segments.at(-1) as ByteName
  const attempt = (index: number): void => {
    const candidate = accepted[index]
    if (candidate === undefined) return done(undefined)
    root.open([...segments.slice(0, -1), name + suffixes[candidate.coding]], (opened) => {
      if (opened._tag === "File" && opened.stats.mtimeNs >= original.mtimeNs) {
        const { handle, stats } = opened
        return done({ ...candidate, handle, stats })
      }
      if ("handle" in opened && opened.handle !== undefined) close(opened.handle)
      attempt(index + 1)
    })
  }
  attempt(0)
}
