/**
 * Where a listing's links lead. For browsers the name of a file leads to the
 * page that shows it, if there is one. Programs that read a listing for its
 * names, such as `wget -r` and mounted folders, get one link for each entry.
 */
import * as Accept from "../../web/Accept.ts"
import * as Query from "../http/Query.ts"
import * as ByteName from "../names/ByteName.ts"
import * as FileTypes from "../types/FileTypes.ts"
import * as Kind from "../types/Kind.ts"

/** Who reads a page: a browser names text/html in Accept, other programs accept anything. */
export type Reader = "browser" | "program"

/** The reader that sends an Accept field. */
export const readerOf = (accept: string | undefined): Reader =>
  Accept.weight(accept, "text/html") > 0 ? "browser" : "program"

interface Named {
  readonly name: ByteName.ByteName
  readonly folder: boolean
}

/** The links of one entry, relative to its folder. */
export interface EntryLinks {
  readonly kind: Kind.Kind
  /** The address of the entry itself. */
  readonly href: string
  /** Where its name leads. */
  readonly target: string
  /** What the name does not lead to: the file to download, or the source of a document. */
  readonly other: "download" | "source" | undefined
}

/** Gives the links of entries on a page with a query. */
export const make = (
  query: Pick<Query.Query, "filter" | "grid" | "order" | "sort">,
  reader: Reader,
): ((entry: Named) => EntryLinks) => {
  const { grid } = query
  const folderQuery = Query.sameForm(reader === "program" ? { ...Query.none, grid } : query)
  const viewQuery = Query.toView(query)
  return (entry) => {
    const kind = FileTypes.kindOfEntry(entry)
    const url = ByteName.toUrl(entry.name)
    if (entry.folder) {
      return { kind, href: `${url}/`, target: `${url}/${folderQuery}`, other: undefined }
    }
    if (reader === "program") return { kind, href: url, target: url, other: undefined }
    if (!Kind.isViewable(kind)) return { kind, href: url, target: url, other: "download" }
    // Browsers show HTML files themselves, with their links and pictures.
    return kind === "code" && FileTypes.isDocument(entry.name)
      ? { kind, href: url, target: url, other: "source" }
      : { kind, href: url, target: url + viewQuery, other: "download" }
  }
}
