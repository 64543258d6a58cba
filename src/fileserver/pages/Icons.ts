/**
 * The icons of the listings: one drawing for each kind of file, put into a page
 * once and referred to by every row.
 */
import { type Html, html } from "../../web/Html.ts"
import type { Kind } from "../listing/Kind.ts"

const sheet = html`<path d="M6 3h8l4 4v14H6zM14 3v4h4"/>`

const drawings: Readonly<Record<Kind, Html>> = {
  folder: html`<path d="M3 6.5h6l2 2.5h10v10H3z"/>`,
  image: html`<path d="M4 5h16v14H4zM4 16l4.5-4.5 4 4L16 12l4 4"/><circle cx="15.5" cy="8.75" r="1.25"/>`,
  video: html`<path d="M3 6h12v12H3zM15 10.5 21 7v10l-6-3.5z"/>`,
  audio: html`<path d="M9 17.5V6l10-2v11.5"/><circle cx="6.5" cy="17.5" r="2.5"/><circle cx="16.5" cy="15.5" r="2.5"/>`,
  markdown: html`${sheet}<path d="M9 12h6M9 15h6M9 18h4"/>`,
  text: html`${sheet}<path d="M9 12h6M9 15h6M9 18h4"/>`,
  code: html`<path d="m8 7-5 5 5 5M16 7l5 5-5 5M13.5 5l-3 14"/>`,
  pdf: html`${sheet}<path d="M9 18v-5h1.5a1.5 1.5 0 0 1 0 3H9"/>`,
  archive: html`<path d="M4 8h16v12H4zM4 8l2-4h12l2 4M12 4v9M10 13h4v3h-4z"/>`,
  file: sheet,
}

/** The drawings of some kinds, out of sight. */
export const symbols = (
  kinds: ReadonlySet<Kind>,
): Html => html`<svg class="unseen" aria-hidden="true" focusable="false">
${[...kinds].map((kind) => html`<symbol id="icon-${kind}" viewBox="0 0 24 24">${drawings[kind]}</symbol>`)}
</svg>`

/** The icon of a kind; its name has to stand beside it. */
export const icon = (kind: Kind): Html =>
  html`<svg class="icon ${kind}-icon" width="20" height="20" aria-hidden="true" focusable="false"><use href="#icon-${kind}"/></svg>`
