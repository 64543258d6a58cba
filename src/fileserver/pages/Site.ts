/**
 * What the pages of one file server have in common.
 */
import type * as Headers from "../../domain/HeaderList.ts"
import type { ListingSource } from "../listing/Listing.ts"
import type { Renderer } from "../render/Render.ts"
import type { FolderWork } from "../send/FolderWork.ts"
import type { UploadRules } from "../uploads/UploadRules.ts"

/** See the head of this file. */
export interface Site extends ListingSource {
  readonly renderer: Renderer
  /** `undefined` if uploads are not allowed. */
  readonly uploadRules: UploadRules | undefined
  /** Limits listings, searches and views of files, which read a folder. */
  readonly folderWork: FolderWork
  readonly archiveWork: FolderWork
  /** Tells the server's owner something. */
  readonly log: (message: string) => void
}

/**
 * The header fields of a page.
 *
 * @param policy the Content-Security-Policy
 */
export const pageHeaders = (policy: string): Headers.HeaderList => [
  ["Content-Type", "text/html; charset=utf-8"],
  ["Content-Security-Policy", policy],
  // Uploads check where a form comes from; other sites get no Referer.
  ["Referrer-Policy", "same-origin"],
]
