/**
 * What people get to see of a folder: its pages, its files on pages, and all of
 * it as an archive.
 */
import type * as Headers from "../../domain/HeaderList.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import * as Body from "../../transport/body/Body.ts"
import * as Html from "../../web/Html.ts"
import * as Page from "../../web/Page.ts"
import * as Archive from "../archive/Archive.ts"
import * as Tar from "../archive/Tar.ts"
import * as Zip from "../archive/Zip.ts"
import * as Disposition from "../http/Disposition.ts"
import * as PageAddress from "../http/PageAddress.ts"
import * as Kind from "../listing/Kind.ts"
import * as Listing from "../listing/Listing.ts"
import type { PageQuery } from "../listing/PageQuery.ts"
import { type ByteName, fromText } from "../names/ByteName.ts"
import * as NaturalOrder from "../names/NaturalOrder.ts"
import * as Render from "../render/Render.ts"
import * as Folder from "../root/Folder.ts"
import * as Root from "../root/Root.ts"
import * as FileBody from "../send/FileBody.ts"
import type { Uploads } from "../uploads/Uploads.ts"
import * as ListingPage from "./ListingPage.ts"
import * as ViewPage from "./ViewPage.ts"

/** What the pages of one file server have in common. */
export interface Shared extends Listing.Place {
  readonly renderer: Render.Renderer
  /** What may be uploaded; `undefined` for nothing. */
  readonly uploads: Uploads | undefined
}

/** The request that is being answered. */
export interface Visit {
  readonly head: RequestHead
  readonly method: "GET" | "HEAD"
  readonly isCancelled: () => boolean
  /** Takes over something that has to be ended with the request. */
  readonly hold: (held: { readonly cancel: () => void }) => void
  readonly sendBytes: (bytes: Uint8Array, headers: Headers.HeaderList) => void
  readonly refuse: (reason: Root.NotOpen) => void
  readonly respond: (
    head: { readonly status: number; readonly headers: Headers.HeaderList },
    body: Body.Body,
  ) => void
}

/** The header fields of a page under a policy. */
export const pageHeaders = (policy: string): Headers.HeaderList => [
  ["Content-Type", "text/html; charset=utf-8"],
  ["Content-Security-Policy", policy],
  // Forms say where they come from, which uploads need to hear; other sites hear nothing.
  ["Referrer-Policy", "same-origin"],
]

const listingHeaders: Headers.HeaderList = [...pageHeaders(Page.filesPolicy), ["Vary", "Accept"]]

const closeFolder = ({ handle }: Root.OpenFolder): void => {
  if (handle !== undefined) Root.close(handle)
}

const decoder = new TextDecoder("utf-8")

/** Text as people read it; `undefined` if it is none. */
const textOf = (bytes: Uint8Array): string | undefined =>
  bytes.includes(0) ? undefined : decoder.decode(bytes)

const readmeName = /^readme(?:\.(?:md|markdown|mdown|mkd|txt))?$/i
const isMarkdown = (name: ByteName): boolean =>
  Kind.ofName(name) === "markdown" || /\.(?:markdown|mdown|mkd)$/i.test(name)

/** The best README among some names. */
const readmeOf = (names: ReadonlyArray<ByteName>): ByteName | undefined => {
  const found = names.filter((name) => readmeName.test(name)).sort()
  return found.find(isMarkdown) ?? found[0]
}

const renderText = (
  { renderer }: Shared,
  name: ByteName,
  text: string,
  done: (rendered: Html.Html) => void,
): void => {
  if (isMarkdown(name)) return renderer.render(text, undefined, done)
  if (Kind.ofName(name) !== "code") return done(Html.html`${text}`)
  const dot = name.lastIndexOf(".")
  renderer.render(text, name.slice(dot + 1).toLowerCase(), done)
}

const readReadme = (
  shared: Shared,
  segments: ReadonlyArray<ByteName>,
  name: ByteName | undefined,
  done: (readme: Html.Html | undefined) => void,
): void => {
  if (name === undefined) return done(undefined)
  shared.root.open([...segments, name], (opened) => {
    if (opened._tag === "Folder") closeFolder(opened)
    if (opened._tag !== "File") return done(undefined)
    const { handle, stats } = opened
    if (stats.size > BigInt(Render.maxSize)) {
      Root.close(handle)
      return done(undefined)
    }
    FileBody.readAll(handle, 0, Number(stats.size), (error, bytes) => {
      Root.close(handle)
      const text = error === undefined && bytes !== undefined ? textOf(bytes) : undefined
      if (text === undefined || text.trim() === "") return done(undefined)
      renderText(shared, name, text, (rendered) =>
        done(isMarkdown(name) ? rendered : Html.html`<pre tabindex="0">${rendered}</pre>`),
      )
    })
  })
}

