/**
 * A folder as JSON for programs, the page at the top, and how sizes and times
 * are written.
 */
import { type Html, html } from "../../web/Html.ts"
import { page } from "../../web/Page.ts"
import * as ContentType from "../http/ContentType.ts"
import * as ByteName from "../names/ByteName.ts"
import type { Entry } from "../root/Folder.ts"

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

/**
 * The page at the top.
 *
 * @param status how the server is doing
 * @param uploads whether files may be put into it
 */
export const renderTop = (status: Html, uploads: boolean): Html =>
  page({
    title: "PTTH file server",
    top: "../",
    heading: html`<h1>PTTH file server</h1>`,
    main: html`<p>This is a PTTH file server. It shares one folder${uploads ? "; files may be uploaded to it" : ", for reading only"}.</p>
<p><a href="files/">Browse the files</a></p>
<p>Programs can read any folder as JSON: <a href="api/v1/dir/"><code>api/v1/dir/</code></a>.</p>
${status}`,
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
