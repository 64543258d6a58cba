/**
 * The response with the sizes of the folders in a folder. It is sent while they
 * are counted; if the visitor leaves, the counting ends.
 */
import type { FolderForm } from "../listing/FolderForm.ts"
import * as FolderSizes from "../listing/FolderSizes.ts"
import * as Root from "../root/Root.ts"
import type { Leave } from "../send/FolderWork.ts"
import { type FolderRequest, openStream, type Stream } from "./FolderRequest.ts"
import * as SizesPage from "./SizesPage.ts"

/** The memory that a folder takes in a response, in bytes. */
const folderBytes = 500

const piecesOf = (
  { request: { query }, segments, site }: FolderRequest,
  form: FolderForm,
): FolderSizes.Pieces => {
  switch (form) {
    case "html":
      return SizesPage.pieces({ site, segments, query })
    case "json":
      return FolderSizes.jsonPieces()
    case "plain":
      return FolderSizes.plainPieces
  }
}

/** Counts what is in the folders of the folder, and closes it. */
export const send = (
  to: FolderRequest,
  folder: Root.OpenFolder,
  form: FolderForm,
  leave: Leave,
): void => {
  const { request, site } = to
  const { isCancelled } = request
  const pieces = piecesOf(to, form)
  let stream: Stream | undefined
  const options: FolderSizes.SizesOptions = {
    root: site.root,
    hidden: site.hidden,
    isCancelled,
    onStart: () => {
      stream = openStream(to, form, FolderSizes.limits.listed * folderBytes)
      stream.push(pieces.head)
    },
    onFolder: (measured) => stream?.push(pieces.folder(measured)),
  }
  FolderSizes.measure(options, folder).then(
    (total) => {
      leave()
      if (isCancelled()) return
      // A failure can only be that of the folder itself, before the response has begun.
      if ("_tag" in total) return request.failNotOpen(total)
      stream?.push(pieces.tail(total))
      stream?.end()
    },
    (error: NodeJS.ErrnoException) => {
      leave()
      if (isCancelled()) return
      if (stream === undefined) request.failNotOpen(Root.notOpen(error))
      else stream.fail(`the folders cannot be counted (${error.code ?? error.message})`)
    },
  )
}
