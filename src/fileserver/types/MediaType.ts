/**
 * What follows from a media type: the Content-Type field, whether browsers run
 * scripts in it, and whether compression pays.
 */

/** The media type of files of unknown types. */
export const unknown = "application/octet-stream"

/** What is in a file. */
export interface Content {
  /** Without parameters. */
  readonly mediaType: string
  /** The charset of a text, if it is known. */
  readonly charset: string | undefined
  /** The content coding that the file itself has. */
  readonly coding: "gzip" | undefined
}

/** The value of Content-Type. */
export const contentType = ({ charset, mediaType }: Content): string =>
  charset === undefined ? mediaType : `${mediaType}; charset=${charset}`

/** Whether a browser may run scripts in a document of this type. */
export const isActive = (type: string): boolean =>
  type === "text/html" ||
  type === "text/xml" ||
  type === "text/xsl" ||
  type === "text/mathml" ||
  type === "application/xml" ||
  type === "application/xml-dtd" ||
  type === "multipart/related" ||
  type === "message/rfc822" ||
  type.endsWith("+xml")

const compressible =
  /^(?:text\/.*|.*\+(?:json|xml|text)|application\/(?:javascript|json|json5|jsonl|ld\+json|manifest\+json|n-(?:quads|triples)|postscript|rtf|sql|toml|trig|vnd\.(?:apple\.mpegurl|ms-fontobject)|wasm|x-(?:httpd-php|javascript|ndjson|sh|subrip|tex|yaml)|xml|xml-dtd|yaml)|audio\/x-(?:mpegurl|scpls)|font\/(?:otf|ttf)|image\/(?:bmp|vnd\.microsoft\.icon)|model\/(?:obj|stl|vrml))$/

/** Whether files of this type become much smaller by compression. */
export const isCompressible = (type: string): boolean => compressible.test(type)
