/**
 * Icons of the listings. A page contains the drawing of each kind once; rows
 * refer to it.
 */
import { type Html, html } from "../../web/Html.ts"
import { type Kind, kinds } from "../types/Kind.ts"

/** The drawings of some kinds, for {@link icon} to refer to. */
export const symbols = (
  used: ReadonlySet<Kind>,
): Html => html`<svg class="unseen" aria-hidden="true" focusable="false">
${[...used].map((kind) => html`<symbol id="icon.${kind}" viewBox="0 0 24 24">${kinds[kind].icon}</symbol>`)}
</svg>`

/** The icon of a kind. Screen readers skip it, so the label has to be beside it. */
export const icon = (kind: Kind): Html =>
  html`<svg class="icon ${kind}-icon" width="20" height="20" aria-hidden="true" focusable="false"><use href="#icon.${kind}"/></svg>`
