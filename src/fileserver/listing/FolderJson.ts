/**
 * A folder as JSON, for programs.
 */
import * as Format from "../../web/Format.ts"
import * as ByteName from "../names/ByteName.ts"
import type { Entry } from "../root/Folder.ts"
import * as FileTypes from "../types/FileTypes.ts"

/**
 * An entry as JSON: `{name, size, is_dir, mtime, type}`, the size in bytes, the
 * time in RFC 3339, the type a media type. A name that is not UTF-8 also has
 * `href`, its percent-encoded bytes.
 */
export const item = (entry: Entry): string =>
  JSON.stringify({
    name: ByteName.toText(entry.name),
    size: entry.size,
    is_dir: entry.folder,
    mtime: Format.rfc3339(entry.modified),
    type: entry.folder ? "inode/directory" : FileTypes.mediaTypeOf(entry.name),
    ...(ByteName.isText(entry.name) ? {} : { href: hrefOf(entry) }),
  })

const hrefOf = (entry: Entry): string => ByteName.toUrl(entry.name) + (entry.folder ? "/" : "")

/** A folder as JSON: `{"entries":[...]}`. */
export const renderJson = (items: ReadonlyArray<string>): string =>
  `{"entries":[${items.join(",")}]}\n`
