/**
 * A folder as a page for people and as JSON for programs.
 */
import { type Html, html } from "../web/Html.ts"
import { page } from "../web/Page.ts"
import * as ByteName from "./ByteName.ts"
import * as ContentType from "./ContentType.ts"
import type { Entry } from "./Folder.ts"

const units = ["kB", "MB", "GB", "TB", "PB", "EB"]

/** A size in bytes, for people: three digits and a decimal unit. */
export const formatSize = (bytes: number): string => {
  if (bytes < 1000) return `${bytes} B`
  let value = bytes
  let unit = -1
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`
}

// What four digits of a year can say; file systems can hold more.
const earliest = Date.UTC(1, 0, 1) - 1900 * 365.2425 * 86_400_000
const latest = Date.UTC(9999, 11, 31)

/** A time in milliseconds as RFC 3339; beyond the years that it can say, the nearest that it can. */
export const formatTime = (time: number): string =>
  new Date(Math.min(Math.max(time, earliest), latest)).toISOString()

const link = (entry: Entry): string => ByteName.toUrl(entry.name) + (entry.folder ? "/" : "")

/** The row of the table that shows an entry. */
export const row = (entry: Entry): Html => {
  const time = formatTime(entry.modified)
  const name = ByteName.toDisplay(entry.name)
  return entry.folder
    ? html`<tr><td><a class="folder" href="${link(entry)}"><bdi>${name}</bdi>/</a></td><td class="number"></td><td class="time"><time datetime="${time}">${time.slice(0, 10)} ${time.slice(11, 16)}</time></td></tr>
`
    : html`<tr><td><a href="${link(entry)}"><bdi>${name}</bdi></a></td><td class="number" title="${entry.size} bytes">${formatSize(entry.size)}</td><td class="time"><time datetime="${time}">${time.slice(0, 10)} ${time.slice(11, 16)}</time></td></tr>
`
}

const up = (levels: number): string => (levels === 0 ? "./" : "../".repeat(levels))

/**
 * The page of a folder at `files/` and the given segments below it.
 *
 * @param segments the folder's path below the served one
 * @param rows see {@link row}
 */
export const render = (
  segments: ReadonlyArray<ByteName.ByteName>,
  rows: ReadonlyArray<Html>,
): Html => {
  const trail = ["files", ...segments].map((segment, index) => {
    const name = ByteName.toDisplay(segment)
    return index === segments.length
      ? html`<li aria-current="page"><bdi>${name}</bdi></li>`
      : html`<li><a href="${up(segments.length - index)}"><bdi>${name}</bdi></a></li>`
  })
  const parent =
    segments.length === 0
      ? undefined
      : html`<tr><td><a class="folder" href="../" rel="up">Parent folder</a></td><td class="number"></td><td class="time"></td></tr>
`
  return page({
    title: `${ByteName.toDisplay(segments.at(-1) ?? "files")}/`,
    top: up(segments.length + 1),
    heading: html`<nav aria-label="Path"><ol>${trail}</ol></nav>`,
    main: html`<table>
<thead><tr><th scope="col">Name</th><th scope="col" class="number">Size</th><th scope="col" class="time">Changed (UTC)</th></tr></thead>
<tbody>
${parent}${rows}</tbody>
</table>
${rows.length === 0 ? html`<p class="empty">This folder is empty.</p>` : undefined}`,
  })
}

/** The page at the top. */
export const renderTop = (): Html =>
  page({
    title: "PTTH file server",
    top: "./",
    heading: html`<nav aria-label="Path"><ol><li aria-current="page">PTTH file server</li></ol></nav>`,
    main: html`<p>This is a PTTH file server. It shares one folder, for reading only.</p>
<p><a href="files/">Browse the files</a></p>
<p>Programs can read any folder as JSON: <a href="api/v1/dir/"><code>api/v1/dir/</code></a>.</p>`,
  })

/**
 * An entry as JSON: `{name, size, is_dir, mtime, type}`, the size in bytes, the
 * time in RFC 3339, the type a media type. A name that is not UTF-8 also has
 * `href`, which says its bytes.
 */
export const item = (entry: Entry): string =>
  JSON.stringify({
    name: ByteName.toText(entry.name),
    size: entry.size,
    is_dir: entry.folder,
    mtime: formatTime(entry.modified),
    type: entry.folder ? "inode/directory" : ContentType.ofName(entry.name),
    ...(ByteName.isText(entry.name) ? {} : { href: link(entry) }),
  })

/** A folder as JSON: `{"entries":[...]}`. */
export const renderJson = (items: ReadonlyArray<string>): string =>
  `{"entries":[${items.join(",")}]}\n`
