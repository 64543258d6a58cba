/**
 * Places in the pages for actions that change files. What is `undefined` takes
 * no room. To add an action, return its markup here; its script is a part of
 * `web/Script.ts`.
 *
 * Where they are: `toolbar` in the toolbar of a folder, before *Download*;
 * `more` at the top of its menu *More* (items `<li>`); `chosen` in the bar that
 * acts on chosen entries (the form posts `entry`); `row` in the last column of
 * an entry, before *Download*; `view` in the bar of the page that shows a file.
 */
import { type Html, html } from "../../web/Html.ts"
import * as Query from "../http/Query.ts"
import { text } from "../manage/ManageText.ts"
import * as ByteName from "../names/ByteName.ts"
import type { Reader } from "../parts/EntryLinks.ts"
import * as Icons from "../parts/Icons.ts"
import { topOf } from "../parts/PathLinks.ts"
import { uploadMenu } from "../parts/UploadMenu.ts"
import type { Entry } from "../root/Folder.ts"
import * as FileTypes from "../types/FileTypes.ts"
import * as Kind from "../types/Kind.ts"
import type { Site } from "./Site.ts"

/** The actions of a folder's page. */
export interface FolderSlots {
  readonly toolbar: Html | undefined
  readonly more: Html | undefined
  readonly chosen: Html | undefined
  /** Whether rows have more than one action, so that their column is wide. */
  readonly hasRowActions: boolean
  readonly row: (entry: Entry) => Html | undefined
}

const changeLink = (name: ByteName.ByteName): Html =>
  html`<a href="./?manage=entry&amp;entry=${Query.toEntryField(name)}" rel="nofollow" title="${text.changeTitle}" aria-label="${text.change(ByteName.toDisplay(name))}">${Icons.button.more}</a>`

const folderItems = html`<li><a href="./?manage=new" rel="nofollow">${text.newFolder}</a></li>
<li><a href="./?manage=text" rel="nofollow">${text.newText}</a></li>
<li><a href="./?manage=bin" rel="nofollow">${text.bin}</a></li>
`

const chosenActions = html`<label class="move"><span class="unseen">${text.toFolder}</span><input name="to" placeholder="${text.toFolder}" autocomplete="off"></label>
<button data-some formaction="./?change=move">${text.moveChosen}</button>
<button data-some formaction="./?change=delete">${text.deleteChosen}</button>`

/** Signing in or out, where there are users. */
const accountItem = (
  { account, depth }: Site,
  segments: ReadonlyArray<ByteName.ByteName>,
): Html | undefined => {
  if (account === undefined) return undefined
  const top = topOf(segments.length, depth)
  return account.user === undefined
    ? html`<li><a href="${top}sign-in" rel="nofollow">${text.signIn}</a></li>
`
    : html`<li><form method="post" action="${top}sign-out"><button>${text.signOut(account.user)}</button></form></li>
`
}

/** The actions of a folder. Programs get the form for uploads and no further links. */
export const ofFolder = (
  site: Site,
  segments: ReadonlyArray<ByteName.ByteName>,
  reader: Reader,
): FolderSlots => {
  const uploads = site.uploadRules?.allows(segments) === true ? site.uploadRules : undefined
  const isManaged = reader === "browser" && site.managing?.rules.allows(segments) === true
  return {
    toolbar: uploads && uploadMenu({ overwrite: uploads.overwrites(segments) }),
    more: html`${isManaged ? folderItems : undefined}${accountItem(site, segments)}`,
    chosen: isManaged ? chosenActions : undefined,
    hasRowActions: isManaged,
    row: ({ name }) => (isManaged ? changeLink(name) : undefined),
  }
}

/** The actions of a file. */
export const ofFile = (
  site: Site,
  segments: ReadonlyArray<ByteName.ByteName>,
): Html | undefined => {
  if (site.managing?.rules.allows(segments.slice(0, -1)) !== true) return undefined
  const name = segments.at(-1) ?? ""
  const value = Query.toEntryField(name)
  const edit = Kind.isText(FileTypes.kindOf(name))
    ? html`<a class="button edit" href="./?manage=edit&amp;entry=${value}" rel="nofollow" title="${text.edit}">${Icons.button.edit}<span class="label">${text.edit}</span></a>`
    : undefined
  return html`${edit}<a class="button" href="./?manage=entry&amp;entry=${value}" rel="nofollow" title="${text.changeTitle}">${Icons.button.more}<span class="unseen">${text.changeTitle}</span></a>`
}
