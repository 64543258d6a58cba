/**
 * Files that lie ready in a coding beside a file: `app.js.br` beside `app.js`.
 * They are opened as if they had been asked for, so nothing is sent by this
 * that could not be downloaded under its own name.
 */
import type * as fs from "node:fs"
import { type Accepted, type Coding, suffixes } from "../http/ContentCoding.ts"
import type { ByteName } from "../names/ByteName.ts"
import { close, type Root } from "../root/Root.ts"

/** Whoever gets it closes the handle. */
export interface Neighbour {
  readonly coding: Coding
  readonly weight: number
  readonly handle: number
  readonly stats: fs.BigIntStats
}

/**
 * Opens the best neighbour of a file that a client takes and that is not older
 * than the file.
 *
 * @param file of the file itself
 */
export const find = (
  root: Root,
  segments: ReadonlyArray<ByteName>,
  file: fs.BigIntStats,
  accepted: ReadonlyArray<Accepted>,
  done: (neighbour: Neighbour | undefined) => void,
): void => {
  const name = segments.at(-1) as ByteName
  const attempt = (index: number): void => {
    const candidate = accepted[index]
    if (candidate === undefined) return done(undefined)
    root.open([...segments.slice(0, -1), name + suffixes[candidate.coding]], (opened) => {
      if (opened._tag === "File" && opened.stats.mtimeNs >= file.mtimeNs) {
        const { handle, stats } = opened
        return done({ ...candidate, handle, stats })
      }
      if ("handle" in opened && opened.handle !== undefined) close(opened.handle)
      attempt(index + 1)
    })
  }
  attempt(0)
}
