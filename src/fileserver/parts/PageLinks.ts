/**
 * Links to the other pages of a listing, a search or a long text, above and
 * below it. The two have different labels, so that assistive technology can tell
 * them apart.
 */
import { type Html, html } from "../../web/Html.ts"
import * as Text from "./Text.ts"

/** The same links twice. */
export interface PageLinks {
  readonly above: Html
  readonly below: Html
}

/** @param items as `<li>` */
export const make = (items: Html): PageLinks => {
  const nav = (label: string): Html =>
    html`<nav class="pages" aria-label="${label}"><ol>${items}</ol></nav>`
  return { above: nav(Text.listing.pages), below: nav(Text.listing.pagesBelow) }
}
