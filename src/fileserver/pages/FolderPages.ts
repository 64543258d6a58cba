/**
 * The response to a request for a folder, in the form that was asked for: a
 * page, JSON, a plain list, the result of a search, the sizes of its folders,
 * or an archive.
 */
import type * as Headers from "../../domain/HeaderList.ts"
import * as Body from "../../transport/body/Body.ts"
import * as Html from "../../web/Html.ts"
import * as Archive from "../archive/Archive.ts"
import * as ArchiveItems from "../archive/ArchiveItems.ts"
import * as Tar from "../archive/Tar.ts"
import * as Zip from "../archive/Zip.ts"
import * as Disposition from "../http/Disposition.ts"
import * as PageAddress from "../http/PageAddress.ts"
import * as FolderForm from "../listing/FolderForm.ts"
import * as FolderJson from "../listing/FolderJson.ts"
import * as Listing from "../listing/Listing.ts"
import * as ManagePages from "../manage/ManagePages.ts"
import { fromText } from "../names/ByteName.ts"
import * as EntryLinks from "../parts/EntryLinks.ts"
import * as Folder from "../root/Folder.ts"
import * as Root from "../root/Root.ts"
import type { FileRequest } from "../send/FileRequest.ts"
import type { Leave } from "../send/FolderWork.ts"
import * as FileTypes from "../types/FileTypes.ts"
import * as TextContent from "../views/TextContent.ts"
import { type FolderRequest, sendForm, streamHeaders } from "./FolderRequest.ts"
import * as ListingPage from "./ListingPage.ts"
import * as SearchReply from "./SearchReply.ts"
import * as SizesReply from "./SizesReply.ts"
import * as Slots from "./Slots.ts"

/** Entries that are rendered without letting other requests run. */
const slice = 1_000

const archiveFormats = { zip: Zip.format, tar: Tar.format }

/** Sends a folder, and closes it. */
export const send = (to: FolderRequest, folder: Root.OpenFolder): void => {
  const { api, request } = to
  const { archive, search, sizes } = request.query
  if (!api && archive !== undefined) {
    Root.closeFolder(folder)
    if (!to.site.archives) {
      return request.fail("PTTH_NOT_FOUND", "Folders cannot be downloaded as archives here.")
    }
    return sendArchive(to, archive)
  }
  if (!api && ManagePages.send(to, request.query)) return Root.closeFolder(folder)
  const form = api ? "json" : FolderForm.choose(request.query, request.accept())
  const { folderWork, longWork } = to.site
  const isLong = search === "" ? sizes : request.query.inText
  if (isLong && request.method === "HEAD") {
    Root.closeFolder(folder)
    return request.respond({ status: 200, headers: streamHeaders(to, form) }, Body.empty)
  }
  const work = isLong ? longWork : folderWork
  work.enter({
    isCancelled: request.isCancelled,
    refuse: () => {
      Root.closeFolder(folder)
      request.failCrowded()
    },
    start: (leave) => {
      if (request.isCancelled()) {
        Root.closeFolder(folder)
        leave()
      } else if (search !== "") SearchReply.send(to, folder, form, leave)
      else if (sizes) SizesReply.send(to, folder, form, leave)
      else if (form === "html") sendListing(to, folder, leave)
      else sendEntries(to, folder, form, leave)
    },
  })
}

const sendListing = (to: FolderRequest, folder: Root.OpenFolder, leave: Leave): void => {
  const { request, segments, site } = to
  const { query } = request
  const reader = EntryLinks.readerOf(request.accept())
  const hasDeleted = query.deleted.length > 0 && site.managing?.rules.allows(segments) === true
  const size = query.grid ? ListingPage.gridSize : ListingPage.tableSize
  Listing.read(site, folder, query, size, request.isCancelled, (listing) => {
    Root.closeFolder(folder)
    leave()
    if (request.isCancelled()) return
    if ("_tag" in listing) return request.failNotOpen(listing)
    const sendPage = (readme: Html.Html | undefined): void => {
      if (request.isCancelled()) return
      const page = ListingPage.render(segments, listing, query, {
        site: hasDeleted ? { ...site, notice: ManagePages.undoNotice(query.deleted) } : site,
        address: PageAddress.of(request.head),
        hasThumb: site.thumbs.has,
        readme,
        reader,
        slots: Slots.ofFolder(site, segments, reader),
      })
      sendForm(to, "html", Html.toBytes(page))
    }
    // A program gets the README as a file; its links would count as names.
    if (query.filter !== "" || reader === "program") return sendPage(undefined)
    TextContent.readReadme(site, segments, listing, sendPage)
  })
}

