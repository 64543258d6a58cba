/**
 * The page of a folder: a table, or a grid of pictures. Order, filter and page
 * number are in the address.
 */
import * as Assets from "../../web/Assets.ts"
import * as Format from "../../web/Format.ts"
import { type Html, html } from "../../web/Html.ts"
import { page } from "../../web/Page.ts"
import * as PageAddress from "../http/PageAddress.ts"
import * as Query from "../http/Query.ts"
import type { Listing } from "../listing/Listing.ts"
import * as ByteName from "../names/ByteName.ts"
import type { Entry } from "../root/Folder.ts"
import * as FileTypes from "../types/FileTypes.ts"
import * as Kind from "../types/Kind.ts"
import * as EntryLinks from "./EntryLinks.ts"
import { icon, symbols } from "./Icons.ts"
import * as Text from "./Text.ts"

const text = Text.listing

/** Entries on one page of the table. */
export const tableSize = 1_000
/** Entries on one page of the grid, which loads each picture in full. */
export const gridSize = 200

/** What a page shows besides the entries. */
export interface Extras {
  /** The address of the page, for its QR code. */
  readonly address: string | undefined
  /** A rendered README. */
  readonly readme: Html | undefined
  /** The upload form's options; `undefined` if files cannot be uploaded to this folder. */
  readonly uploads: { readonly overwrite: boolean } | undefined
  readonly reader: EntryLinks.Reader
}

const up = (levels: number): string => (levels === 0 ? "./" : "../".repeat(levels))

/** The relative address of the top of the site from some levels below `files/`. */
export const topOf = (levels: number): string => up(levels + 1)

/**
 * The path as links; its last part is the page itself.
 *
 * @param segments below the shared folder
 * @param folder whether the page's address ends with a slash
 * @param query of the page; the folders above it are shown in the same form
 */
export const pathLinks = (
  segments: ReadonlyArray<ByteName.ByteName>,
  folder: boolean,
  query: Query.Query,
): Html => {
  const depth = folder ? segments.length : segments.length - 1
  const items = [text.root, ...segments].map((segment, index) => {
    const name = ByteName.toDisplay(segment)
    return index === segments.length
      ? html`<li aria-current="page"><bdi>${name}</bdi></li>`
      : html`<li><a href="${up(depth - index)}${Query.sameForm(query)}"><bdi>${name}</bdi></a></li>`
  })
  return html`<nav aria-label="${text.path}"><ol>${items}</ol></nav>`
}

const otherLink = ({ href, other }: EntryLinks.EntryLinks, name: string): Html | undefined => {
  switch (other) {
    case "download":
      return html` <a class="download" href="${href}" download aria-label="${text.download(name)}"></a>`
    case "source":
      return html` <a class="source" href="${href}?view" rel="nofollow" aria-label="${text.viewSource(name)}"></a>`
    case undefined:
      return undefined
  }
}

type LinksOf = (entry: Entry) => EntryLinks.EntryLinks

/** The row of an entry in the table. */
const row = (entry: Entry, linksOf: LinksOf): Html => {
  const links = linksOf(entry)
  const { kind, target } = links
  const name = ByteName.toDisplay(entry.name)
  const type = html`<tr data-name="${name}"><td class="type">${icon(kind)}<span class="unseen">${Kind.kinds[kind].label}</span></td>`
  const time = html`<td class="time">${Format.minute(entry.modified)}</td></tr>
`
  if (entry.folder) {
    return html`${type}<td><a class="folder" href="${target}"><bdi>${name}</bdi>/</a></td><td class="number"></td>${time}`
  }
  return html`${type}<td><a href="${target}"><bdi>${name}</bdi></a>${otherLink(links, name)}</td><td class="number" title="${text.bytes(entry.size)}">${Format.bytes(entry.size)}</td>${time}`
}

