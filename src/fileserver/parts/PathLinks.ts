/**
 * The path of a page as links, below the name of the site.
 */
import { type Html, html } from "../../web/Html.ts"
import * as Query from "../http/Query.ts"
import * as ByteName from "../names/ByteName.ts"
import * as Text from "./Text.ts"

/** The relative address of a folder some levels up. */
export const up = (levels: number): string => (levels === 0 ? "./" : "../".repeat(levels))

/**
 * The relative address of the top of the site.
 *
 * @param levels below the shared folder
 * @param depth of the shared folder below the top
 */
export const topOf = (levels: number, depth: number): string => up(levels + depth)

/** What the path depends on. */
export interface PathParts {
  /** The name of the site, which stands for the shared folder. */
  readonly title: string
  /** Below the shared folder. */
  readonly segments: ReadonlyArray<ByteName.ByteName>
  /** Whether the page's address ends with a slash. */
  readonly folder: boolean
  /** Of the page; the folders above it are shown in the same form. */
  readonly query: Query.Query
}

/** The path as links; its last part is the page itself. */
export const pathLinks = ({ folder, query, segments, title }: PathParts): Html => {
  const depth = folder ? segments.length : segments.length - 1
  const items = [title, ...segments.map(ByteName.toDisplay)].map((name, index) =>
    index === segments.length
      ? html`<li aria-current="page"><bdi>${name}</bdi></li>`
      : html`<li><a href="${up(depth - index)}${Query.sameForm(query)}"><bdi>${name}</bdi></a></li>`,
  )
  return html`<nav class="path" aria-label="${Text.listing.path}"><ol>${items}</ol></nav>`
}
