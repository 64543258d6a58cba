/**
 * The Content-Disposition of a download (RFC 6266): a name for any client, and
 * the exact one for those that know RFC 8187.
 */
import * as ByteName from "../names/ByteName.ts"

const plain = /^[A-Za-z0-9!#$&+.^_`|~ ()[\]{}=,;@'-]*$/
// Beside what is not ASCII: quotes and backslashes, which clients unescape
// differently, and percent signs, which some of them decode (RFC 6266 appendix D).
const doubtful = /[^\x20-\x7e]|["\\%/:*?<>]/gu

/** The field's value that has a file saved under its own name; bytes that are no text become `_`. */
export const attachment = (name: ByteName.ByteName): string => {
  const text = ByteName.toText(name).replaceAll("\ufffd", "_")
  if (plain.test(text)) return `attachment; filename="${text}"`
  const fallback = text.replace(doubtful, "_")
  return `attachment; filename="${fallback}"; filename*=UTF-8''${ByteName.toUrl(ByteName.fromText(text))}`
}
