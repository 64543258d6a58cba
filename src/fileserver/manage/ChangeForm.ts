/**
 * The forms by which people change a folder: POST to the folder's address with
 * `?change=ACTION`. Names of entries are percent-encoded, since they need not
 * be UTF-8.
 */
import type { RequestHead } from "../../protocol/Message.ts"
import * as Query from "../http/Query.ts"
import { type ByteName, fromText } from "../names/ByteName.ts"
import type * as TargetPath from "../names/TargetPath.ts"

/** What a form does. */
export type Action =
  | { readonly _tag: "Folder" | "Text"; readonly name: ByteName }
  | { readonly _tag: "Rename"; readonly entry: ByteName; readonly name: ByteName }
  | {
      readonly _tag: "Move" | "Copy"
      readonly entries: ReadonlyArray<ByteName>
      readonly to: ReadonlyArray<ByteName>
    }
  | { readonly _tag: "Delete"; readonly entries: ReadonlyArray<ByteName> }
  | { readonly _tag: "Restore" | "Erase"; readonly ids: ReadonlyArray<string> }
  | {
      readonly _tag: "Save"
      readonly entry: ByteName
      readonly content: string
      /** The digest of the text that was edited, see `TextFile.ts`. */
      readonly digest: string
    }

/** The longest form, in bytes: a text of 1 MiB, percent-encoded. */
export const maxBytes = 4 * 1024 * 1024
/** The most entries of one form. */
const maxEntries = 10_000

const actions = [
  "folder",
  "text",
  "rename",
  "move",
  "copy",
  "delete",
  "restore",
  "erase",
  "save",
] as const

/** The action that the address of a form names. */
export const actionIn = ({
  headers,
  target,
}: Pick<RequestHead, "headers" | "target">): (typeof actions)[number] | undefined => {
  const mark = target.indexOf("?")
  if (mark < 0 || !Query.isForm(headers)) return undefined
  const name = new URLSearchParams(target.slice(mark + 1)).get("change")
  return actions.find((action) => action === name)
}

/** The folder that somebody typed: below the shared folder if it begins with a slash, else below the folder of the form. */
const folderOf = (
  text: string,
  from: ReadonlyArray<ByteName>,
): ReadonlyArray<ByteName> | undefined => {
  const path: Array<ByteName> = text.startsWith("/") ? [] : [...from]
  for (const part of text.split("/")) {
    if (part === "" || part === ".") continue
    if (part !== "..") path.push(fromText(part))
    else if (path.pop() === undefined) return undefined
  }
  return path
}

/**
 * Parses a form; `undefined` if a field is missing.
 *
 * @param folder of the form, below the shared folder
 */
export const parse = (
  action: (typeof actions)[number],
  body: Uint8Array,
  folder: ReadonlyArray<ByteName>,
): Action | undefined => {
  const fields = new URLSearchParams(Buffer.from(body).toString("utf8"))
  const entries = Query.entriesOf(fields)
  const [entry] = entries
  const name = fields.get("name")
  if (entries.length > maxEntries || entries.some((one) => one === "" || one.includes("/")))
    return undefined
  switch (action) {
    case "folder":
    case "text":
      return name === null
        ? undefined
        : { _tag: action === "folder" ? "Folder" : "Text", name: fromText(name.trim()) }
    case "rename":
      return name === null || entry === undefined
        ? undefined
        : { _tag: "Rename", entry, name: fromText(name.trim()) }
    case "move":
    case "copy": {
      const to = folderOf(fields.get("to") ?? "", folder)
      if (to === undefined || entry === undefined) return undefined
      return { _tag: action === "move" ? "Move" : "Copy", entries, to }
    }
    case "delete":
      return entry === undefined ? undefined : { _tag: "Delete", entries }
    case "restore":
    case "erase": {
      const ids = fields.getAll("id")
      if (ids.length === 0 || ids.length > maxEntries) return undefined
      return { _tag: action === "restore" ? "Restore" : "Erase", ids }
    }
    case "save": {
      const content = fields.get("content")
      const digest = fields.get("digest")
      return content === null || digest === null || entry === undefined
        ? undefined
        : { _tag: "Save", entry, content: withLineEnds(content, fields.get("ends")), digest }
    }
  }
}

/** Browsers send every line end as CR LF; the file keeps its own. */
const withLineEnds = (text: string, ends: string | null): string => {
  const lines = text.replaceAll("\r\n", "\n")
  return ends === "crlf" ? lines.replaceAll("\n", "\r\n") : lines
}

/** Whether a path is one to which forms are sent. */
export const folderIn = (
  target: TargetPath.TargetPath | TargetPath.Refusal,
): ReadonlyArray<ByteName> | undefined =>
  target._tag === "Path" && target.folder && target.segments[0] === "files"
    ? target.segments.slice(1)
    : undefined
