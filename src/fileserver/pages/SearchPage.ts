/**
 * The result of a search, as a page and as a plain list.
 */
import * as Format from "../../web/Format.ts"
import { type Html, html } from "../../web/Html.ts"
import { page } from "../../web/Page.ts"
import * as Query from "../http/Query.ts"
import * as FolderForm from "../listing/FolderForm.ts"
import * as Search from "../listing/Search.ts"
import * as ByteName from "../names/ByteName.ts"
import * as EntryLinks from "./EntryLinks.ts"
import * as Text from "./Text.ts"

const text = Text.search

const row = (hit: Search.Hit, linksOf: ReturnType<typeof EntryLinks.make>): Html => {
  const { entry } = hit
  const { href, target: nameTarget } = linksOf(entry)
  const target = Search.href(hit) + nameTarget.slice(href.length)
  const path = ByteName.toDisplay(Search.pathOf(hit))
  return html`<tr><td><a href="./${target}"><bdi>${path}</bdi>${entry.folder ? "/" : ""}</a></td><td class="number">${entry.folder ? "" : Format.bytes(entry.size)}</td></tr>
`
}

/**
 * The page.
 *
 * @param segments of the folder that was searched
 * @param wanted the text that was searched for
 */
export const render = (
  segments: ReadonlyArray<ByteName.ByteName>,
  wanted: string,
  { hits, isCutShort, namesSearched }: Search.Result,
  reader: EntryLinks.Reader,
): Html => {
  const folder = ByteName.toDisplay(segments.at(-1) ?? Text.listing.root)
  const linksOf = EntryLinks.make(Query.none, reader)
  const shownText = ByteName.toDisplay(ByteName.fromText(wanted))
  return page({
    title: text.title(shownText, folder),
    top: "../".repeat(segments.length + 1),
    heading: html`<h1><bdi>${shownText}</bdi> ${text.in} <bdi>${folder}</bdi>/</h1>`,
    main: html`<p>${text.matches(hits.length)} <a href="./">${text.back}</a></p>
<table>
<thead><tr><th scope="col">${text.name}</th><th scope="col" class="number">${text.size}</th></tr></thead>
<tbody>
${hits.map((hit) => row(hit, linksOf))}</tbody>
</table>
${isCutShort ? html`<p>${text.cutShort(namesSearched)}</p>` : undefined}`,
  })
}

/** The list: paths relative to the searched folder, one a line. */
export const renderPlain = ({ hits }: Search.Result): string =>
  hits.map((hit) => FolderForm.line(Search.pathOf(hit), hit.entry.folder)).join("")
