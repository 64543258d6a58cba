/**
 * The response to a search below a folder. One in texts is sent while it runs:
 * each result as soon as it is found. When the visitor leaves, the search ends.
 */
import * as Html from "../../web/Html.ts"
import type { FolderForm } from "../listing/FolderForm.ts"
import * as Search from "../listing/Search.ts"
import * as EntryLinks from "../parts/EntryLinks.ts"
import type { OpenFolder } from "../root/Root.ts"
import type { Leave } from "../send/FolderWork.ts"
import { type FolderRequest, openStream, type Stream, sendForm } from "./FolderRequest.ts"
import * as SearchPage from "./SearchPage.ts"

/** The memory that a hit takes in a response, in bytes. */
const hitBytes = 500

/** Searches the folder, and closes it. */
export const send = (
  to: FolderRequest,
  folder: OpenFolder,
  form: FolderForm,
  leave: Leave,
): void => {
  if (to.request.query.inText) sendWhileSearching(to, folder, form, leave)
  else sendFound(to, folder, form, leave)
}

const viewOf = ({ request, segments, site }: FolderRequest): SearchPage.SearchView => {
  const reader = EntryLinks.readerOf(request.accept())
  return { site, segments, query: request.query, reader }
}

const optionsOf = ({ request, site }: FolderRequest): Search.SearchOptions => {
  const { inText, kind, search: text } = request.query
  const { hidden, root } = site
  return { root, hidden, text, scope: { inText, kind }, isCancelled: request.isCancelled }
}

/** Sends the result when it is whole. */
const sendFound = (to: FolderRequest, folder: OpenFolder, form: FolderForm, leave: Leave): void => {
  const { request } = to
  Search.search(optionsOf(to), folder, (result) => {
    leave()
    if (request.isCancelled()) return
    if ("_tag" in result) return request.failNotOpen(result)
    const view = viewOf(to)
    const bytes =
      form === "html"
        ? Html.toBytes(SearchPage.render(view, result))
        : Buffer.from(Search.join(piecesOf(view, form), result))
    sendForm(to, form, bytes)
  })
}

const piecesOf = (view: SearchPage.SearchView, form: FolderForm): Search.Pieces => {
  switch (form) {
    case "html":
      return SearchPage.pieces(view)
    case "json":
      return Search.jsonPieces(view.query.search)
    case "plain":
      return SearchPage.plainPieces
  }
}

/** Sends the result while it is found. */
const sendWhileSearching = (
  to: FolderRequest,
  folder: OpenFolder,
  form: FolderForm,
  leave: Leave,
): void => {
  const { request } = to
  const view = viewOf(to)
  const pieces = piecesOf(view, form)
  const hits = form === "html" ? SearchPage.hitsFor(view) : Search.limits.hits
  let stream: Stream | undefined
  const options: Search.SearchOptions = {
    ...optionsOf(to),
    limits: { ...Search.limits, hits },
    onStart: () => {
      stream = openStream(to, form, hits * hitBytes)
      stream.push(pieces.head)
    },
    onHit: (hit) => stream?.push(pieces.hit(hit)),
  }
  Search.search(options, folder, (result) => {
    leave()
    if (request.isCancelled()) return
    // A failure can only be that of the folder itself, before the search has started.
    if ("_tag" in result) return request.failNotOpen(result)
    stream?.push(pieces.tail(result))
    stream?.end()
  })
}
