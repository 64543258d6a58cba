/**
 * The response to `?view` of a file: a page that shows it.
 */
import * as Html from "../../web/Html.ts"
import * as Page from "../../web/Page.ts"
import * as PageAddress from "../http/PageAddress.ts"
import * as Listing from "../listing/Listing.ts"
import type { ByteName } from "../names/ByteName.ts"
import * as Folder from "../root/Folder.ts"
import * as Root from "../root/Root.ts"
import type { FileRequest } from "../send/FileRequest.ts"
import * as FileTypes from "../types/FileTypes.ts"
import * as Kind from "../types/Kind.ts"
import { pageHeaders, type Site } from "./Site.ts"
import * as Text from "./Text.ts"
import * as TextContent from "./TextContent.ts"
import * as ViewPage from "./ViewPage.ts"

/** How many files before and after one are tried, since some may not be readable. */
const maxTried = 4

/** Embeddings, overrides and isolates (Unicode UAX #9), with which code hides what it does (CVE-2021-42574). */
const turnsDirection = /[\u202a-\u202e\u2066-\u2069]/

interface Siblings {
  readonly previous: ByteName | undefined
  readonly next: ByteName | undefined
}

const noSiblings: Siblings = { previous: undefined, next: undefined }

/** The names before and after one among those of the same kind, the nearest first. */
const nearestOf = (
  names: ReadonlyArray<ByteName>,
  own: ByteName,
): { readonly before: ReadonlyArray<ByteName>; readonly after: ReadonlyArray<ByteName> } => {
  const kind = FileTypes.kindOf(own)
  const alike = names.filter((name) => FileTypes.kindOf(name) === kind)
  const at = alike.indexOf(own)
  if (at < 0) return { before: [], after: [] }
  return {
    before: alike.slice(Math.max(0, at - maxTried), at).reverse(),
    after: alike.slice(at + 1, at + 1 + maxTried),
  }
}

/** Gives the files of the same kind before and after one, in the order of its folder's page. */
const findSiblings = (
  site: Site,
  { isCancelled, query }: FileRequest,
  segments: ReadonlyArray<ByteName>,
  done: (siblings: Siblings) => void,
): void =>
  site.root.open(segments.slice(0, -1), (opened) => {
    if (opened._tag === "File") Root.close(opened.handle)
    if (opened._tag !== "Folder") return done(noSiblings)
    Listing.readFiles(site, opened, query, isCancelled, (names) => {
      if ("_tag" in names) {
        Root.closeFolder(opened)
        return done(noSiblings)
      }
      const { after, before } = nearestOf(names, segments.at(-1) as ByteName)
      const nearest = [...before, ...after]
      Folder.look(site.root, site.hidden, opened, nearest, isCancelled, (entries) => {
        Root.closeFolder(opened)
        const files = new Set(entries.filter(({ folder }) => !folder).map(({ name }) => name))
        const firstOf = (list: ReadonlyArray<ByteName>) => list.find((name) => files.has(name))
        done({ previous: firstOf(before), next: firstOf(after) })
      })
    })
  })

/** Sends the page that shows a file, and closes the file. */
export const send = (
  site: Site,
  request: FileRequest,
  segments: ReadonlyArray<ByteName>,
  file: Root.OpenFile,
): void =>
  site.folderWork.enter({
    isCancelled: request.isCancelled,
    refuse: () => {
      Root.close(file.handle)
      request.failCrowded()
    },
    start: (leave) => {
      if (!request.isCancelled()) return sendFile(site, request, segments, file, leave)
      Root.close(file.handle)
      leave()
    },
  })

/** @param leave ends the work of {@link FolderWork} */
const sendFile = (
  site: Site,
  request: FileRequest,
  segments: ReadonlyArray<ByteName>,
  { handle, stats }: Root.OpenFile,
  leave: () => void,
): void => {
  const name = segments.at(-1) as ByteName
  const kind = FileTypes.kindOf(name)
  const size = Number(stats.size)

  const sendPage = (content: Pick<ViewPage.View, "text" | "notice" | "warning">): void => {
    Root.close(handle)
    findSiblings(site, request, segments, (siblings) => {
      leave()
      if (request.isCancelled()) return
      const address = PageAddress.of(request.head)
      const { query } = request
      const page = ViewPage.render({
        segments,
        kind,
        size,
        address,
        query,
        ...siblings,
        ...content,
      })
      const policy = ViewPage.hasScript(kind) ? Page.filesPolicy : Page.textPolicy
      request.sendGenerated(Html.toBytes(page), pageHeaders(policy), site.folderWork)
    })
  }
  const sendNotice = (notice: string): void =>
    sendPage({ text: undefined, notice, warning: undefined })

  if (!Kind.isViewable(kind)) return sendNotice(Text.view.notViewable)
  if (!Kind.isText(kind))
    return sendPage({ text: undefined, notice: undefined, warning: undefined })
  if (size > TextContent.maxSize) return sendNotice(Text.view.tooLarge)
  TextContent.read(handle, size, (text) => {
    if (text === undefined) return sendNotice(Text.view.notText)
    TextContent.render(site, name, text, (rendered) =>
      sendPage({
        text: rendered,
        notice: undefined,
        warning:
          kind === "code" && turnsDirection.test(text) ? Text.view.turnsDirection : undefined,
      }),
    )
  })
}
