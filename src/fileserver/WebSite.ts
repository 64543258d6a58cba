/**
 * A folder as a site: `index.html` in place of a folder's page, the site's own
 * `404.html`, and for an application of one page its `index.html` in place of
 * pages that do not exist. A site is also at the top, since its addresses may
 * begin with a slash.
 */
import type * as Headers from "../domain/HeaderList.ts"
import * as Body from "../transport/body/Body.ts"
import * as Accept from "../web/Accept.ts"
import * as Query from "./http/Query.ts"
import { type ByteName, fromText } from "./names/ByteName.ts"
import * as Root from "./root/Root.ts"
import * as FileBody from "./send/FileBody.ts"
import type { FileRequest } from "./send/FileRequest.ts"
import type { FileSender } from "./send/FileSender.ts"

/** Which of it is on. */
export interface SiteOptions {
  /** `index.html` in place of a folder's page, and `404.html`. */
  readonly index: boolean
  /** The `index.html` of the top in place of pages that do not exist; implies `index`. */
  readonly spa: boolean
  /** Whether browsers may run scripts in the files. */
  readonly trusted: boolean
}

const indexName = fromText("index.html")
const notFoundName = fromText("404.html")

/** The largest page for what does not exist, in bytes. */
const maxNotFound = 1024 * 1024

/** Whether a request is for a page, not for a picture or a script of one. */
const isNavigation = (request: FileRequest): boolean =>
  Accept.weight(request.accept(), "text/html") > 0

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

  /** Answers a request for what does not exist; calls `otherwise` if the site has no answer. */
  sendAbsent(request: FileRequest, otherwise: () => void): void {
    if (!this.isSite || !isNavigation(request)) return otherwise()
    if (this.options.spa) return this.sendFile(request, [indexName], otherwise)
    this.root.open([notFoundName], (opened) => {
      if (opened._tag === "Folder") Root.closeFolder(opened)
      if (opened._tag !== "File") return otherwise()
      const { handle, stats } = opened
      if (stats.size > BigInt(maxNotFound)) {
        Root.close(handle)
        return otherwise()
      }
      FileBody.readAll(handle, 0, Number(stats.size), (_error, bytes) => {
        Root.close(handle)
        if (bytes === undefined) return otherwise()
        const body = request.method === "HEAD" ? Body.empty : Body.fromBytes(bytes)
        request.respond({ status: 404, headers: this.notFoundHeaders(bytes.length) }, body)
      })
    })
  }

  private notFoundHeaders(length: number): Headers.HeaderList {
    return [
      ["Content-Type", "text/html; charset=utf-8"],
      ["Content-Length", String(length)],
      ["Cache-Control", "no-cache"],
      ["X-Content-Type-Options", "nosniff"],
      ...(this.options.trusted ? [] : [["Content-Security-Policy", "sandbox"] as const]),
    ]
  }

  private sendFile(
    request: FileRequest,
    segments: ReadonlyArray<ByteName>,
    otherwise: () => void,
  ): void {
    this.sender.sendCached(request, segments, () =>
      this.root.open(segments, (opened) => {
        if (opened._tag === "File") return this.sender.send(request, segments, opened)
        if (opened._tag === "Folder") Root.closeFolder(opened)
        otherwise()
      }),
    )
  }
}
