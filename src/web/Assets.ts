/**
 * The fixed files that pages load. The address of each contains a hash of its
 * content, so that browsers keep it for good and still load a changed one.
 */
import { createHash } from "node:crypto"
import * as AdminStyle from "./AdminStyle.ts"
import * as LiveScript from "./LiveScript.ts"
import * as Logo from "./Logo.ts"
import * as Script from "./Script.ts"
import * as Style from "./Style.ts"
import * as Theme from "./script/Theme.ts"

/** A file. */
export interface Asset {
  /** From the top of the site, such as `assets/style-0f1e2d3c4b5a6978.css`. */
  readonly path: string
  /** The value of Content-Type. */
  readonly type: string
  readonly bytes: Uint8Array
  /** For the attribute `integrity` (Subresource Integrity) and in a policy (Content Security Policy 3). */
  readonly integrity: string
}

const make = (name: string, extension: string, type: string, text: string): Asset => {
  const bytes = Buffer.from(text)
  const digest = createHash("sha256").update(bytes).digest()
  const path = `assets/${name}-${digest.toString("hex").slice(0, 16)}.${extension}`
  return { path, type, bytes, integrity: `sha256-${digest.toString("base64")}` }
}

/** The style sheet of all pages. */
export const style = make("style", "css", "text/css; charset=utf-8", Style.css)

/** What the administrator's pages have besides. */
export const adminStyle = make("admin", "css", "text/css; charset=utf-8", AdminStyle.css)

/** The logo, also the icon of all pages. */
export const logo = make("logo", "svg", "image/svg+xml", Logo.svg)

/** The script that applies the chosen theme before a page is painted. */
export const theme = make("theme", "js", "text/javascript; charset=utf-8", Theme.js)

/** The script of the file server's pages. */
export const script = make("files", "js", "text/javascript; charset=utf-8", Script.js)

/** The script of the relay's pages. */
export const liveScript = make("live", "js", "text/javascript; charset=utf-8", LiveScript.js)

/** Cache-Control of an asset (RFC 9111 5.2.2, RFC 8246): for a year, without asking again. */
export const cacheControl = "max-age=31536000, immutable"
