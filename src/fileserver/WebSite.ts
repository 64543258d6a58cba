/**
 * A folder as a site: `index.html` in place of a folder's page, the site's own
 * `404.html`, and for an application of one page its `index.html` in place of
 * pages that do not exist. A site is also at the top, since its addresses may
 * begin with a slash.
 */
import * as Accept from "../web/Accept.ts"
import * as Query from "./http/Query.ts"
import { type ByteName, fromText } from "./names/ByteName.ts"
import type { TargetPath } from "./names/TargetPath.ts"
import * as Root from "./root/Root.ts"
import type { FileRequest } from "./send/FileRequest.ts"
import type { FileSender } from "./send/FileSender.ts"

/** Which of it is on. */
export interface SiteOptions {
  /** `index.html` in place of a folder's page, and `404.html`. */
  readonly index: boolean
  /** The `index.html` of the top in place of pages that do not exist; implies `index`. */
  readonly spa: boolean
}

const indexName = fromText("index.html")
const notFoundName = fromText("404.html")

/** Whether a request is for a page, not for a picture or a script of one. */
const isNavigation = (request: FileRequest): boolean =>
  Accept.weight(request.accept(), "text/html") > 0

/** Whether a path ends with a name such as `favicon.svg`, which is no route of an application. */
const hasExtension = (segments: ReadonlyArray<ByteName>): boolean =>
  segments.at(-1)?.includes(".") === true

/** See the head of this file. */
export class WebSite {
  private readonly root: Root.Root
  private readonly sender: FileSender
  private readonly options: SiteOptions

  constructor(root: Root.Root, sender: FileSender, options: SiteOptions) {
    this.root = root
    this.sender = sender
    this.options = options
  }

  /** Whether the folder is a site at all. */
  get isSite(): boolean {
    return this.options.index || this.options.spa
  }

  /** Sends the `index.html` of a folder; calls `otherwise` if there is none, or another form of the folder is asked for. */
  sendIndex(request: FileRequest, folder: ReadonlyArray<ByteName>, otherwise: () => void): void {
    if (!this.isSite || request.query !== Query.none) return otherwise()
    this.sendFile(request, [...folder, indexName], otherwise)
  }

  /**
   * Sends what the site has at an address that is not below `files/`. Its pages have
   * parameters of their own.
   *
   * @param own sends what the file server has at the address; the site's own comes before it
   */
  sendAtTop(
    request: FileRequest,
    target: TargetPath,
    own: (() => void) | undefined,
    otherwise: () => void,
  ): void {
    const { folder, segments } = target
    const page = request.withQuery(Query.none)
    if (folder) return this.sendFile(page, [...segments, indexName], own ?? otherwise)
    if (own === undefined) return otherwise()
    const isRoute = this.options.spa && isNavigation(request) && !hasExtension(segments)
    this.sendFile(page, segments, (isFolder) => {
      if (isFolder) request.redirectToFolder(target)
      else if (isRoute) this.sendFile(page, [indexName], own)
      else own()
    })
  }

  /** Answers a request for what does not exist; calls `otherwise` if the site has no answer. */
  sendAbsent(request: FileRequest, otherwise: () => void): void {
    if (!this.isSite || !isNavigation(request)) return otherwise()
    if (this.options.spa)
      return this.sendFile(request.withQuery(Query.none), [indexName], otherwise)
    this.sendFile(request.withQuery(Query.none).forAbsent(), [notFoundName], otherwise)
  }

  /** @param otherwise gets whether there is a folder of this name */
  private sendFile(
    request: FileRequest,
    segments: ReadonlyArray<ByteName>,
    otherwise: (isFolder: boolean) => void,
  ): void {
    this.sender.sendCached(request, segments, () =>
      this.root.open(segments, (opened) => {
        if (opened._tag === "File") return this.sender.send(request, segments, opened)
        if (opened._tag === "Folder") Root.closeFolder(opened)
        otherwise(opened._tag === "Folder")
      }),
    )
  }
}