/** Sends all entries, as JSON or as a plain list. */
const sendEntries = (
  to: FolderRequest,
  folder: Root.OpenFolder,
  form: "json" | "plain",
  leave: Leave,
): void => {
  const { request, site } = to
  Folder.read(site.root, site.hidden, folder, request.isCancelled, (read, unexamined) => {
    Root.closeFolder(folder)
    const entries =
      !("_tag" in read) && read.length === 0 && unexamined.length > 0 ? Root.forbidden : read
    if ("_tag" in entries) {
      leave()
      return request.failNotOpen(entries)
    }
    const { kind } = request.query
    const some =
      kind === "" ? entries : entries.filter((entry) => FileTypes.kindOfEntry(entry) === kind)
    const map = form === "json" ? FolderJson.item : lineOf
    mapInSlices(request, some, map, (lines) => {
      const text = form === "json" ? FolderJson.renderJson(lines) : lines.join("")
      sendForm(to, form, Buffer.from(text))
      leave()
    })
  })
}

const lineOf = ({ folder, name }: Folder.Entry): string => FolderForm.line(name, folder)

/** Maps entries, {@link slice} at a time: other requests run in between. If the visitor leaves, the rest is left out. */
const mapInSlices = <A>(
  request: FileRequest,
  entries: ReadonlyArray<Folder.Entry>,
  map: (entry: Folder.Entry) => A,
  done: (mapped: ReadonlyArray<A>) => void,
): void => {
  const mapped: Array<A> = []
  const step = (): void => {
    const end = Math.min(mapped.length + slice, entries.length)
    while (mapped.length < end) mapped.push(map(entries[mapped.length] as Folder.Entry))
    if (end < entries.length && !request.isCancelled()) setImmediate(step)
    else done(mapped)
  }
  step()
}

/** The memory of an item of an archive, in bytes. */
const itemBytes = 300

const sendArchive = (
  { request, segments, site }: FolderRequest,
  form: keyof typeof archiveFormats,
): void => {
  const { archiveWork, hidden, log, root } = site
  const format = archiveFormats[form]
  const name = segments.at(-1) ?? fromText(site.title)
  const { isCancelled } = request

  const sendItems = ({ items, leftOut }: ArchiveItems.ArchiveItems): void => {
    if (leftOut.length > 0) log(ArchiveItems.describe(leftOut))
    const archive = Archive.make({ root, log }, format, format.rename(items))
    const headers: Headers.HeaderList = [
      ["Content-Type", format.type],
      ["Content-Length", String(archive.body.length)],
      ["Content-Disposition", Disposition.attachment(name + fromText(`.${format.extension}`))],
      ["Cache-Control", "no-cache"],
      ["X-Content-Type-Options", "nosniff"],
    ]
    if (request.method === "HEAD") {
      archive.cancel()
      return request.respond({ status: 200, headers }, Body.empty)
    }
    const body = archiveWork.hold(archive, items.length * itemBytes)
    request.cancelWith(body)
    request.respond({ status: 200, headers }, body)
  }

  const listItems = async (): Promise<void> => {
    try {
      const listed = await ArchiveItems.list({
        root,
        hidden,
        segments,
        name,
        chosen: request.query.entries,
        isCancelled,
      })
      if (isCancelled()) return
      if ("_tag" in listed) request.failNotOpen(listed)
      else sendItems(listed)
    } catch (error) {
      request.failNotOpen(Root.notOpen(error as NodeJS.ErrnoException))
    }
  }

  archiveWork.enter({
    isCancelled,
    refuse: () => request.failCrowded(),
    start: (leave) => {
      if (isCancelled()) leave()
      else void listItems().finally(leave)
    },
  })
}
