/**
 * Bodies of responses of WebDAV (RFC 4918 14).
 */

import type * as Headers from "../../domain/HeaderList.ts"
import { STATUS_CODES } from "../../transport/runtime/NodeHttp.ts"
import * as XmlTree from "./XmlTree.ts"

/** The fields of a response with XML. */
export const headers: Headers.HeaderList = [
  ["Content-Type", 'application/xml; charset="utf-8"'],
  ["Cache-Control", "no-store"],
  ["X-Content-Type-Options", "nosniff"],
]

/** The beginning and end of a document. */
export const start = '<?xml version="1.0" encoding="utf-8"?>\n<D:multistatus xmlns:D="DAV:">\n'
export const end = "</D:multistatus>\n"

const statusLine = (status: number): string =>
  `<D:status>HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}</D:status>`

/** Properties with one status. */
export interface PropertyGroup {
  readonly status: number
  /** Elements. */
  readonly content: string
}

/** A resource with its properties. */
export const withProperties = (href: string, groups: ReadonlyArray<PropertyGroup>): string =>
  `<D:response><D:href>${XmlTree.escapeText(href)}</D:href>${groups
    .map(
      ({ content, status }) =>
        `<D:propstat><D:prop>${content}</D:prop>${statusLine(status)}</D:propstat>`,
    )
    .join("")}</D:response>\n`

/** A resource with a status. */
export const withStatus = (href: string, status: number): string =>
  `<D:response><D:href>${XmlTree.escapeText(href)}</D:href>${statusLine(status)}</D:response>\n`

/** A property of WebDAV with its content. */
export const property = (name: string, content: string): string =>
  content === "" ? `<D:${name}/>` : `<D:${name}>${content}</D:${name}>`

/** A property by its name alone. */
export const nameOnly = (namespace: string, name: string): string =>
  namespace === XmlTree.dav ? `<D:${name}/>` : `<${name} xmlns="${XmlTree.escapeText(namespace)}"/>`

/** A precondition that was not met (RFC 4918 16). */
export const error = (condition: string, href?: string): string =>
  `<?xml version="1.0" encoding="utf-8"?>\n<D:error xmlns:D="DAV:">${property(
    condition,
    href === undefined ? "" : `<D:href>${XmlTree.escapeText(href)}</D:href>`,
  )}</D:error>\n`
