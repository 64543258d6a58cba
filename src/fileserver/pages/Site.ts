/**
 * What the pages of one file server have in common.
 */
import type * as Headers from "../../domain/HeaderList.ts"
import type { Html } from "../../web/Html.ts"
import type { ListingSource } from "../listing/Listing.ts"
import type { Managing } from "../manage/ManagePages.ts"
import type { ByteName } from "../names/ByteName.ts"
import type { Renderer } from "../render/Render.ts"
import type { FileDigest } from "../send/FileDigest.ts"
import type { FolderWork } from "../send/FolderWork.ts"
import type { Thumbnails } from "../thumbs/Thumbnails.ts"
import type { UploadRules } from "../uploads/UploadRules.ts"

/** A visitor of a site with users. */
export interface Account {
  /** `undefined` for who has not signed in on the page. */
  readonly user: string | undefined
}

/** See the head of this file. */
export interface Site extends ListingSource {
  /** The name of the site: the server's, or the shared folder's. */
  readonly title: string
  /** Where the folder of the site is below the shared folder. */
  readonly base: ReadonlyArray<ByteName>
  /** How many levels below the top the shared folder is: 1, below `files/`. */
  readonly depth: number
  /** What every page of it says, such as until when a link is valid. */
  readonly notice: Html | undefined
  /** Whether what visitors download is counted, so that nothing is loaded in advance. */
  readonly isCounted?: boolean
  /** Whether visitors may make share links. */
  readonly shares: boolean
  /** Whether the visitor may read everything at a path, and so may give it to others; default: all of it. */
  readonly readsAll?: ((path: ReadonlyArray<ByteName>) => boolean) | undefined
  /** Whether archives of folders may be downloaded. */
  readonly archives: boolean
  /** Small pictures of files. */
  readonly thumbs: Thumbnails
  readonly digests: FileDigest
  readonly renderer: Renderer
  /** `undefined` if folders cannot be changed. */
  readonly managing?: Managing | undefined
  /** Who the visitor is, if the site has users. */
  readonly account?: Account | undefined
  /** `undefined` if uploads are not allowed. */
  readonly uploadRules: UploadRules | undefined
  /** Limits listings, searches and views of files, which read a folder. */
  readonly folderWork: FolderWork
  /** Limits searches in the text of files and sizes of folders, which take longer. */
  readonly longWork: FolderWork
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
