/**
 * What is in a file, as markup: text with line numbers, a document, a table, or
 * why nothing is shown.
 */
import { type Html, html } from "../../web/Html.ts"
import * as PageLinks from "../parts/PageLinks.ts"
import * as Text from "../parts/Text.ts"
import type { Table } from "./Separated.ts"

const text = Text.view

/** Which part of a long file is shown. */
export interface Part {
  /** From 1. */
  readonly number: number
  readonly parts: number
}

/** See the head of this file. */
export type Content =
  | { readonly _tag: "Notice"; readonly notice: string }
  | {
      readonly _tag: "Lines"
      readonly rendered: Html
      readonly count: number
      /** Shown above the text. */
      readonly warning: string | undefined
      readonly part: Part | undefined
      /** Whether the text is not that of the file, byte for byte, but easier to read. */
      readonly isArranged: boolean
    }
  | { readonly _tag: "Document"; readonly rendered: Html }
  | { readonly _tag: "Table"; readonly table: Table }

/** The most lines that have a number, each of which is a link. */
const maxNumbers = 20_000

const numbers = (count: number): ReadonlyArray<Html> =>
  Array.from({ length: count }, (_, i) => {
    const n = i + 1
    return html`<a id="L${n}" href="#L${n}" tabindex="-1">${n}</a>`
  })

const partLinks = ({ number, parts }: Part): PageLinks.PageLinks => {
  const link = (n: number, label: string, rel: string): Html =>
    html`<li><a rel="${rel} nofollow" href="?view&amp;part=${n}">${label}</a></li>`
  return PageLinks.make(
    html`${
      number > 1
        ? html`${link(1, text.firstPart, "first")}${link(number - 1, text.previousPart, "prev")}`
        : undefined
    }<li><span aria-current="page">${text.part(number, parts)}</span></li>${
      number < parts
        ? html`${link(number + 1, text.nextPart, "next")}${link(parts, text.lastPart, "last")}`
        : undefined
    }`,
  )
}

/** The notice that the file itself looks otherwise. */
const arrangedNotice = html`<p class="faint">${text.arranged} <a href="?view&amp;as=text" rel="nofollow">${text.asText}</a></p>`

const table = ({ columns, isCutShort, rows }: Table): Html => html`${arrangedNotice}
<div class="data-table" tabindex="0" role="region" aria-label="${text.table}"><table>
<thead><tr><th scope="col">${text.row}</th>${columns.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${rows.map((cells, i) => html`<tr><th scope="row">${i + 1}</th>${columns.map((_, column) => html`<td>${cells[column] ?? ""}</td>`)}</tr>\n`)}</tbody>
</table></div>
${isCutShort ? html`<p class="notice">${text.tableCutShort}</p>` : undefined}`

/** The markup. */
export const render = (content: Content, href: string): Html => {
  switch (content._tag) {
    case "Notice":
      return html`<p class="empty">${content.notice}</p>
<p><a class="button" href="${href}" download>${Text.listing.downloadMenu}</a></p>`
    case "Document":
      return html`<article class="markdown">${content.rendered}</article>`
    case "Table":
      return table(content.table)
    case "Lines": {
      const { count, isArranged, part, rendered, warning } = content
      const links = part && partLinks(part)
      const hasNumbers = count <= maxNumbers && (part === undefined || part.number === 1)
      return html`${warning && html`<p class="notice bad">${warning}</p>`}${isArranged ? arrangedNotice : undefined}${links?.above}
<div class="lines"><div class="line-numbers">${hasNumbers ? numbers(count) : undefined}</div><pre tabindex="0"><code id="page.text">${rendered}</code></pre></div>${links?.below}`
    }
  }
}
