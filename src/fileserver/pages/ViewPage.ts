/**
 * A file as a page: something to look at, with the way to the file itself and
 * to its neighbours.
 */
import * as Format from "../../web/Format.ts"
import { type Html, html } from "../../web/Html.ts"
import { page } from "../../web/Page.ts"
import * as Kind from "../listing/Kind.ts"
import * as ByteName from "../names/ByteName.ts"
import { qr, topOf, trail } from "./ListingPage.ts"

/** A file to be shown. */
export interface View {
  /** The file's path below the served folder. */
  readonly segments: ReadonlyArray<ByteName.ByteName>
  readonly kind: Kind.Kind
  /** Bytes. */
  readonly size: number
  /** The files of the same kind before and after it in its folder. */
  readonly previous: ByteName.ByteName | undefined
  readonly next: ByteName.ByteName | undefined
  /** What it says, rendered; for a text only. */
  readonly text: Html | undefined
  /** Why it cannot be shown, if it cannot. */
  readonly excuse: string | undefined
  readonly address: string | undefined
}

const content = (view: View, href: string, name: string): Html => {
  if (view.excuse !== undefined) return html`<p class="empty">${view.excuse}</p>`
  switch (view.kind) {
    case "image":
      return html`<figure class="viewer"><img src="${href}" alt="${name}"></figure>`
    case "video":
      return html`<div class="viewer"><video src="${href}" controls preload="metadata" aria-label="${name}"></video></div>`
    case "audio":
      return html`<div class="viewer"><audio src="${href}" controls preload="metadata" aria-label="${name}"></audio></div>`
    case "pdf":
      return html`<div class="viewer"><object data="${href}" type="application/pdf" aria-label="${name}"><p>This browser does not show PDFs in pages. <a href="${href}">Open the file</a></p></object></div>`
    case "markdown":
      return html`<article class="markdown">${view.text}</article>`
    default:
      return html`<pre tabindex="0"><code>${view.text}</code></pre>`
  }
}

/** Whether the page may have our script; one that shows somebody's text must not. */
export const hasScript = (kind: Kind.Kind): boolean => !Kind.isText(kind)

/** The page of a file. */
export const render = (view: View): Html => {
  const { kind, next, previous, segments } = view
  const own = segments.at(-1) as ByteName.ByteName
  const name = ByteName.toDisplay(own)
  const href = ByteName.toUrl(own)
  const neighbour = (to: ByteName.ByteName | undefined, rel: string, text: string): Html =>
    to === undefined
      ? html`<span class="empty">${text}</span>`
      : html`<a rel="${rel}" href="${ByteName.toUrl(to)}?view" title="${ByteName.toDisplay(to)}">${text}</a>`
  const several = previous !== undefined || next !== undefined
  return page({
    title: name,
    top: topOf(segments.length - 1),
    heading: trail(segments, false),
    script: hasScript(kind),
    wide: !Kind.isText(kind),
    main: html`<h1 class="unseen">${name}</h1>
<nav class="tools" aria-label="This file">
${several ? html`${neighbour(previous, "prev", "Previous")} ${neighbour(next, "next", "Next")}` : undefined}
<a href="./">Folder</a>
<a href="${href}">Open the file</a>
<a href="${href}" download>Download (${Format.bytes(view.size)})</a>
${qr(view.address)}
</nav>
${content(view, href, name)}`,
  })
}
