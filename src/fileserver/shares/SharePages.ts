/**
 * The pages about share links: the form that makes one, the link, the question
 * for its password, and the page of a shared file.
 */
import * as Assets from "../../web/Assets.ts"
import * as Format from "../../web/Format.ts"
import { type Html, html } from "../../web/Html.ts"
import { page } from "../../web/Page.ts"
import * as PageAddress from "../http/PageAddress.ts"
import * as Query from "../http/Query.ts"
import * as ByteName from "../names/ByteName.ts"
import * as Icons from "../parts/Icons.ts"
import { pathLinks, topOf, up } from "../parts/PathLinks.ts"
import * as FileTypes from "../types/FileTypes.ts"
import * as Kind from "../types/Kind.ts"
import { text } from "./ShareText.ts"

/** Where a page about a file or folder of the shared folder is. */
export interface Place {
  /** The name of the site. */
  readonly title: string
  readonly segments: ReadonlyArray<ByteName.ByteName>
  readonly isFolder: boolean
}

const framed = ({ isFolder, segments, title }: Place, heading: string, main: Html): Html => {
  const levels = isFolder ? segments.length : segments.length - 1
  return page({
    title: `${heading} · ${title}`,
    top: topOf(levels, 1),
    home: up(levels),
    heading: pathLinks({ title, segments, folder: isFolder, query: Query.none }),
    script: Assets.script,
    main: html`<h1>${heading}</h1>
${main}`,
  })
}

const nameOf = ({ segments, title }: Place): string => {
  const last = segments.at(-1)
  return last === undefined ? title : ByteName.toDisplay(last)
}

const backOf = ({ isFolder, segments }: Place): string =>
  isFolder ? "./" : `${ByteName.toUrl(segments.at(-1) as ByteName.ByteName)}?view`

const actionOf = (place: Place): string =>
  place.isFolder
    ? "./?share"
    : `${ByteName.toUrl(place.segments.at(-1) as ByteName.ByteName)}?share`

/**
 * The form that makes a link.
 *
 * @param mayRevoke whether the visitor may end all links
 */
export const form = (place: Place, mayRevoke: boolean): Html => {
  const action = actionOf(place)
  const revoking = mayRevoke
    ? html`
<form class="card" method="post" action="${action}"><h2>${text.revokeTitle}</h2>
<p class="faint">${text.revokeHint}</p>
<p><button class="bad" name="revoke" value="all">${text.revoke}</button></p>
</form>`
    : undefined
  return framed(
    place,
    text.title(nameOf(place)),
    html`<form class="card" method="post" action="${action}">
<p class="faint">${text.introduction}</p>
<label>${text.ends}<select name="expires">${Object.entries(text.durations).map(([seconds, label]) => html`<option value="${seconds}">${label}</option>`)}</select></label>
<label>${text.downloads}<input type="number" name="downloads" min="1" max="1000000" placeholder="${text.downloadsHint}"></label>
<label>${text.password}<input type="password" name="password" autocomplete="new-password" placeholder="${text.passwordHint}"></label>
<p><button class="main">${text.make}</button> <a class="button" href="${backOf(place)}">${text.back}</a></p>
</form>${revoking}`,
  )
}

/** A time in seconds since 1970; in UTC, until the script shows the visitor's. */
const when = (at: number): Html => html`${Format.minute(at * 1000)}<span data-zone> (UTC)</span>`

/** The link that was made. */
export const created = (place: Place, url: string, expires: number): Html =>
  framed(
    place,
    text.title(nameOf(place)),
    html`<p>${text.made} ${text.endsOn} ${when(expires)}.</p>
<pre id="share.link" class="copy" tabindex="0" aria-label="${text.address}">${url}</pre>
<p><button type="button" class="main" data-do="copy" data-from="share.link" data-script hidden>${text.copy}</button> <a class="button" href="${backOf(place)}">${text.back}</a></p>
<div class="qr">${PageAddress.qrCode(url)}</div>`,
  )

/** All links were ended. */
export const revoked = (place: Place): Html =>
  framed(
    place,
    text.title(nameOf(place)),
    html`<p>${text.revoked}</p><p><a class="button" href="${backOf(place)}">${text.back}</a></p>`,
  )

/** Until when the link of a page is valid. */
export const notice = (expires: number): Html =>
  html`<p class="faint">${text.noticeUntil} ${when(expires)}.</p>`

const shared = (title: string, levels: number, main: Html): Html =>
  page({
    title,
    top: topOf(levels, 2),
    home: up(levels),
    heading: html`<h1><bdi>${title}</bdi></h1>`,
    script: Assets.script,
    main,
  })

/** Asks for the password of a link. */
export const question = (levels: number, isWrong: boolean): Html =>
  shared(
    text.password,
    levels,
    html`<p>${text.asks}</p>${isWrong ? html`<p class="notice bad" role="alert">${text.wrong}</p>` : undefined}
<form class="card" method="post" action="${up(levels)}"><label>${text.password}<input type="password" name="password" autocomplete="off" required></label>
<p><button class="main">${text.open}</button></p></form>`,
  )

/** A shared file, at the address of its link. */
export const file = (name: ByteName.ByteName, size: number, expires: number): Html => {
  const kind = FileTypes.kindOf(name)
  const href = ByteName.toUrl(name)
  return shared(
    ByteName.toDisplay(name),
    0,
    html`${Icons.symbols(new Set([kind]))}
<p>${Icons.icon(kind)} ${Kind.kinds[kind].label}, ${Format.bytes(size)}</p>
<p><a class="button" href="${href}?download">${Icons.button.download}${Format.bytes(size)}</a> ${Kind.isViewable(kind) ? html`<a class="button" href="${href}?view">${text.view}</a>` : undefined}</p>
${notice(expires)}`,
  )
}
