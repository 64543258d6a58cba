/**
 * Icons: those of the kinds of files, and those of buttons. A page contains
 * each drawing that it uses once; rows refer to it.
 */
import { type Html, html } from "../../web/Html.ts"
import { type Kind, kinds } from "../types/Kind.ts"

/** The drawings of some kinds, for {@link icon} to refer to. */
export const symbols = (
  used: ReadonlySet<Kind>,
): Html => html`<svg class="unseen" aria-hidden="true" focusable="false">
${[...used].map((kind) => html`<symbol id="icon.${kind}" viewBox="0 0 24 24">${kinds[kind].icon}</symbol>`)}
</svg>`

const makeIcon = (kind: Kind): Html =>
  html`<svg class="icon ${kind}-icon" width="20" height="20" aria-hidden="true"><use href="#icon.${kind}"/></svg>`

/** Short, since a page has a thousand of them. */
const makeLabelled = (kind: Kind): Html =>
  html`<svg class="icon ${kind}-icon" role="img" aria-label="${kinds[kind].label}"><use href="#icon.${kind}"/></svg>`

const labelledIcons = new Map(
  (Object.keys(kinds) as ReadonlyArray<Kind>).map((kind) => [kind, makeLabelled(kind)]),
)

/** The icon of a kind with its label. */
export const labelled = (kind: Kind): Html => labelledIcons.get(kind) as Html

const icons = new Map(
  (Object.keys(kinds) as ReadonlyArray<Kind>).map((kind) => [kind, makeIcon(kind)]),
)

/** The icon of a kind. Screen readers skip it, so the label has to be beside it. */
export const icon = (kind: Kind): Html => icons.get(kind) as Html

const drawing = (shapes: Html): Html =>
  html`<svg class="icon" width="20" height="20" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${shapes}</svg>`

/** The icons of buttons; a label has to be beside each. */
export const button = {
  search: drawing(html`<circle cx="10.5" cy="10.5" r="6"/><path d="m15 15 5 5"/>`),
  list: drawing(html`<path d="M4 6h16M4 12h16M4 18h16"/>`),
  grid: drawing(html`<path d="M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z"/>`),
  sort: drawing(html`<path d="M7 5v14m-3-3 3 3 3-3M17 19V5m-3 3 3-3 3 3"/>`),
  upload: drawing(html`<path d="M12 15V4m-5 5 5-5 5 5M5 20h14"/>`),
  download: drawing(html`<path d="M12 4v11m-5-5 5 5 5-5M5 20h14"/>`),
  share: drawing(
    html`<circle cx="6" cy="12" r="2.5"/><circle cx="17.5" cy="6" r="2.5"/><circle cx="17.5" cy="18" r="2.5"/><path d="m8.2 10.9 7-3.7M8.2 13.1l7 3.7"/>`,
  ),
  open: drawing(html`<path d="M14 4h6v6M20 4l-9 9M18 14v6H4V6h6"/>`),
  more: drawing(html`<path d="M5 12h.01M12 12h.01M19 12h.01" stroke-width="3"/>`),
  folder: drawing(kinds.folder.icon),
  play: drawing(html`<path d="M7 5v14l12-7z"/>`),
  full: drawing(html`<path d="M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5"/>`),
  wrap: drawing(html`<path d="M4 6h16M4 12h12.5a3 3 0 0 1 0 6H12m2.5-2.5L12 18l2.5 2.5M4 18h4"/>`),
  copy: drawing(html`<path d="M9 9h11v11H9zM5 15H4V4h11v1"/>`),
  edit: drawing(html`<path d="m4 20 1-4L16 5l3 3L8 19zM14 7l3 3"/>`),
  info: drawing(html`<circle cx="12" cy="12" r="8.5"/><path d="M12 11v5M12 8h.01"/>`),
  previous: drawing(html`<path d="m14 6-6 6 6 6"/>`),
  next: drawing(html`<path d="m10 6 6 6-6 6"/>`),
} as const
