/**
 * What a search found, as a page and as a plain list.
 */
import * as Format from "../../web/Format.ts"
import { type Html, html } from "../../web/Html.ts"
import { page } from "../../web/Page.ts"
import * as FolderForm from "../listing/FolderForm.ts"
import * as Search from "../listing/Search.ts"
import * as ByteName from "../names/ByteName.ts"

/**
 * The page.
 *
 * @param segments of the folder that was searched
 * @param text what was looked for
 */
export const render = (
  segments: ReadonlyArray<ByteName.ByteName>,
  text: string,
  found: Search.Found,
): Html => {
  const rows = found.hits.map((hit) => {
    const { entry } = hit
    const path = ByteName.toDisplay(Search.pathOf(hit))
    return html`<tr><td><a href="./${Search.href(hit)}"><bdi>${path}</bdi>${entry.folder ? "/" : ""}</a></td><td class="number">${entry.folder ? "" : Format.bytes(entry.size)}</td></tr>
`
  })
  const name = ByteName.toDisplay(segments.at(-1) ?? "files")
  const shown = ByteName.toDisplay(ByteName.fromText(text))
  const count = `${rows.length} ${rows.length === 1 ? "name has" : "names have"}`
  return page({
    title: `${shown} in ${name}/`,
    top: "../".repeat(segments.length + 1),
    heading: html`<h1><bdi>${shown}</bdi> in <bdi>${name}</bdi>/</h1>`,
    main: html`<p>${count} this text in them. <a href="./">Back to the folder</a></p>
<table>
<thead><tr><th scope="col">Name</th><th scope="col" class="number">Size</th></tr></thead>
<tbody>
${rows}</tbody>
</table>
${found.cut ? html`<p>There may be more: the search was cut short after ${found.looked} names.</p>` : undefined}`,
  })
}

/** The list: paths from the searched folder, one a line. */
export const renderPlain = ({ hits }: Search.Found): string =>
  hits.map((hit) => FolderForm.line(Search.pathOf(hit), hit.entry.folder)).join("")
