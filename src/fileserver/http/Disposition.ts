/**
 * The Content-Disposition of a download (RFC 6266): an ASCII name for all
 * clients, and the exact name for those that support RFC 8187.
 */
import * as ByteName from "../names/ByteName.ts"

const unproblematic = /^[A-Za-z0-9!#$&+.^_`|~ ()[\]{}=,;@'-]*$/
// Besides non-ASCII characters: quotes and backslashes, which clients unescape
// differently, and percent signs, which some clients decode (RFC 6266 appendix D).
const replaced = /[^\x20-\x7e]|["\\%/:*?<>]/gu

/**
 * The value of the field. Invalid UTF-8 in the name becomes `_`, and so do the
 * characters that could disguise it in the browser's list of downloads.
 */
export const attachment = (name: ByteName.ByteName): string => {
  const text = ByteName.toText(name).replaceAll("\ufffd", "_").replace(ByteName.deceptive, "_")
  if (unproblematic.test(text)) return `attachment; filename="${text}"`
  const fallback = text.replace(replaced, "_")
  return `attachment; filename="${fallback}"; filename*=UTF-8''${ByteName.toUrl(ByteName.fromText(text))}`
}
