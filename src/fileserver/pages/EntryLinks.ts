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

/** The address of an entry itself, relative to its folder. */
export const hrefOf = ({ folder, name }: Named): string =>
  ByteName.toUrl(name) + (folder ? "/" : "")

/** Whether the name of an entry leads to the page that shows it. Browsers show HTML files themselves. */
export const opensInPage = (entry: Named, reader: Reader): boolean =>
  reader === "browser" &&
  Kind.isViewable(FileTypes.kindOfEntry(entry)) &&
  !FileTypes.isDocument(entry.name)

/** What follows the address of an entry in the link of its name. */
export const queryOf = (
  entry: Named,
  query: Pick<Query.Query, "filter" | "grid" | "order" | "sort">,
  reader: Reader,
): string => {
  if (entry.folder) return Query.sameForm(query)
  return opensInPage(entry, reader) ? Query.toView(query) : ""
}
