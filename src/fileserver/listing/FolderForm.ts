/**
 * The forms in which a folder can be requested: a page, JSON, or a plain list
 * with one name a line.
 */
import * as Accept from "../../web/Accept.ts"
import type { Query } from "../http/Query.ts"
import * as ByteName from "../names/ByteName.ts"

/** See the head of this file. */
export type FolderForm = "html" | "json" | "plain"

/**
 * The form that a request asks for: by the address, `?json` or `?plain`, or by
 * the greatest weight in the Accept field.
 */
export const choose = (query: Query, accept: string | undefined): FolderForm => {
  if (query.form !== undefined) return query.form
  const html = Accept.weight(accept, "text/html")
  const json = Accept.weight(accept, "application/json")
  const textWeight = Accept.weight(accept, "text/plain")
  if (json > html && json >= textWeight) return "json"
  return textWeight > html ? "plain" : "html"
}

/**
 * The line of an entry in a plain list: its path, and a slash if it is a
 * folder. Control characters and those that could disguise the name are shown
 * as visible ones, since the list may go to a terminal.
 */
export const line = (path: ByteName.ByteName, folder: boolean): string =>
  `${ByteName.toDisplay(path)}${folder ? "/" : ""}\n`
