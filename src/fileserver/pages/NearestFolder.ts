/**
 * The response to a request for a file or folder that does not exist. On a page
 * it leads to the nearest folder above that does.
 */
import { type ByteName, toDisplay } from "../names/ByteName.ts"
import * as Text from "../parts/Text.ts"
import * as Root from "../root/Root.ts"
import type { FileRequest } from "../send/FileRequest.ts"

/** The relative address of the folder so many levels above the last slash of an address. */
const up = (levels: number): string => (levels === 0 ? "./" : "../".repeat(levels))

/**
 * Answers a request for something that does not exist.
 *
 * @param segments below the shared folder
 * @param folder whether the address ends with a slash
 */
export const failAbsent = (
  root: Root.Root,
  request: FileRequest,
  segments: ReadonlyArray<ByteName>,
  folder: boolean,
): void => {
  if (!request.wantsPage || segments.length === 0) return request.failNotOpen(Root.absent)
  // Downwards from the top: a long path costs no more than the folders that exist.
  const descend = (depth: number): void =>
    root.open(segments.slice(0, depth + 1), (opened) => {
      if (opened._tag === "File") Root.close(opened.handle)
      if (opened._tag === "Folder") {
        Root.closeFolder(opened)
        if (depth + 1 < segments.length && !request.isCancelled()) return descend(depth + 1)
      }
      const path = segments.slice(0, depth).map(toDisplay).join("/")
      request.failNotOpen(Root.absent, {
        href: up(segments.length - depth - (folder ? 0 : 1)),
        label: Text.nearestFolder(path),
      })
    })
  descend(0)
}
