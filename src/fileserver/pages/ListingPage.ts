/**
 * A folder as a page for people: a table or a grid of pictures, whose order,
 * filter and page are in the address.
 */
import * as Format from "../../web/Format.ts"
import { type Html, html } from "../../web/Html.ts"
import { page } from "../../web/Page.ts"
import * as PageAddress from "../http/PageAddress.ts"
import * as Kind from "../listing/Kind.ts"
import type { Listing } from "../listing/Listing.ts"
import * as PageQuery from "../listing/PageQuery.ts"
import * as ByteName from "../names/ByteName.ts"
import type { Entry } from "../root/Folder.ts"
import { icon, symbols } from "./Icons.ts"

/** Entries on one page of the table. */
export const tableSize = 1_000
/** Entries on one page of the grid, whose pictures are loaded as they are. */
export const gridSize = 200

/** What is shown besides the entries. */
export interface Extras {
  /** The address of the page, for its QR code. */
  readonly address: string | undefined
  /** A rendered README. */
  readonly readme: Html | undefined
  /** Whether files can be uploaded to this folder, and whether over others. */
  readonly uploads: { readonly overwrite: boolean } | undefined
}

const up = (levels: number): string => (levels === 0 ? "./" : "../".repeat(levels))

/** The way to the top of the site from `files/` and some segments below it. */
export const topOf = (levels: number): string => up(levels + 1)

/**
 * The path as links, the last part of it being the page itself.
 *
 * @param segments below the served folder
 * @param folder whether the page's address ends with a slash
 */
export const trail = (segments: ReadonlyArray<ByteName.ByteName>, folder: boolean): Html => {
  const depth = folder ? segments.length : segments.length - 1
  const items = ["files", ...segments].map((segment, index) => {
    const name = ByteName.toDisplay(segment)
    return index === segments.length
      ? html`<li aria-current="page"><bdi>${name}</bdi></li>`
      : html`<li><a href="${up(depth - index)}"><bdi>${name}</bdi></a></li>`
  })
  return html`<nav aria-label="Path"><ol>${items}</ol></nav>`
}

const link = (entry: Entry): string => ByteName.toUrl(entry.name) + (entry.folder ? "/" : "")

/** The row of the table that shows an entry. */
export const row = (entry: Entry): Html => {
  const kind = Kind.of(entry)
  const name = ByteName.toDisplay(entry.name)
  const href = link(entry)
  const type = html`<tr data-name="${name}"><td class="type">${icon(kind)}<span class="unseen">${Kind.labels[kind]}</span></td>`
  const time = html`<td class="time">${Format.minute(entry.modified)}</td></tr>
`
  if (entry.folder) {
    return html`${type}<td><a class="folder" href="${href}"><bdi>${name}</bdi>/</a></td><td class="number"></td>${time}`
  }
  const view = Kind.isViewable(kind)
    ? html` <a class="view" href="${href}?view" aria-label="View ${name}">View</a>`
    : undefined
  return html`${type}<td><a href="${href}"><bdi>${name}</bdi></a>${view}</td><td class="number" title="${entry.size} bytes">${Format.bytes(entry.size)}</td>${time}`
}

/** The tile of the grid that shows an entry. */
export const tile = (entry: Entry): Html => {
  const kind = Kind.of(entry)
  const name = ByteName.toDisplay(entry.name)
  const href = Kind.isViewable(kind) ? `${link(entry)}?view` : link(entry)
  const picture =
    kind === "image"
      ? html`<img src="${link(entry)}" alt="" loading="lazy" decoding="async" width="160" height="160">`
      : html`<span class="tile">${icon(kind)}</span><span class="unseen">${Kind.labels[kind]} </span>`
  return html`<li data-name="${name}"><a href="${href}">${picture}<span class="name"><bdi>${name}</bdi>${entry.folder ? "/" : ""}</span></a></li>
`
}

const titles: Readonly<Record<PageQuery.Column, string>> = {
  name: "Name",
  type: "Type",
  size: "Size",
  time: "Changed (UTC)",
}

const header = (column: PageQuery.Column, query: PageQuery.PageQuery): Html => {
  const sorted = query.sort === column
  const order = sorted && query.order === "asc" ? "desc" : "asc"
  const href = PageQuery.toHref({ ...query, sort: column, order, page: 1 })
  const classes = { name: "name", type: "type", size: "number", time: "time" }[column]
  const mark = sorted
    ? html` <span aria-hidden="true">${query.order === "asc" ? "▲" : "▼"}</span>`
    : undefined
  const text = html`<a href="${href}">${titles[column]}${mark}</a>`
  return sorted
    ? html`<th scope="col" class="${classes}" aria-sort="${query.order === "asc" ? "ascending" : "descending"}">${text}</th>`
    : html`<th scope="col" class="${classes}">${text}</th>`
}

const plural = (count: number, one: string, many: string): string =>
  `${count.toLocaleString("en")} ${count === 1 ? one : many}`

const summary = (listing: Listing, query: PageQuery.PageQuery, size: number): string => {
  const { count, folders, page, pages, total } = listing
  const files = count - folders
  const parts = [
    folders > 0 ? plural(folders, "folder", "folders") : "",
    files > 0 || folders === 0 ? plural(files, "file", "files") : "",
    listing.size === undefined ? "" : Format.bytes(listing.size),
  ].filter((part) => part !== "")
  const of = query.filter === "" ? "" : ` (of ${total.toLocaleString("en")})`
  const first = (page - 1) * size + 1
  const shown =
    pages === 1
      ? ""
      : `; ${first.toLocaleString("en")} to ${Math.min(page * size, count).toLocaleString("en")} are on this page`
  return `${parts.join(", ")}${of}${shown}`
}

