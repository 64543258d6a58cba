/**
 * The forms in which a folder can be had: a page, JSON, or a plain list with
 * one name a line.
 */
import * as Accept from "../../web/Accept.ts"
import * as Query from "../http/Query.ts"
import * as ByteName from "../names/ByteName.ts"

/** See the head of this file. */
export type FolderForm = "html" | "json" | "plain"

/**
 * The form that is asked for: by the address, `?json` or `?plain`, or by the
 * greatest weight that the Accept field gives a form by name.
 */
export const choose = (query: string | undefined, accept: string | undefined): FolderForm => {
  if (Query.has(query, "json")) return "json"
  if (Query.has(query, "plain")) return "plain"
  const html = Accept.weight(accept, "text/html")
  const json = Accept.weight(accept, "application/json")
  const plain = Accept.weight(accept, "text/plain")
  if (json > html && json >= plain) return "json"
  return plain > html ? "plain" : "html"
}

/**
 * The line of an entry in a plain list: its path, and a slash if it is a
 * folder. It may go to a terminal, so control characters are shown as pictures.
 */
export const line = (path: ByteName.ByteName, folder: boolean): string =>
  `${ByteName.toDisplay(path)}${folder ? "/" : ""}\n`
