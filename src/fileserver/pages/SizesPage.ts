/**
 * The sizes of the folders in a folder as a page, which is sent while they are
 * counted. The name of each leads to the same page of it.
 */
import * as Assets from "../../web/Assets.ts"
import * as Format from "../../web/Format.ts"
import * as Html from "../../web/Html.ts"
import { page } from "../../web/Page.ts"
import type * as Query from "../http/Query.ts"
import type { FolderSize, MeasuredFolder, Pieces } from "../listing/FolderSizes.ts"
import * as ByteName from "../names/ByteName.ts"
import * as Icons from "../parts/Icons.ts"
import { pathLinks, topOf, up } from "../parts/PathLinks.ts"
import * as Text from "../parts/Text.ts"
import type { Site } from "./Site.ts"

const { html } = Html
const text = Text.sizes

/** What the page depends on, besides the sizes. */
export interface SizesView {
  readonly site: Pick<Site, "depth" | "title">
  /** Of the folder whose folders are measured. */
  readonly segments: ReadonlyArray<ByteName.ByteName>
  readonly query: Query.Query
}

/** A number that may be larger says so. */
const atLeast = (number: string, { files, isCutShort }: FolderSize): string =>
  isCutShort ? (files === 0 ? text.notCounted : text.atLeast(number)) : number

const row = ({ entry, size }: MeasuredFolder): Html.Html => {
  const name = ByteName.toDisplay(entry.name)
  const bytes = atLeast(Format.bytes(size.bytes), size)
  const files = atLeast(Text.listing.files(size.files), size)
  return html`<tr data-name="${name}"><td class="type">${Icons.labelled("folder")}</td><td><a class="folder" href="${ByteName.toUrl(entry.name)}/?sizes" rel="nofollow"><bdi>${name}</bdi>/</a></td><td class="number" title="${Text.listing.bytes(size.bytes)}">${bytes}</td><td class="time">${files}</td></tr>
`
}

const { columns } = Text.listing
const tableStart = html`<div id="page.listing"><table class="files"><caption class="unseen">${text.caption}</caption>
<thead><tr><th scope="col" class="type">${columns.type}</th><th scope="col">${columns.name}</th><th scope="col" class="number">${columns.size}</th><th scope="col" class="time">${text.files}</th></tr></thead>
<tbody>
`
const tableEnd = html`</tbody>
</table></div>`

const tools = html`<div class="toolbar" role="group" aria-label="${Text.listing.tools}"><a class="button" rel="up" href="./">${Icons.button.folder}${text.back}</a></div>`

/** Where the rows are in the page. Texts are escaped, so that there is only one such comment. */
const rowsMark = "<!--rows-->"

const frame = ({ query, segments, site }: SizesView): Html.Html => {
  const { depth, title } = site
  const name = text.title(ByteName.toDisplay(segments.at(-1) ?? ByteName.fromText(title)))
  const above =
    segments.length === 0
      ? undefined
      : html`<p class="up"><a href="../?sizes" rel="nofollow">${Icons.icon("folder")}${Text.listing.parent}</a></p>`
  return page({
    title: segments.length === 0 ? name : `${name} · ${title}`,
    top: topOf(segments.length, depth),
    home: up(segments.length),
    heading: pathLinks({ title, segments, folder: true, query }),
    script: Assets.script,
    main: html`<h1 class="unseen">${name}</h1>
${tools}
${Icons.symbols(new Set(["folder"]))}
<div class="running"><p class="searching" role="status">${text.counting}</p>
${above}
<!--rows--></div>`,
  })
}

/** The page in pieces. */
export const pieces = (view: SizesView): Pieces => {
  const [head = "", foot = ""] = Html.toText(frame(view)).split(rowsMark)
  let rows = 0
  return {
    head,
    folder: (folder) => {
      const line = row(folder)
      return Html.toText(rows++ === 0 ? html`${tableStart}${line}` : line)
    },
    tail: (total) => {
      const summary = text.total(total.folders, total.files, Format.bytes(total.bytes))
      return (
        Html.toText(html`${rows === 0 ? undefined : tableEnd}
<p id="page.summary" role="status">${summary}</p>
${total.isCutShort ? html`<p class="notice">${text.cutShort}</p>` : undefined}`) + foot
      )
    },
  }
}
