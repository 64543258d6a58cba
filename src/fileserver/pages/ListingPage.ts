/**
 * The page of a folder: a table, or a grid of pictures. Order, filter and page
 * number are in the address.
 */
import * as Assets from "../../web/Assets.ts"
import * as Format from "../../web/Format.ts"
import { type Html, html } from "../../web/Html.ts"
import { page } from "../../web/Page.ts"
import * as Query from "../http/Query.ts"
import type { Listing } from "../listing/Listing.ts"
import * as ByteName from "../names/ByteName.ts"
import * as EntryLinks from "../parts/EntryLinks.ts"
import { icon, labelled, symbols } from "../parts/Icons.ts"
import * as PageLinks from "../parts/PageLinks.ts"
import { pathLinks, topOf, up } from "../parts/PathLinks.ts"
import * as Text from "../parts/Text.ts"
import type { Entry } from "../root/Folder.ts"
import * as FileTypes from "../types/FileTypes.ts"
import * as Kind from "../types/Kind.ts"
import type { Site } from "./Site.ts"
import type { FolderSlots } from "./Slots.ts"
import { canChoose, toolbar } from "./Toolbar.ts"

const text = Text.listing

/** Entries on one page of the table. */
export const tableSize = 1_000
/** Entries on one page of the grid. */
export const gridSize = 200

/** What a page shows besides the entries. */
export interface Extras {
  readonly site: Pick<Site, "archives" | "depth" | "notice" | "shares" | "title">
  /** The address of the page, for its QR code and for previews of links to it. */
  readonly address: string | undefined
  /** A rendered README. */
  readonly readme: Html | undefined
  readonly slots: FolderSlots
  readonly reader: EntryLinks.Reader
  /** Whether there may be a thumbnail of a file of this kind. */
  readonly hasThumb: (kind: Kind.Kind) => boolean
}

const sourceLink = (href: string, name: string): Html =>
  html`<a class="source" href="${href}?view" rel="nofollow" aria-label="${text.viewSource(name)}"></a>`

/** What the entries of a page have in common. */
interface EntryParts {
  readonly linksOf: (entry: Entry) => EntryLinks.EntryLinks
  readonly slots: FolderSlots
  readonly choose: boolean
  readonly hasThumb: (kind: Kind.Kind) => boolean
}

const box = (entry: Entry, name: string): Html =>
  html`<input type="checkbox" name="entry" value="${ByteName.toUrl(entry.name)}" form="page.chosen" aria-label="${text.chooseEntry(name)}">`

const typeCells = new Map(
  (Object.keys(Kind.kinds) as ReadonlyArray<Kind.Kind>).map((kind) => [
    kind,
    html`<td class="type">${labelled(kind)}</td>`,
  ]),
)

/** The row of an entry in the table. Few templates, since a page has a thousand rows. */
const row = (entry: Entry, { choose, linksOf, slots }: EntryParts): Html => {
  const { href, kind, other, target } = linksOf(entry)
  const name = ByteName.toDisplay(entry.name)
  const pick = choose ? html`<td class="pick">${box(entry, name)}</td>` : undefined
  const type = typeCells.get(kind)
  const time = Format.minute(entry.modified)
  const actions = slots.row(entry)
  if (entry.folder) {
    return html`<tr data-name="${name}">${pick}${type}<td><a class="folder" href="${target}"><bdi>${name}</bdi>/</a></td><td class="number"></td><td class="time">${time}</td><td class="act">${actions}</td></tr>
`
  }
  const size = Format.bytes(entry.size)
  return other === "download"
    ? html`<tr data-name="${name}">${pick}${type}<td><a href="${target}"><bdi>${name}</bdi></a></td><td class="number" title="${text.bytes(entry.size)}">${size}</td><td class="time">${time}</td><td class="act">${actions}<a class="download" href="${href}" download aria-label="${text.download(name)}"></a></td></tr>
`
    : html`<tr data-name="${name}">${pick}${type}<td><a href="${target}"><bdi>${name}</bdi></a></td><td class="number" title="${text.bytes(entry.size)}">${size}</td><td class="time">${time}</td><td class="act">${actions}${other && sourceLink(href, name)}</td></tr>
`
}

/** How many tiles the first window shows at least: their images are loaded with the page. */
const firstTiles = 12

