/**
 * Texts of the pages that show failures, besides the titles and remedies of
 * `ErrorRegistry.ts`.
 */

/** Before what only the owner of the relay or server can do. */
export const forOwner = "For the owner:"

/**
 * The detail of a failure as a sentence. In logs a detail follows a code and a
 * colon, so that many are clauses without a capital and a full stop.
 */
export const sentence = (detail: string): string => {
  const text = detail.replace(/^\p{Ll}/u, (letter) => letter.toUpperCase())
  return /[\p{L}\p{N})\]"'`]$/u.test(text) ? `${text}.` : text
}