const pager = (listing: Listing, query: PageQuery.PageQuery): Html | undefined => {
  const { page: current, pages } = listing
  if (pages === 1) return undefined
  const near = new Set([1, pages, current - 2, current - 1, current, current + 1, current + 2])
  const numbers = [...near].filter((n) => n >= 1 && n <= pages).sort((a, b) => a - b)
  const href = (n: number): string => PageQuery.toHref({ ...query, page: n })
  const items = numbers.flatMap((n, i) => [
    ...(i > 0 && n > (numbers[i - 1] as number) + 1 ? [html`<li><span>…</span></li>`] : []),
    n === current
      ? html`<li><span aria-current="page">${n}</span></li>`
      : html`<li><a href="${href(n)}" aria-label="Page ${n}">${n}</a></li>`,
  ])
  const before =
    current > 1 ? html`<li><a rel="prev" href="${href(current - 1)}">Previous</a></li>` : undefined
  const after =
    current < pages ? html`<li><a rel="next" href="${href(current + 1)}">Next</a></li>` : undefined
  return html`<nav class="pages" aria-label="Pages"><ol>${before}${items}${after}</ol></nav>`
}

const hiddenFields = (query: PageQuery.PageQuery): ReadonlyArray<Html> => [
  ...(query.grid ? [html`<input type="hidden" name="grid" value="">`] : []),
  ...(query.sort === "name" ? [] : [html`<input type="hidden" name="sort" value="${query.sort}">`]),
  ...(query.order === "asc" ? [] : [html`<input type="hidden" name="order" value="desc">`]),
]

const uploadForm = ({
  overwrite,
}: {
  readonly overwrite: boolean
}): Html => html`<section class="upload" aria-labelledby="upload">
<h2 id="upload">Upload</h2>
<form method="post" action="./" enctype="multipart/form-data" data-overwrite="${overwrite ? "yes" : "no"}">
<label for="upload-files">Choose files, or drop them on this page:</label>
<input id="upload-files" type="file" name="file" multiple required>
<button>Upload</button>
</form>
<ul aria-live="polite"></ul>
</section>`

/** The QR code of an address, to be unfolded. */
export const qr = (address: string | undefined): Html | undefined => {
  const code = address === undefined ? undefined : PageAddress.qrCode(address)
  return code === undefined
    ? undefined
    : html`<details class="qr"><summary>QR code</summary>${code}<code>${address}</code></details>`
}

/**
 * The page of a folder at `files/` and the given segments below it.
 *
 * @param rows made by {@link row}, or by {@link tile} for a grid
 */
export const render = (
  segments: ReadonlyArray<ByteName.ByteName>,
  listing: Listing,
  query: PageQuery.PageQuery,
  rows: ReadonlyArray<Html>,
  extras: Extras,
): Html => {
  const name = ByteName.toDisplay(segments.at(-1) ?? "files")
  const kinds = new Set(listing.entries.map(Kind.of)).add("folder")
  const none =
    rows.length > 0
      ? undefined
      : html`<p class="empty">${listing.total === 0 ? "This folder is empty." : "No name has this text in it."}</p>`
  const parent =
    segments.length === 0
      ? undefined
      : query.grid
        ? html`<li><a href="../" rel="up"><span class="tile">${icon("folder")}</span><span class="name">Parent folder</span></a></li>
`
        : html`<tr><td class="type">${icon("folder")}<span class="unseen">Folder</span></td><td><a class="folder" href="../" rel="up">Parent folder</a></td><td class="number"></td><td class="time"></td></tr>
`
  const entries = query.grid
    ? html`<ul class="grid">${parent}${rows}</ul>`
    : html`<table>
<caption class="unseen">${name}</caption>
<thead><tr>${header("type", query)}${header("name", query)}${header("size", query)}${header("time", query)}</tr></thead>
<tbody>
${parent}${rows}</tbody>
</table>`
  const pages = pager(listing, query)
  const other = PageQuery.toHref({ ...query, page: 1, grid: !query.grid })
  return page({
    title: `${name}/`,
    top: topOf(segments.length),
    heading: trail(segments, true),
    script: true,
    wide: query.grid,
    main: html`${symbols(kinds)}
<h1 class="unseen">${name}</h1>
<div class="bar">
<form class="filter" role="search" aria-label="Names" method="get" action="./" data-whole="${listing.pages === 1 && query.filter === "" ? "yes" : "no"}">${hiddenFields(query)}
<label class="unseen" for="filter">Filter by name</label>
<input id="filter" type="search" name="filter" value="${query.filter}" placeholder="Filter by name" autocomplete="off">
<button>Filter</button>
</form>
<p id="summary" role="status">${summary(listing, query, query.grid ? gridSize : tableSize)}</p>
</div>
<div id="listing">
${pages}${entries}
${none}${pages}</div>
<form class="search" role="search" aria-label="Folders below" method="get" action="./">
<label class="unseen" for="search">Search this folder and those below it</label>
<input id="search" type="search" name="q" placeholder="Search all folders below" required>
<button>Search</button>
</form>
<nav class="tools" aria-label="This folder">
<a href="${other}">${query.grid ? "Show as a table" : "Show as a grid"}</a>
<a href="./?archive=zip" download>Download all as .zip</a>
<a href="./?archive=tar" download>.tar</a>
${qr(extras.address)}
</nav>
${extras.uploads === undefined ? undefined : uploadForm(extras.uploads)}
${extras.readme === undefined ? undefined : html`<section class="markdown" aria-label="README">${extras.readme}</section>`}`,
  })
}