/** The tile of an entry in the grid. An icon stands in for a picture that the browser cannot show. */
const tile = (entry: Entry, linksOf: LinksOf): Html => {
  const { href, kind, target } = linksOf(entry)
  const name = ByteName.toDisplay(entry.name)
  const picture =
    kind === "image"
      ? html`<img src="${href}" alt="" loading="lazy" decoding="async" width="160" height="160"><span class="tile" data-instead hidden>${icon(kind)}</span>`
      : html`<span class="tile">${icon(kind)}</span><span class="unseen">${Kind.kinds[kind].label} </span>`
  return html`<li data-name="${name}"><a href="${target}" title="${name}">${picture}<span class="name"><bdi>${name}</bdi>${entry.folder ? "/" : ""}</span></a></li>
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

/** A link that sorts by a column; the column of the current order is sorted the other way. */
const sortLink = (column: Query.Column, query: Query.Query): Html => {
  const isSorted = query.sort === column
  const order = isSorted && query.order === "asc" ? "desc" : "asc"
  const href = Query.toHref({ ...query, sort: column, order, page: 1 })
  const arrow = isSorted
    ? html` <span aria-hidden="true">${directions[query.order].arrow}</span>`
    : undefined
  return html`<a href="${href}" rel="nofollow">${text.columns[column]}${arrow}</a>`
}

/** The heading of a column of the table. */
const columnHeading = (
  column: Query.Column,
  query: Query.Query,
  reader: EntryLinks.Reader,
): Html => {
  const heading = reader === "browser" ? sortLink(column, query) : html`${text.columns[column]}`
  return query.sort === column
    ? html`<th scope="col" class="${columnClasses[column]}" aria-sort="${directions[query.order].label}">${heading}</th>`
    : html`<th scope="col" class="${columnClasses[column]}">${heading}</th>`
}

/** Links that sort the grid. */
const gridOrder = (query: Query.Query): Html => {
  const items = Query.columns.map((column) =>
    query.sort === column
      ? html`<li aria-current="true">${sortLink(column, query)}<span class="unseen"> ${directions[query.order].label}</span></li>`
      : html`<li>${sortLink(column, query)}</li>`,
  )
  return html`<nav class="order" aria-label="${text.sortBy}"><span aria-hidden="true">${text.sortBy}</span> <ul>${items}</ul></nav>`
}

const summary = (listing: Listing, query: Query.Query): string => {
  const { count, folders, page, pages, total } = listing
  const pageSize = query.grid ? gridSize : tableSize
  const files = count - folders
  const parts = [
    folders > 0 ? text.folders(folders) : "",
    files > 0 || folders === 0 ? text.files(files) : "",
    listing.size === undefined ? "" : Format.bytes(listing.size),
  ].filter((part) => part !== "")
  const ofTotal = query.filter === "" ? "" : text.ofTotal(total)
  const range =
    pages === 1 ? "" : text.onThisPage((page - 1) * pageSize + 1, Math.min(page * pageSize, count))
  return `${parts.join(", ")}${ofTotal}${range}`
}

/** Links to the first, the last and the nearest pages. */
const pageLinks = (listing: Listing, query: Query.Query): Html | undefined => {
  const { page: current, pages } = listing
  if (pages === 1) return undefined
  const near = new Set([1, pages, current - 2, current - 1, current, current + 1, current + 2])
  const numbers = [...near].filter((n) => n >= 1 && n <= pages).sort((a, b) => a - b)
  const href = (n: number): string => Query.toHref({ ...query, page: n })
  const items = numbers.flatMap((n, i) => [
    ...(i > 0 && n > (numbers[i - 1] as number) + 1 ? [html`<li><span>…</span></li>`] : []),
    n === current
      ? html`<li><span aria-current="page">${n}</span></li>`
      : html`<li><a href="${href(n)}" aria-label="${text.page(n)}">${n}</a></li>`,
  ])
  const previous =
    current > 1
      ? html`<li><a rel="prev" href="${href(current - 1)}">${text.previous}</a></li>`
      : undefined
  const next =
    current < pages
      ? html`<li><a rel="next" href="${href(current + 1)}">${text.next}</a></li>`
      : undefined
  return html`<nav class="pages" aria-label="${text.pages}"><ol>${previous}${items}${next}</ol></nav>`
}

/** The parameters that forms keep. */
const hiddenFields = (query: Query.Query): ReadonlyArray<Html> => [
  ...(query.grid ? [html`<input type="hidden" name="grid" value="">`] : []),
  ...(query.sort === "name" ? [] : [html`<input type="hidden" name="sort" value="${query.sort}">`]),
  ...(query.order === "asc" ? [] : [html`<input type="hidden" name="order" value="desc">`]),
]

/** The filter and the summary above the entries, and the order of a grid. */
const toolbar = (
  listing: Listing,
  query: Query.Query,
  reader: EntryLinks.Reader,
): Html => html`<div class="bar">
<form class="filter" role="search" aria-label="${text.names}" method="get" action="./">${hiddenFields(query)}
<label class="unseen" for="page.filter">${text.filterByName}</label>
<input id="page.filter" type="search" name="filter" value="${query.filter}" placeholder="${text.filterByName}" autocomplete="off">
<button>${text.filter}</button>
</form>
<p id="page.summary" role="status">${summary(listing, query)}</p>
${query.grid && reader === "browser" ? gridOrder(query) : undefined}
</div>`

const table = (
  name: string,
  listing: Listing,
  query: Query.Query,
  { hasParent, reader }: { readonly hasParent: boolean; readonly reader: EntryLinks.Reader },
): Html => {
  const parent = hasParent
    ? html`<tr><td class="type">${icon("folder")}<span class="unseen">${Kind.kinds.folder.label}</span></td><td><a class="folder" href="../" rel="up">${text.parent}</a></td><td class="number"></td><td class="time"></td></tr>
`
    : undefined
  const linksOf = EntryLinks.make(query, reader)
  const heading = (column: Query.Column): Html => columnHeading(column, query, reader)
  return html`<table>
<caption class="unseen">${name}</caption>
<thead><tr>${heading("type")}${heading("name")}${heading("size")}${heading("time")}</tr></thead>
<tbody>
${parent}${listing.entries.map((entry) => row(entry, linksOf))}</tbody>
</table>`
}

const grid = (
  listing: Listing,
  query: Query.Query,
  { hasParent, reader }: { readonly hasParent: boolean; readonly reader: EntryLinks.Reader },
): Html => {
  const parent = hasParent
    ? html`<li><a href="../${Query.sameForm(query)}" rel="up"><span class="tile">${icon("folder")}</span><span class="name">${text.parent}</span></a></li>
`
    : undefined
  const linksOf = EntryLinks.make(query, reader)
  return html`<ul class="grid">${parent}${listing.entries.map((entry) => tile(entry, linksOf))}</ul>`
}

const emptyNotice = ({ entries, total }: Listing): Html | undefined =>
  entries.length > 0
    ? undefined
    : html`<p class="empty">${total === 0 ? text.empty : text.noMatch}</p>`

const searchForm = html`<form class="search" role="search" aria-label="${text.foldersBelow}" method="get" action="./">
<label class="unseen" for="page.search">${text.searchLabel}</label>
<input id="page.search" type="search" name="q" placeholder="${text.searchPlaceholder}" required>
<button>${text.search}</button>
</form>`

/**
 * Below the entries: the other view, archives, the QR code. The former are
 * behind buttons, since crawlers follow every link.
 */
const tools = (query: Query.Query, address: string | undefined): Html => {
  const otherView = query.grid
    ? html`<button>${text.showTable}</button>`
    : html`<button name="grid" value="">${text.showGrid}</button>`
  const filter =
    query.filter === ""
      ? undefined
      : html`<input type="hidden" name="filter" value="${query.filter}">`
  return html`<nav class="tools" aria-label="${text.tools}">
<form method="get" action="./">${hiddenFields({ ...query, grid: false })}${filter}${otherView}</form>
<form method="get" action="./"><button name="archive" value="zip">${text.downloadZip}</button> <button name="archive" value="tar">${text.downloadTar}</button></form>
${qrCode(address)}
</nav>`
}

/** The QR code of an address, in a disclosure widget. */
export const qrCode = (address: string | undefined): Html | undefined => {
  const code = address === undefined ? undefined : PageAddress.qrCode(address)
  return code === undefined
    ? undefined
    : html`<details class="qr"><summary>${text.qrCode}</summary>${code}<code>${address}</code></details>`
}

const uploadForm = ({
  overwrite,
}: {
  readonly overwrite: boolean
}): Html => html`<section class="upload" aria-labelledby="page.upload">
<h2 id="page.upload">${text.upload}</h2>
<form method="post" action="./" enctype="multipart/form-data" data-overwrite="${overwrite ? "yes" : "no"}">
<label for="page.files">${text.chooseFiles}</label>
<input id="page.files" type="file" name="file" multiple required>
<button>${text.upload}</button>
</form>
<ul aria-live="polite"></ul>
</section>`

/** The page of the folder at `files/` and the given segments below it. */
export const render = (
  segments: ReadonlyArray<ByteName.ByteName>,
  listing: Listing,
  query: Query.Query,
  { address, readme, reader, uploads }: Extras,
): Html => {
  const name = ByteName.toDisplay(segments.at(-1) ?? text.root)
  const usedKinds = new Set(listing.entries.map(FileTypes.kindOfEntry)).add("folder")
  const context = { hasParent: segments.length > 0, reader }
  const links = pageLinks(listing, query)
  const isWhole = listing.pages === 1 && query.filter === ""
  return page({
    title: `${name}/`,
    top: topOf(segments.length),
    heading: pathLinks(segments, true, query),
    script: Assets.script,
    wide: query.grid,
    main: html`<h1 class="unseen">${name}</h1>
${toolbar(listing, query, reader)}
<div id="page.listing" data-whole="${isWhole ? "yes" : "no"}">
${symbols(usedKinds)}
${links}${query.grid ? grid(listing, query, context) : table(name, listing, query, context)}
${emptyNotice(listing)}${links}</div>
${searchForm}
${reader === "browser" ? tools(query, address) : undefined}
${uploads === undefined ? undefined : uploadForm(uploads)}
<div id="page.readme">${readme === undefined ? undefined : html`<section class="markdown" aria-label="${text.readme}">${readme}</section>`}</div>`,
  })
}