/** Sends a page of a folder, and closes the folder. */
export const sendListing = (
  shared: Shared,
  visit: Visit,
  segments: ReadonlyArray<ByteName>,
  folder: Root.OpenFolder,
  query: PageQuery,
): void => {
  const size = query.grid ? ListingPage.gridSize : ListingPage.tableSize
  Listing.read(shared, folder, query, size, visit.isCancelled, (listing) => {
    closeFolder(folder)
    if (visit.isCancelled()) return
    if ("_tag" in listing) return visit.refuse(listing)
    const names = listing.entries.filter((entry) => !entry.folder).map(({ name }) => name)
    // A README on another page than the first is found by its usual name.
    const readme = query.filter === "" ? (readmeOf(names) ?? usualReadme(listing)) : undefined
    readReadme(shared, segments, readme, (rendered) => {
      if (visit.isCancelled()) return
      const { uploads } = shared
      const rows = listing.entries.map(query.grid ? ListingPage.tile : ListingPage.row)
      const page = ListingPage.render(segments, listing, query, rows, {
        address: PageAddress.of(visit.head),
        readme: rendered,
        uploads: uploads?.allows(segments) === true ? uploads : undefined,
      })
      visit.sendBytes(Html.toBytes(page), listingHeaders)
    })
  })
}

const usualReadme = ({ pages }: Listing.Listing): ByteName | undefined =>
  pages > 1 ? "README.md" : undefined

/** The files of the same kind before and after one in its folder. */
const neighboursOf = (
  shared: Shared,
  segments: ReadonlyArray<ByteName>,
  kind: Kind.Kind,
  done: (previous: ByteName | undefined, next: ByteName | undefined) => void,
): void => {
  const own = segments.at(-1) as ByteName
  shared.root.open(segments.slice(0, -1), (opened) => {
    if (opened._tag === "File") Root.close(opened.handle)
    if (opened._tag !== "Folder") return done(undefined, undefined)
    Folder.names(opened, (names) => {
      if ("_tag" in names) {
        closeFolder(opened)
        return done(undefined, undefined)
      }
      const same = names
        .filter(({ kind: is, name }) => is !== "folder" && Kind.ofName(name) === kind)
        .map(({ name }) => ({ name, key: NaturalOrder.key(name) }))
        .sort((a, b) => (a.key < b.key || (a.key === b.key && a.name < b.name) ? -1 : 1))
      const at = same.findIndex(({ name }) => name === own)
      // Some names cannot be opened; the nearest few are looked at.
      const before = at < 0 ? [] : same.slice(Math.max(0, at - 4), at).reverse()
      const after = at < 0 ? [] : same.slice(at + 1, at + 5)
      const near = [...before, ...after].map(({ name }) => name)
      Folder.look(
        shared.root,
        shared.hidden,
        opened,
        near,
        () => false,
        (entries) => {
          closeFolder(opened)
          const there = new Set(entries.flatMap(({ folder, name }) => (folder ? [] : [name])))
          const first = (list: ReadonlyArray<{ readonly name: ByteName }>) =>
            list.find(({ name }) => there.has(name))?.name
          done(first(before), first(after))
        },
      )
    })
  })
}

/** Sends the page that shows a file, and closes the file. */
export const sendView = (
  shared: Shared,
  visit: Visit,
  segments: ReadonlyArray<ByteName>,
  { handle, stats }: Root.OpenFile,
): void => {
  const name = segments.at(-1) as ByteName
  const kind = isMarkdown(name) ? "markdown" : Kind.ofName(name)
  const size = Number(stats.size)

  const send = (text: Html.Html | undefined, excuse: string | undefined): void => {
    Root.close(handle)
    neighboursOf(shared, segments, kind, (previous, next) => {
      if (visit.isCancelled()) return
      const page = ViewPage.render({
        segments,
        kind,
        size,
        previous,
        next,
        text,
        excuse,
        address: PageAddress.of(visit.head),
      })
      const policy = ViewPage.hasScript(kind) ? Page.filesPolicy : Page.textPolicy
      visit.sendBytes(Html.toBytes(page), pageHeaders(policy))
    })
  }

  if (!Kind.isViewable(kind)) return send(undefined, "Files of this kind cannot be shown here.")
  if (!Kind.isText(kind)) return send(undefined, undefined)
  if (size > Render.maxSize) return send(undefined, "This file is too large to be shown here.")
  FileBody.readAll(handle, 0, size, (error, bytes) => {
    const text = error === undefined && bytes !== undefined ? textOf(bytes) : undefined
    if (text === undefined) return send(undefined, "This file is no text.")
    renderText(shared, name, text, (rendered) => send(rendered, undefined))
  })
}

const formats = { zip: Zip.format, tar: Tar.format }

/** Sends all of a folder as an archive. */
export const sendArchive = (
  { hidden, root }: Shared,
  visit: Visit,
  segments: ReadonlyArray<ByteName>,
  form: "zip" | "tar",
): void => {
  const format = formats[form]
  const name = segments.at(-1) ?? "files"
  const send = (items: ReadonlyArray<Archive.Found>): void => {
    const archive = Archive.make(root, format, items)
    const headers: Headers.HeaderList = [
      ["Content-Type", format.type],
      ["Content-Length", String(archive.body.length)],
      ["Content-Disposition", Disposition.attachment(name + fromText(`.${format.extension}`))],
      ["Cache-Control", "no-cache"],
      ["X-Content-Type-Options", "nosniff"],
    ]
    visit.hold(archive)
    visit.respond({ status: 200, headers }, visit.method === "HEAD" ? Body.empty : archive.body)
  }
  Archive.find(root, hidden, segments, name, visit.isCancelled).then(
    (items) => {
      if (visit.isCancelled()) return
      if ("_tag" in items) return visit.refuse(items)
      send(items)
    },
    (error: NodeJS.ErrnoException) => visit.refuse(Root.notOpen(error)),
  )
}
