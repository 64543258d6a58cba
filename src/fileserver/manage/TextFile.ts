/**
 * A text that can be edited: UTF-8 of bounded size, with the digest by which it
 * is recognised when it is saved. Times are too coarse for that: a file may
 * change twice within one tick of its file system.
 */
import { hash } from "node:crypto"
import type { ByteName } from "../names/ByteName.ts"
import * as Root from "../root/Root.ts"
import * as FileBody from "../send/FileBody.ts"

/** The largest text, in bytes. */
export const maxBytes = 1024 * 1024

/** See the head of this file. */
export interface TextFile {
  readonly text: string
  readonly digest: string
  /** Whether its lines end in CR LF. */
  readonly ends: "lf" | "crlf"
}

/** What a text is recognised by. */
export const digestOf = (bytes: Uint8Array): string => hash("sha256", bytes, "base64url")

/** The text in bytes; `undefined` if they are not UTF-8 or not text. */
export const decode = (bytes: Uint8Array): TextFile | undefined => {
  try {
    // A byte order mark stays in the text, so that it is saved again.
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
    if (text.includes("\0")) return undefined
    const ends = /\r\n/.test(text) && !/(?<!\r)\n/.test(text) ? "crlf" : "lf"
    return { text, digest: digestOf(bytes), ends }
  } catch {
    return undefined
  }
}

/** Reads a text; `undefined` if it is not there or cannot be edited. */
export const read = (
  root: Root.Root,
  segments: ReadonlyArray<ByteName>,
): Promise<TextFile | undefined> =>
  new Promise((resolve) =>
    root.open(segments, (opened) => {
      if (opened._tag === "Folder") Root.closeFolder(opened)
      if (opened._tag !== "File") return resolve(undefined)
      const size = Number(opened.stats.size)
      if (size > maxBytes) {
        Root.close(opened.handle)
        return resolve(undefined)
      }
      FileBody.readAll(opened.handle, 0, size, (_error, bytes) => {
        Root.close(opened.handle)
        resolve(bytes === undefined ? undefined : decode(bytes))
      })
    }),
  )
