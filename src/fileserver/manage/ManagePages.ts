/**
 * The pages on which people change a folder: a new folder, renaming, moving and
 * deleting an entry, the editor of a text, and the bin. They work without
 * script; with it, forms are sent in place.
 */
import * as Assets from "../../web/Assets.ts"
import * as Format from "../../web/Format.ts"
import * as Html from "../../web/Html.ts"
import * as Page from "../../web/Page.ts"
import * as Bin from "../change/Bin.ts"
import type { ManageRules } from "../change/ManageRules.ts"
import * as Query from "../http/Query.ts"
import * as ByteName from "../names/ByteName.ts"
import * as TargetPath from "../names/TargetPath.ts"
import { pathLinks, topOf, up } from "../parts/PathLinks.ts"
import * as Root from "../root/Root.ts"
import type { FileRequest } from "../send/FileRequest.ts"
import * as ManageText from "./ManageText.ts"
import * as TextFile from "./TextFile.ts"

const windows = process.platform === "win32"
const { html } = Html
const { text } = ManageText

/** What may be changed, and where deleted things are. */
export interface Managing {
  readonly rules: ManageRules
  readonly bin: Bin.Bin
}

/** The site that the pages belong to. */
export interface ManagedSite {
  readonly title: string
  readonly depth: number
  readonly root: Root.Root
  readonly managing?: Managing | undefined
}

/** A request for one of the pages. */
interface PageRequest {
  readonly site: ManagedSite
  readonly request: FileRequest
  /** The folder. */
  readonly segments: ReadonlyArray<ByteName.ByteName>
}

const headers = [
  ["Content-Type", "text/html; charset=utf-8"],
  ["Content-Security-Policy", Page.filesPolicy],
  ["Referrer-Policy", "same-origin"],
] as const

const days = Bin.keptFor / (24 * 60 * 60 * 1000)

const sendPage = (
  { request, segments, site }: PageRequest,
  title: string,
  main: Html.Html,
): void => {
  const page = Page.page({
    title: `${title} · ${site.title}`,
    top: topOf(segments.length, site.depth),
    home: up(segments.length),
    heading: pathLinks({ title: site.title, segments, folder: true, query: request.query }),
    script: Assets.script,
    main: html`<h1>${title}</h1>
${main}`,
  })
  request.sendGenerated(Html.toBytes(page), headers)
}

const back = html`<a class="button" href="./">${text.back}</a>`

/** The name of what is made. */
const newName = html`<label>${text.name}<input name="name" required maxlength="255" autocomplete="off" autofocus></label>`

const sendNew = (to: PageRequest): void =>
  sendPage(
    to,
    text.newFolder,
    html`<form class="card" method="post" action="./?change=folder" data-back="./">
${newName}
<p><button class="main">${text.make}</button> ${back}</p>
</form>`,
  )

const sendNewText = (to: PageRequest): void =>
  sendPage(
    to,
    text.newText,
    html`<form class="card" method="post" action="./?change=text" data-whole-page>
${newName}
<p class="faint">${text.newTextHint}</p>
<p><button class="main">${text.makeText}</button> ${back}</p>
</form>`,
  )

/** The path of a folder as people write it. */
const pathText = (segments: ReadonlyArray<ByteName.ByteName>): string =>
  `/${segments.map(ByteName.toText).join("/")}`

const sendEntry = (to: PageRequest, entry: ByteName.ByteName): void => {
  const { request, segments, site } = to
  site.root.open([...segments, entry], (opened) => {
    if (opened._tag === "File") Root.close(opened.handle)
    else if (opened._tag === "Folder") Root.closeFolder(opened)
    else if (opened._tag !== "Forbidden") return request.failNotOpen(opened)
    const name = ByteName.toDisplay(entry)
    const value = ByteName.toUrl(entry)
    const field = html`<input type="hidden" name="entry" value="${value}">`
    const isText = opened._tag === "File" && opened.stats.size <= BigInt(TextFile.maxBytes)
    sendPage(
      to,
      text.change(name),
      html`<form class="card" method="post" action="./?change=rename" data-back="./">${field}
<label>${text.newName}<input name="name" value="${ByteName.toText(entry)}" required maxlength="255" autocomplete="off"></label>
<p><button class="main">${text.rename}</button>${isText ? html` <a class="button" href="./?manage=edit&amp;entry=${Query.toEntryField(entry)}">${text.edit}</a>` : undefined}</p>
</form>
<form class="card" method="post" action="./?change=move" data-back="./">${field}
<label>${text.toFolder}<input name="to" value="${pathText(segments)}" required autocomplete="off"></label>
<p class="faint">${text.toFolderHint}</p>
<p><button>${text.move}</button> <button formaction="./?change=copy">${text.copy}</button></p>
</form>
<form class="card" method="post" action="./?change=delete" data-back="./">${field}
<p class="faint">${text.removeHint(days)}</p>
<p><button class="bad">${text.remove}</button> ${back}</p>
</form>`,
    )
  })
}

