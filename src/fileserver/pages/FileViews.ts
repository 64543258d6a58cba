/**
 * The response to `?view` of a file: a page that shows it.
 */
import * as Html from "../../web/Html.ts"
import * as Page from "../../web/Page.ts"
import * as PageAddress from "../http/PageAddress.ts"
import * as Listing from "../listing/Listing.ts"
import type { ByteName } from "../names/ByteName.ts"
import * as Text from "../parts/Text.ts"
import * as Folder from "../root/Folder.ts"
import * as Root from "../root/Root.ts"
import * as CompressedPage from "../send/CompressedPage.ts"
import * as FileBody from "../send/FileBody.ts"
import type { FileRequest } from "../send/FileRequest.ts"
import type { Leave } from "../send/FolderWork.ts"
import * as Exif from "../types/Exif.ts"
import * as FileTypes from "../types/FileTypes.ts"
import * as Kind from "../types/Kind.ts"
import type { Content } from "../views/Content.ts"
import * as Subtitles from "../views/Subtitles.ts"
import * as TextContent from "../views/TextContent.ts"
import { pageHeaders, type Site } from "./Site.ts"
import * as Slots from "./Slots.ts"
import * as ViewPage from "./ViewPage.ts"

/** How many files before and after one are tried, since some may not be readable. */
const maxTried = 8

const noSiblings: ViewPage.Siblings = {
  previous: undefined,
  next: undefined,
  position: 0,
  total: 0,
  near: [],
  subtitles: [],
}

/** The names before and after one among those of its series. */
const nearestOf = (names: ReadonlyArray<ByteName>, own: ByteName) => {
  const kind = FileTypes.kindOf(own)
  const series = Kind.seriesOf(kind)
  const alike = names.filter((name) => Kind.seriesOf(FileTypes.kindOf(name)) === series)
  const at = alike.indexOf(own)
  const before = at < 0 ? [] : alike.slice(Math.max(0, at - maxTried), at)
  const after = at < 0 ? [] : alike.slice(at + 1, at + 1 + maxTried)
  const subtitles = kind === "video" ? Subtitles.ofFilm(own, names) : []
  return { before, after, position: at + 1, total: alike.length, subtitles }
}

/** Gives the files of its series around one, in the order of its folder's page. */
const findSiblings = (
  site: Site,
  { isCancelled, query }: FileRequest,
  segments: ReadonlyArray<ByteName>,
  done: (siblings: ViewPage.Siblings) => void,
): void =>
  site.root.open(segments.slice(0, -1), (opened) => {
    if (opened._tag === "File") Root.close(opened.handle)
    if (opened._tag !== "Folder") return done(noSiblings)
    Listing.readFiles(site, opened, query, isCancelled, (names) => {
      if ("_tag" in names) {
        Root.closeFolder(opened)
        return done(noSiblings)
      }
      const own = segments.at(-1) as ByteName
      const { after, before, position, subtitles, total } = nearestOf(names, own)
      const tried = [...before, ...after, ...subtitles.map(({ name }) => name)]
      Folder.look(site.root, site.hidden, opened, tried, isCancelled, (entries) => {
        Root.closeFolder(opened)
        const files = new Set(entries.filter(({ folder }) => !folder).map(({ name }) => name))
        const [filesBefore, filesAfter] = [before, after].map((list) =>
          list.filter((name) => files.has(name)),
        )
        done({
          previous: filesBefore?.at(-1),
          next: filesAfter?.[0],
          position,
          total,
          near: [...(filesBefore ?? []), own, ...(filesAfter ?? [])].filter((name) =>
            site.thumbs.has(FileTypes.kindOf(name)),
          ),
          subtitles: subtitles.filter(({ name }) => files.has(name)),
        })
      })
    })
  })

/**
 * Sends the page that shows a file, and closes the file.
 *
 * @param leave called when the folder has been read, too
 */
export const send = (
  site: Site,
  request: FileRequest,
  segments: ReadonlyArray<ByteName>,
  { handle, stats }: Root.OpenFile,
  leave: Leave,
): void => {
  const name = segments.at(-1) as ByteName
  const kind = FileTypes.kindOf(name)
  const size = Number(stats.size)

  const sendPage = (content: Content | undefined, facts: Exif.ImageFacts = {}): void => {
    Root.close(handle)
    findSiblings(site, request, segments, (siblings) => {
      leave()
      if (request.isCancelled()) return
      const page = ViewPage.render({
        site,
        segments,
        kind,
        size,
        modified: Number(stats.mtimeMs),
        siblings,
        content,
        facts,
        hasThumb: site.thumbs.has(kind),
        query: request.query,
        address: PageAddress.of(request.head),
        slot: Slots.ofFile(site, segments),
      })
      CompressedPage.send(
        request,
        Html.toBytes(page),
        pageHeaders(Page.filesPolicy),
        site.folderWork,
      )
    })
  }

  if (!Kind.isViewable(kind)) return sendPage({ _tag: "Notice", notice: Text.view.notViewable })
  if (Kind.isText(kind))
    return TextContent.readContent(site, request.query, name, { handle, size }, sendPage)
  if (kind !== "image") return sendPage(undefined)
  const examined = Math.min(size, Exif.examined)
  FileBody.readAll(handle, 0, examined, (_error, bytes) =>
    sendPage(undefined, bytes === undefined ? {} : Exif.read(bytes)),
  )
}
