/**
 * The result of a search, as a page and as a plain list. Names are searched
 * before the page is sent; texts take longer, so that their page is sent while
 * the search runs.
 */
import * as Assets from "../../web/Assets.ts"
import * as Format from "../../web/Format.ts"
import * as Html from "../../web/Html.ts"
import { page } from "../../web/Page.ts"
import * as Query from "../http/Query.ts"
import * as FolderForm from "../listing/FolderForm.ts"
import * as Search from "../listing/Search.ts"
import * as ByteName from "../names/ByteName.ts"
import * as CaseFolding from "../names/CaseFolding.ts"
import * as EntryLinks from "../parts/EntryLinks.ts"
import * as Icons from "../parts/Icons.ts"
import * as PageLinks from "../parts/PageLinks.ts"
import { pathLinks, topOf, up } from "../parts/PathLinks.ts"
import * as Text from "../parts/Text.ts"
import * as FileTypes from "../types/FileTypes.ts"
import * as Kind from "../types/Kind.ts"
import type { Site } from "./Site.ts"

const { html } = Html
const text = Text.search

/** Results on one page. */
const pageSize = 100

/** The text with what was searched for marked, if case folding keeps the places of its characters. */
const marked = (shownText: string, searchText: string): Html.Html => {
  const [folded, sought] = [CaseFolding.fold(shownText), CaseFolding.fold(searchText)]
  const at = sought === "" || folded.length !== shownText.length ? -1 : folded.indexOf(sought)
  return at < 0
    ? html`${shownText}`
    : html`${shownText.slice(0, at)}<mark>${shownText.slice(at, at + sought.length)}</mark>${shownText.slice(at + sought.length)}`
}

const row = (
  hit: Search.Hit,
  searchText: string,
  linksOf: ReturnType<typeof EntryLinks.make>,
): Html.Html => {
  const { entry, match } = hit
  const { href, kind, target: nameTarget } = linksOf(entry)
  const target = Search.href(hit) + nameTarget.slice(href.length)
  const path = ByteName.toDisplay(Search.pathOf(hit))
  const line = match === undefined ? "" : `#L${match.line}`
  const excerpt =
    match === undefined
      ? undefined
      : html`<small>${text.line(match.line)}: ${marked(match.excerpt, searchText)}</small>`
  return html`<tr data-name="${path}"><td class="type">${Icons.labelled(kind)}</td><td><a href="./${target}${line}"><bdi>${marked(path, searchText)}</bdi>${entry.folder ? "/" : ""}</a>${excerpt}</td><td class="number">${entry.folder ? "" : Format.bytes(entry.size)}</td><td class="time">${Format.minute(entry.modified)}</td></tr>
`
}

const option = (value: string, label: string, current: string): Html.Html =>
  value === current
    ? html`<option value="${value}" selected>${label}</option>`
    : html`<option value="${value}">${label}</option>`

const form = (
  query: Query.Query,
): Html.Html => html`<form class="toolbar filter" role="search" method="get" action="./">
<a class="button" rel="up" href="./" title="${text.back}">${Icons.button.folder}<span class="label">${Text.view.folder}</span></a>
<span class="field">${Icons.button.search}<label class="unseen" for="page.search">${text.label}</label>
<input id="page.search" type="search" name="q" value="${query.search}" required></span>
<label><span class="unseen">${text.kind}</span><select name="kind">${option("", text.allKinds, query.kind)}${Object.entries(Kind.kinds).map(([kind, { label }]) => option(kind, label, query.kind))}</select></label>
<label class="check">${query.inText ? html`<input type="checkbox" name="in" value="text" checked>` : html`<input type="checkbox" name="in" value="text">`} ${text.inText}</label>
<button class="main">${Text.listing.search}</button>
</form>`

const hrefOf = (query: Query.Query, number: number): string => {
  const fields = new URLSearchParams({ q: query.search })
  if (query.kind !== "") fields.set("kind", query.kind)
  if (query.inText) fields.set("in", "text")
  if (number > 1) fields.set("page", String(number))
  return `./?${fields}`
}

/** Which page of the results is shown. */
interface Place {
  readonly current: number
  /** `undefined` while that is not known. */
  readonly pages: number | undefined
  readonly hasNext: boolean
}

const pageLinks = (
  query: Query.Query,
  { current, hasNext, pages }: Place,
): PageLinks.PageLinks | undefined => {
  if (current === 1 && !hasNext) return undefined
  const { next, previous } = Text.listing
  return PageLinks.make(
    html`${
      current > 1
        ? html`<li><a rel="prev nofollow" href="${hrefOf(query, current - 1)}">${previous}</a></li>`
        : undefined
    }<li><span aria-current="page">${text.page(current, pages)}</span></li>${
      hasNext
        ? html`<li><a rel="next nofollow" href="${hrefOf(query, current + 1)}">${next}</a></li>`
        : undefined
    }`,
  )
}

/** What stands in place of results. */
const blank = ({ inText }: Query.Query): Html.Html =>
  html`<div id="page.listing"><div class="blank">${Icons.button.search}<p>${text.none}</p><p class="faint">${inText ? text.noneInTextHint : text.noneHint}</p></div></div>`