/** The tile of an entry in the grid. An icon stands in for a picture that the browser cannot show. */
const tile = (entry: Entry, position: number, { choose, hasThumb, linksOf }: EntryParts): Html => {
  const { href, kind, target } = linksOf(entry)
  const name = ByteName.toDisplay(entry.name)
  const version = Math.trunc(entry.modified).toString(36)
  // A film takes longer than an image, so that the page would seem to be loading.
  const loading = kind === "image" && position < firstTiles ? "eager" : "lazy"
  const picture = hasThumb(kind)
    ? html`<img src="${href}?thumb=320&amp;v=${version}" alt="" loading="${loading}" decoding="async" width="160" height="160"><span class="tile" data-instead hidden>${icon(kind)}</span>`
    : html`<span class="tile">${icon(kind)}</span>`
  const pick = choose ? html`<span class="pick">${box(entry, name)}</span>` : undefined
  const size = entry.folder ? Kind.kinds.folder.label : Format.bytes(entry.size)
  return html`<li data-name="${name}"><a href="${target}" class="tile-link" title="${name}">${picture}<span class="unseen">${Kind.kinds[kind].label} </span><span class="name"><bdi>${name}</bdi>${entry.folder ? "/" : ""}</span><span class="detail">${size}</span></a>${pick}</li>
`
}

const columnClasses: Readonly<Record<Query.Column, string>> = {
  name: "name",
  type: "type",
  size: "number",
  time: "time",
}

const directions = {
  asc: { arrow: "▲", label: "ascending" },
  desc: { arrow: "▼", label: "descending" },
} as const

/** The zone of times, until the script shows the visitor's. */
const zoneOf = (column: Query.Column): Html | undefined =>
  column === "time" ? html`<span data-zone>${text.zone}</span>` : undefined

/** A link that sorts by a column; the column of the current order is sorted the other way. */
const sortLink = (column: Query.Column, query: Query.Query): Html => {
  const isSorted = query.sort === column
  const order = isSorted && query.order === "asc" ? "desc" : "asc"
  const href = Query.toHref({ ...query, sort: column, order, page: 1 })
  const arrow = isSorted
    ? html` <span aria-hidden="true">${directions[query.order].arrow}</span>`
    : undefined
  return html`<a href="${href}" rel="nofollow">${text.columns[column]}${zoneOf(column)}${arrow}</a>`
}

/** The heading of a column of the table. */
const columnHeading = (
  column: Query.Column,
  query: Query.Query,
  reader: EntryLinks.Reader,
): Html => {
  const heading =
    reader === "browser" ? sortLink(column, query) : html`${text.columns[column]}${zoneOf(column)}`
  return query.sort === column
    ? html`<th scope="col" class="${columnClasses[column]}" aria-sort="${directions[query.order].label}">${heading}</th>`
    : html`<th scope="col" class="${columnClasses[column]}">${heading}</th>`
}

const summary = (listing: Listing, query: Query.Query): string => {
  const { count, folders, page, pages, total } = listing
  const pageSize = query.grid ? gridSize : tableSize
  const files = count - folders
  const parts = [
    folders > 0 ? text.folders(folders) : "",
    files > 0 || folders === 0 ? text.files(files) : "",
    listing.size === undefined || files === 0 ? "" : Format.bytes(listing.size),
  ].filter((part) => part !== "")
  const ofTotal = query.filter === "" ? "" : text.ofTotal(total)
  const range =
    pages === 1 ? "" : text.onThisPage((page - 1) * pageSize + 1, Math.min(page * pageSize, count))
  return `${parts.join(", ")}${ofTotal}${range}`
}

/** Links to the first, the last and the nearest pages. */
const pageLinks = (listing: Listing, query: Query.Query): PageLinks.PageLinks | undefined => {
  const { page: current, pages } = listing
  if (pages === 1) return undefined
  const near = new Set([1, pages, current - 2, current - 1, current, current + 1, current + 2])
  const numbers = [...near].filter((n) => n >= 1 && n <= pages).sort((a, b) => a - b)
  const href = (n: number): string => Query.toHref({ ...query, page: n })
  const items = numbers.flatMap((page, index) => [
    ...(index > 0 && page > (numbers[index - 1] as number) + 1
      ? [html`<li><span>…</span></li>`]
      : []),
    page === current
      ? html`<li><span aria-current="page">${page}</span></li>`
      : html`<li><a href="${href(page)}" aria-label="${text.page(page)}">${page}</a></li>`,
  ])
  const previous =
    current > 1
      ? html`<li><a rel="prev" href="${href(current - 1)}">${text.previous}</a></li>`
      : undefined
  const next =
    current < pages
      ? html`<li><a rel="next" href="${href(current + 1)}">${text.next}</a></li>`
      : undefined
  return PageLinks.make(html`${previous}${items}${next}`)
}

