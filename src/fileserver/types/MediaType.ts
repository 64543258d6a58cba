/**
 * What follows from a media type: the Content-Type field, whether browsers run
 * scripts in it, and whether compression pays.
 */

/** The media type of files of unknown types. */
export const unknown = "application/octet-stream"

/** The value of Content-Type for a media type: text is sent as UTF-8. */
export const contentType = (type: string): string =>
  type.startsWith("text/") ? `${type}; charset=utf-8` : type

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
  /^(?:text\/.*|.*\+(?:json|xml|text)|application\/(?:javascript|json|jsonl|ld\+json|manifest\+json|sql|toml|wasm|x-(?:httpd-php|javascript|ndjson|sh|subrip|tex|yaml)|xml|xml-dtd|yaml)|font\/(?:otf|ttf)|image\/(?:bmp|vnd\.microsoft\.icon))$/

/** Whether files of this type become much smaller by compression. */
export const isCompressible = (type: string): boolean => compressible.test(type)
