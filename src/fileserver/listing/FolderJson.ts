/**
 * A folder as JSON for programs, and the page at the top.
 */
import * as Format from "../../web/Format.ts"
import { type Html, html } from "../../web/Html.ts"
import { page } from "../../web/Page.ts"
import * as ContentType from "../http/ContentType.ts"
import * as ByteName from "../names/ByteName.ts"
import type { Entry } from "../root/Folder.ts"

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
    top: "./",
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
    mtime: Format.rfc3339(entry.modified),
    type: entry.folder ? "inode/directory" : ContentType.ofName(entry.name),
    ...(ByteName.isText(entry.name) ? {} : { href: link(entry) }),
  })

/** A folder as JSON: `{"entries":[...]}`. */
export const renderJson = (items: ReadonlyArray<string>): string =>
  `{"entries":[${items.join(",")}]}\n`