const table = (
  name: string,
  listing: Listing,
  query: Query.Query,
  parts: EntryParts & { readonly hasParent: boolean; readonly reader: EntryLinks.Reader },
): Html => {
  const { choose, hasParent, reader, slots } = parts
  const pick = choose ? html`<td class="pick"></td>` : undefined
  const parent = hasParent
    ? html`<tr>${pick}<td class="type">${labelled("folder")}</td><td><a class="folder" href="../${Query.sameForm(query)}" rel="up">${text.parent}</a></td><td class="number"></td><td class="time"></td><td class="act"></td></tr>
`
    : undefined
  const heading = (column: Query.Column): Html => columnHeading(column, query, reader)
  const actions = slots.hasRowActions ? "act" : "act few"
  return html`<table class="files">
<caption class="unseen">${name}</caption>
<thead><tr>${choose ? html`<th scope="col" class="pick"><span class="unseen">${text.choose}</span></th>` : undefined}${heading("type")}${heading("name")}${heading("size")}${heading("time")}<th scope="col" class="${actions}"><span class="unseen">${text.actions}</span></th></tr></thead>
<tbody>
${parent}${listing.entries.map((entry) => row(entry, parts))}</tbody>
</table>`
}

const grid = (
  listing: Listing,
  query: Query.Query,
  parts: EntryParts & { readonly hasParent: boolean },
): Html => {
  const parent = parts.hasParent
    ? html`<p class="up"><a href="../${Query.sameForm(query)}" rel="up">${icon("folder")}${text.parent}</a></p>
`
    : undefined
  return html`${parent}<ul class="grid">${listing.entries.map((entry, position) => tile(entry, position, parts))}</ul>`
}

/** What stands in place of entries. */
const emptyNotice = ({ entries, total }: Listing, takesUploads: boolean): Html | undefined => {
  if (entries.length > 0) return undefined
  const hint =
    total === 0 && takesUploads
      ? html`<p class="faint">${text.emptyHint}<span data-script hidden> ${text.emptyDropHint}</span></p>`
      : undefined
  return html`<div class="blank">${icon("folder")}<p>${total === 0 ? text.empty : text.noMatch}</p>${hint}</div>`
}

/** The address of a picture for previews of links to this page. */
const previewImage = ({ entries }: Listing, address: string | undefined): string | undefined => {
  if (address === undefined) return undefined
  const picture = entries.find((entry) => FileTypes.kindOfEntry(entry) === "image")
  return picture === undefined
    ? undefined
    : new URL(`${ByteName.toUrl(picture.name)}?thumb=640`, address).href
}

/** The page of the folder at `files/` and the given segments below it. */
export const render = (
  segments: ReadonlyArray<ByteName.ByteName>,
  listing: Listing,
  query: Query.Query,
  extras: Extras,
): Html => {
  const { address, readme, reader, site, slots } = extras
  const { archives, depth, notice, shares, title } = site
  const last = segments.at(-1)
  const name = last === undefined ? title : ByteName.toDisplay(last)
  const usedKinds = new Set(listing.entries.map(FileTypes.kindOfEntry)).add("folder")
  const parts = {
    hasParent: segments.length > 0,
    reader,
    linksOf: EntryLinks.make(query, reader),
    slots,
    choose: query.choose && canChoose(archives, slots) && reader === "browser",
    hasThumb: extras.hasThumb,
  }
  const links = pageLinks(listing, query)
  const isWhole = listing.pages === 1 && query.filter === ""
  const counted = summary(listing, query)
  return page({
    title: last === undefined ? title : `${name} · ${title}`,
    top: topOf(segments.length, depth),
    home: up(segments.length),
    heading: pathLinks({ title, segments, folder: true, query }),
    script: Assets.script,
    isFolder: true,
    preview: {
      site: title,
      description: counted,
      image: usedKinds.has("image") ? previewImage(listing, address) : undefined,
    },
    main: html`<h1 class="unseen">${name}</h1>
${reader === "browser" ? toolbar({ query, slots, address, archives, shares, hasSounds: usedKinds.has("audio"), hasFolders: listing.folders > 0 }) : slots.toolbar}
${notice}<p id="page.summary" role="status">${counted}</p>
<div id="page.listing" data-whole="${isWhole ? "yes" : "no"}">
${symbols(usedKinds)}
${links?.above}${query.grid ? grid(listing, query, parts) : table(name, listing, query, parts)}
${emptyNotice(listing, slots.toolbar !== undefined)}${links?.below}</div>
<div id="page.readme">${readme === undefined ? undefined : html`<section class="markdown" aria-label="${text.readme}">${readme}</section>`}</div>`,
  })
}
