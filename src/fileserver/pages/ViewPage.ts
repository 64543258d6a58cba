/**
 * The page that shows a file, with links to the file and to its siblings.
 */
import * as Assets from "../../web/Assets.ts"
import * as Format from "../../web/Format.ts"
import { type Html, html } from "../../web/Html.ts"
import { page } from "../../web/Page.ts"
import * as Query from "../http/Query.ts"
import * as ByteName from "../names/ByteName.ts"
import * as Kind from "../types/Kind.ts"
import { pathLinks, qrCode, topOf } from "./ListingPage.ts"
import * as Text from "./Text.ts"

const text = Text.view

/** A file to show. */
export interface View {
  /** The file's path below the shared folder. */
  readonly segments: ReadonlyArray<ByteName.ByteName>
  readonly kind: Kind.Kind
  /** Bytes. */
  readonly size: number
  /** The files of the same kind before and after it in its folder. */
  readonly previous: ByteName.ByteName | undefined
  readonly next: ByteName.ByteName | undefined
  /** The rendered text of a text file. */
  readonly text: Html | undefined
  /** Shown above the text. */
  readonly warning: string | undefined
  /** Shown instead of the file, if it cannot be shown. */
  readonly notice: string | undefined
  /** The order and form of the folder's page that led here. */
  readonly query: Query.Query
  /** The address of the page, for its QR code. */
  readonly address: string | undefined
}

/** What the script shows if the browser cannot show the file. */
const instead = (notice: string): Html => html`<p class="empty" data-instead hidden>${notice}</p>`

const content = (view: View, href: string, name: string): Html => {
  if (view.notice !== undefined) return html`<p class="empty">${view.notice}</p>`
  const viewer: Kind.Viewer = Kind.kinds[view.kind].viewer
  switch (viewer) {
    case "image":
      return html`<figure class="viewer"><img src="${href}" alt="${name}">${instead(text.noImage)}</figure>`
    case "video":
      return html`<div class="viewer"><video src="${href}" controls preload="metadata" aria-label="${name}"></video>${instead(text.noMedia)}</div>`
    case "audio":
      return html`<div class="viewer"><audio src="${href}" controls preload="metadata" aria-label="${name}"></audio>${instead(text.noMedia)}</div>`
    case "pdf":
      return html`<div class="viewer"><object data="${href}" type="application/pdf" aria-label="${name}"><p>${text.noPdf} <a href="${href}">${text.open}</a></p></object></div>`
    case "markdown":
      return html`<article class="markdown">${view.text}</article>`
    case "code":
    case "none":
      return html`${view.warning && html`<p class="notice bad">${view.warning}</p>`}<pre tabindex="0"><code>${view.text}</code></pre>`
  }
}

/** Whether the page runs PTTH's script; pages that contain a file's text must not. */
export const hasScript = (kind: Kind.Kind): boolean => !Kind.isText(kind)

const siblingLink = (
  to: ByteName.ByteName | undefined,
  rel: string,
  label: string,
  query: Query.Query,
): Html =>
  to === undefined
    ? html`<span class="empty">${label}</span>`
    : html`<a rel="${rel}" href="${ByteName.toUrl(to)}${Query.toView(query)}" title="${ByteName.toDisplay(to)}">${label}</a>`

/** The page. */
export const render = (view: View): Html => {
  const { kind, next, previous, query, segments } = view
  const fileName = segments.at(-1) as ByteName.ByteName
  const name = ByteName.toDisplay(fileName)
  const href = ByteName.toUrl(fileName)
  const siblings =
    previous === undefined && next === undefined
      ? undefined
      : html`${siblingLink(previous, "prev", text.previous, query)} ${siblingLink(next, "next", text.next, query)}`
  return page({
    title: name,
    top: topOf(segments.length - 1),
    heading: pathLinks(segments, false, query),
    script: hasScript(kind) ? Assets.script : undefined,
    wide: !Kind.isText(kind),
    main: html`<h1 class="unseen">${name}</h1>
<nav class="tools" aria-label="${text.tools}">
${siblings}
<a href="${Query.toHref({ ...query, page: 1 })}">${text.folder}</a>
<a href="${href}">${text.open}</a>
<a href="${href}" download>${text.download(Format.bytes(view.size))}</a>
${qrCode(view.address)}
</nav>
${content(view, href, name)}`,
  })
}
