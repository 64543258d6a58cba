/**
 * The toolbar of a folder's page, which stays on top: filter and search in one
 * field, list or grid, order, the actions of {@link Slots}, download and more.
 * Everything works without script; what is behind buttons and not links is so
 * because crawlers follow every link.
 */
import { type Html, html } from "../../web/Html.ts"
import * as PageAddress from "../http/PageAddress.ts"
import * as Query from "../http/Query.ts"
import * as Icons from "../parts/Icons.ts"
import * as Text from "../parts/Text.ts"
import type { FolderSlots } from "./Slots.ts"

const text = Text.listing

/** What the toolbar depends on. */
export interface ToolbarParts {
  readonly query: Query.Query
  readonly slots: FolderSlots
  /** The address of the page in the visitor's browser, if it is known. */
  readonly address: string | undefined
  /** Whether archives of folders may be downloaded. */
  readonly archives: boolean
  /** Whether visitors may make share links. */
  readonly shares: boolean
  /** Whether there are sounds to play one after the other. */
  readonly hasSounds: boolean
  /** Whether there are folders, whose sizes can be counted. */
  readonly hasFolders: boolean
}

/** The parameters that forms keep. */
const hiddenFields = (query: Query.Query): ReadonlyArray<Html> => [
  ...(query.grid ? [html`<input type="hidden" name="grid" value="">`] : []),
  ...(query.sort === "name" ? [] : [html`<input type="hidden" name="sort" value="${query.sort}">`]),
  ...(query.order === "asc" ? [] : [html`<input type="hidden" name="order" value="desc">`]),
]

/** The field that filters this folder, and with its second button searches those below. */
const filterForm = (
  query: Query.Query,
): Html => html`<form class="filter" role="search" aria-label="${text.names}" method="get" action="./">${hiddenFields(query)}
${Icons.button.search}<label class="unseen" for="page.filter">${text.filterOrSearch}</label>
<input id="page.filter" type="search" name="filter" value="${query.filter}" placeholder="${text.filterOrSearch}" autocomplete="off">
<button name="below" value="" title="${text.searchLabel}">${text.search}</button>
<button data-no-script>${text.filter}</button>
</form>`

const viewForm = (query: Query.Query): Html => {
  const filter =
    query.filter === ""
      ? undefined
      : html`<input type="hidden" name="filter" value="${query.filter}">`
  const list = query.grid
    ? html`<button title="${text.showTable}" aria-label="${text.showTable}">${Icons.button.list}</button>`
    : html`<span title="${text.showTable}">${Icons.button.list}</span>`
  const grid = query.grid
    ? html`<span title="${text.showGrid}">${Icons.button.grid}</span>`
    : html`<button name="grid" value="" title="${text.showGrid}" aria-label="${text.showGrid}">${Icons.button.grid}</button>`
  return html`<form method="get" action="./">${hiddenFields({ ...query, grid: false })}${filter}<span class="views">${list}${grid}</span></form>`
}

const sortMenu = (query: Query.Query): Html => {
  const items = Query.columns.flatMap((column) =>
    (["asc", "desc"] as const).map((order) => {
      const isCurrent = query.sort === column && query.order === order
      const label = text.orders[column][order]
      const href = Query.toHref({ ...query, sort: column, order, page: 1 })
      return isCurrent
        ? html`<li aria-current="true"><a href="${href}" rel="nofollow">✓ ${label}</a></li>`
        : html`<li><a href="${href}" rel="nofollow">${label}</a></li>`
    }),
  )
  return html`<details class="drop" name="toolbar"><summary class="button" title="${text.sortBy}">${Icons.button.sort}<span class="label">${text.sort}</span></summary><div><ul>${items}</ul></div></details>`
}