/** What the page depends on, besides the result. */
export interface SearchView {
  readonly site: Pick<Site, "depth" | "title">
  /** Of the folder that was searched. */
  readonly segments: ReadonlyArray<ByteName.ByteName>
  readonly query: Query.Query
  readonly reader: EntryLinks.Reader
}

const { columns } = Text.listing
const tableStart = html`<div id="page.listing"><table class="files hits"><caption class="unseen">${text.results}</caption>
<thead><tr><th scope="col" class="type">${columns.type}</th><th scope="col">${columns.name}</th><th scope="col" class="number">${columns.size}</th><th scope="col" class="time">${columns.time}</th></tr></thead>
<tbody>
`
const tableEnd = html`</tbody>
</table></div>`

/** The page around its results. */
const frame = ({ query, segments, site }: SearchView, results: Html.Html): Html.Html => {
  const { depth, title } = site
  const folder = ByteName.toDisplay(segments.at(-1) ?? ByteName.fromText(title))
  const shownText = ByteName.toDisplay(ByteName.fromText(query.search))
  return page({
    title: `${text.title(shownText, folder)}${segments.length === 0 ? "" : ` · ${title}`}`,
    top: topOf(segments.length, depth),
    home: up(segments.length),
    heading: pathLinks({ title, segments, folder: true, query }),
    script: Assets.script,
    main: html`<h1 class="unseen">${text.title(shownText, folder)}</h1>
${form(query)}
${results}`,
  })
}

const summary = (hits: number, { inText }: Query.Query, isCutShort: boolean): string =>
  isCutShort && hits > 0 ? text.matchesAtLeast(hits) : text.matches(hits, inText)

/** The page, when the search has ended. */
export const render = (
  view: SearchView,
  { hits, isCutShort, namesSearched }: Search.Result,
): Html.Html => {
  const { query, reader } = view
  const linksOf = EntryLinks.make(Query.none, reader)
  const pages = reader === "browser" ? Math.max(1, Math.ceil(hits.length / pageSize)) : 1
  const current = Math.min(query.page, pages)
  const listed =
    reader === "browser" ? hits.slice((current - 1) * pageSize, current * pageSize) : hits
  const links = pageLinks(query, { current, pages, hasNext: current < pages })
  const used = new Set(listed.map(({ entry }) => FileTypes.kindOfEntry(entry)))
  return frame(
    view,
    html`${Icons.symbols(used)}
<p id="page.summary" role="status">${summary(hits.length, query, isCutShort)}</p>
${links?.above}${
  hits.length === 0
    ? blank(query)
    : html`${tableStart}${listed.map((hit) => row(hit, query.search, linksOf))}${tableEnd}`
}${links?.below}
${isCutShort ? html`<p class="notice">${text.cutShort(namesSearched)}</p>` : undefined}`,
  )
}

const allKinds = new Set(Object.keys(Kind.kinds) as ReadonlyArray<Kind.Kind>)

/** How many results a page has. */
const sizeFor = (reader: EntryLinks.Reader): number =>
  reader === "browser" ? pageSize : Search.limits.hits

/** How many hits {@link pieces} needs: those up to its page, and one of the next. */
export const hitsFor = ({ query, reader }: SearchView): number =>
  Math.min(query.page * sizeFor(reader) + 1, Search.limits.hits)

/** The page while the search runs. How many pages there are shows only at the end. */
export const pieces = (view: SearchView): Search.Pieces => {
  const { query, reader } = view
  const linksOf = EntryLinks.make(Query.none, reader)
  const size = sizeFor(reader)
  const first = reader === "browser" ? (query.page - 1) * size : 0
  let hits = 0
  // Texts are escaped, so that there is only one such comment.
  const running = html`${Icons.symbols(allKinds)}
<div class="running"><p class="searching" role="status">${text.searching}</p>
<!--results--></div>`
  const [head = "", foot = ""] = Html.toText(frame(view, running)).split("<!--results-->")
  return {
    head,
    hit: (hit) => {
      const place = hits++ - first
      if (place < 0 || place >= size) return ""
      const line = row(hit, query.search, linksOf)
      return Html.toText(place === 0 ? html`${tableStart}${line}` : line)
    },
    tail: ({ isCutShort, namesSearched }) => {
      const hasNext = hits > first + size
      const current = query.page
      const listed = hits > first ? tableEnd : blank(query)
      const count = hasNext ? text.matchesMore(first + size) : summary(hits, query, isCutShort)
      return (
        Html.toText(html`${listed}${pageLinks(query, { current, pages: undefined, hasNext })?.below}
<p id="page.summary" role="status">${count}</p>
${isCutShort && !hasNext ? html`<p class="notice">${text.cutShort(namesSearched)}</p>` : undefined}`) +
        foot
      )
    },
  }
}

/** The list: paths relative to the searched folder, one a line. */
export const plainPieces: Search.Pieces = {
  head: "",
  hit: (hit) => FolderForm.line(Search.pathOf(hit), hit.entry.folder),
  tail: () => "",
}