const sendEditor = async (to: PageRequest, entry: ByteName.ByteName): Promise<void> => {
  const { request, segments, site } = to
  const file = await TextFile.read(site.root, [...segments, entry])
  if (request.isCancelled()) return
  if (file === undefined) return request.fail("PTTH_NOT_FOUND", text.notText)
  const name = ByteName.toDisplay(entry)
  const value = ByteName.toUrl(entry)
  // A parser drops the first line end in the element.
  sendPage(
    to,
    text.editTitle(name),
    html`<form class="editor" method="post" action="./?change=save" data-editor>
<input type="hidden" name="entry" value="${value}"><input type="hidden" name="digest" value="${file.digest}"><input type="hidden" name="ends" value="${file.ends}">
<label class="unseen" for="page.content">${text.content}</label>
<textarea id="page.content" name="content" spellcheck="false" autocapitalize="none" rows="24">
${file.text}</textarea>
<p><button class="main">${text.save}</button> <a class="button" href="${value}?view">${text.back}</a></p>
</form>`,
  )
}

/** Names something in the bin to a form. */
const idField = (id: string): Html.Html => html`<input type="hidden" name="id" value="${id}">`

const binRow = ({ deleted, folder, id, segments, size }: Bin.BinItem): Html.Html => {
  const name = ByteName.toDisplay(segments.at(-1) ?? "")
  return html`<tr><td><bdi>${name}</bdi>${folder ? "/" : ""}</td><td><bdi>${pathText(segments.slice(0, -1))}</bdi></td><td class="number">${Format.bytes(size)}</td><td class="time">${Format.minute(deleted)}</td><td><form method="post" action="./?change=restore">${idField(id)}<button aria-label="${text.restoreOne(name)}">${text.restore}</button></form></td></tr>
`
}

/** What empties the bin of what was in it when the page was made. */
const emptyForm = (items: ReadonlyArray<Bin.BinItem>): Html.Html => {
  const size = items.reduce((sum, item) => sum + item.size, 0)
  return html`<details class="card"><summary>${text.emptyBin}</summary><form method="post" action="./?change=erase">${items.map(({ id }) => idField(id))}
<p>${text.emptyBinHint(items.length, Format.bytes(size))}</p>
<p><button class="bad">${text.erase}</button></p></form></details>`
}

const sendBin = async (to: PageRequest, { bin, rules }: Managing): Promise<void> => {
  const items = await bin.list()
  const permitted = items.filter(({ segments }) => rules.allows(segments.slice(0, -1)))
  const list =
    permitted.length === 0
      ? html`<p class="empty">${text.binEmpty}</p>`
      : html`<table class="bin"><thead><tr><th scope="col">${text.name}</th><th scope="col">${text.from}</th><th scope="col" class="number">Size</th><th scope="col">${text.deletedAt}</th><th scope="col"><span class="unseen">${text.restore}</span></th></tr></thead><tbody>
${permitted.map(binRow)}</tbody></table>
${emptyForm(permitted)}`
  if (to.request.isCancelled()) return
  sendPage(
    to,
    text.bin,
    html`<p class="faint">${text.binHint(days)}</p>
<div id="page.listing">${list}</div>
<p>${back}</p>`,
  )
}

/** Whether a name in an address is one that may be served; such a name has not been decoded as a path. */
const isEntry = ({ visibility }: Root.Root, entry: ByteName.ByteName): boolean =>
  !/[/\0]|^\.{0,2}$/.test(entry) && TargetPath.isServed(entry, windows, visibility.dotfiles)

/** Sends a page if one was asked for and the folder may be changed; whether it was. */
export const send = (to: PageRequest, { entries, manage }: Query.Query): boolean => {
  const { request, segments, site } = to
  const { managing } = site
  if (manage === undefined || managing === undefined) return false
  const fail = (error: unknown): void =>
    request.failNotOpen(Root.notOpen(error as NodeJS.ErrnoException))
  if (manage === "bin") {
    sendBin(to, managing).catch(fail)
    return true
  }
  if (!managing.rules.allows(segments)) return false
  const [entry] = entries
  if (manage === "new") sendNew(to)
  else if (manage === "text") sendNewText(to)
  else if (entry === undefined || !isEntry(site.root, entry)) {
    request.failNotOpen(Root.absent)
  } else if (manage === "entry") sendEntry(to, entry)
  else sendEditor(to, entry).catch(fail)
  return true
}

/** What says that entries were deleted, with the way to undo it. */
export const undoNotice = (ids: ReadonlyArray<string>): Html.Html =>
  html`<form class="notice" method="post" action="./?change=restore">${ids.map(idField)}<span role="status">${text.deleted(ids.length)}</span> <button>${text.undo}</button></form>
`