const commandLines = (address: string): Html => {
  const url = address.replace(/[?#].*$/, "")
  // Percent-encoded, an address has no quotes.
  const cut = new URL(url).pathname.split("/").filter(Boolean).length - 1
  const wget = `wget -r -np -nH --cut-dirs=${Math.max(0, cut)} -R 'index.html*' '${url}'`
  const curl = `curl -OJ '${url}?archive=zip'`
  return html`<p>${text.commandLine}</p><pre id="page.wget" tabindex="0">${wget}</pre><pre id="page.curl" tabindex="0">${curl}</pre>`
}

/** Whether entries can be chosen: something can be done with them. */
export const canChoose = (archives: boolean, { chosen }: FolderSlots): boolean =>
  archives || chosen !== undefined

const chooseForm = html`<form method="get" action="./"><button name="choose" value="">${text.choose}</button></form>`

/** With script the sizes are filled in where the folders are. */
const sizesForm = html`<form method="get" action="./"><button name="sizes" value="" data-do="sizes" data-close>${text.sizes}</button></form>`

const downloadMenu = (address: string | undefined, archives: boolean): Html => {
  const buttons = archives
    ? html`<form method="get" action="./"><button name="archive" value="zip">${text.downloadZip}</button><button name="archive" value="tar">${text.downloadTar}</button></form>
${chooseForm}`
    : undefined
  return html`<details class="drop" name="toolbar"><summary class="button" title="${text.downloadMenu}">${Icons.button.download}<span class="label">${text.downloadMenu}</span></summary><div>${buttons}${address && commandLines(address)}</div></details>`
}

/** The QR code of an address with the address itself. */
export const qrCode = (address: string | undefined): Html | undefined => {
  const code = address === undefined ? undefined : PageAddress.qrCode(address)
  return code === undefined
    ? undefined
    : html`<details class="qr"><summary>${text.qrCode}</summary>${code}<code>${address}</code></details>`
}

const moreMenu = ({
  address,
  archives,
  hasFolders,
  shares,
  slots: { chosen, more },
}: ToolbarParts): Html => html`<details class="drop" name="toolbar"><summary class="button" title="${text.more}">${Icons.button.more}<span class="unseen">${text.more}</span></summary><div><ul>${more}${archives || chosen === undefined ? undefined : html`<li>${chooseForm}</li>`}
${hasFolders ? html`<li>${sizesForm}</li>` : undefined}
<li data-script hidden><button type="button" data-do="copy" data-close>${text.copyLink}</button></li>
${shares ? html`<li><a href="./?share" rel="nofollow">${text.share}</a></li>` : undefined}
<li class="wide-only" data-script hidden><button type="button" data-do="tree" data-close>${text.tree}</button></li>
<li data-script hidden><button type="button" data-do="keys" data-close>${text.keys}</button></li>
</ul>${qrCode(address)}</div></details>`

/** Acts on the chosen entries; the check boxes belong to its form. */
const chosenBar = ({
  archives,
  query,
  slots,
}: ToolbarParts): Html => html`<form id="page.chosen" class="chosen" method="post" action="./">
<p role="status">${text.chooseHint}</p>
<button type="button" data-do="chooseAll" data-script hidden>${text.chooseAll}</button>
${slots.chosen}
<button type="button" data-do="copyLinks" data-some data-script hidden>${text.copyLinks}</button>
${archives ? html`<button class="main" data-some formaction="./?archive=zip">${text.downloadChosen}</button>` : undefined}
<a class="button" href="${Query.toHref({ ...query, choose: false })}">${text.chooseEnd}</a>
</form>`

/** The toolbar. */
export const toolbar = (parts: ToolbarParts): Html => {
  const { address, archives, hasSounds, query, slots } = parts
  if (query.choose && canChoose(archives, slots))
    return html`<div class="toolbar">${chosenBar(parts)}</div>`
  return html`<div class="toolbar" role="group" aria-label="${text.tools}">
${filterForm(query)}
${viewForm(query)}
${sortMenu(query)}
${hasSounds ? html`<button type="button" data-do="play" data-script hidden title="${text.play}">${Icons.button.play}<span class="label">${text.play}</span></button>` : undefined}
${slots.toolbar}
${downloadMenu(address, archives)}
${moreMenu(parts)}
</div>`
}
