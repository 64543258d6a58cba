/**
 * The text of a recorded body as an administrator has edited it, with the
 * secrets that were shown as `***` put back. Each is put back only beside the
 * name that it had, and only where it would be masked again, so that no edit
 * makes a secret visible.
 */
import { mask } from "./Redaction.ts"
import * as RedactSecrets from "./RedactSecrets.ts"

/** What stands where a shown text has masks, in their order; `undefined` if the sent text is not the shown one. */
const secretsOf = (shown: string, sent: string): ReadonlyArray<string> | undefined => {
  const [first = "", ...pieces] = shown.split(mask)
  const last = pieces.length - 1
  const secrets: Array<string> = []
  let at = first.length
  if (!sent.startsWith(first)) return undefined
  for (const [index, piece] of pieces.entries()) {
    const end = index === last ? sent.length - piece.length : sent.indexOf(piece, at)
    if (end < at || !sent.startsWith(piece, end)) return undefined
    secrets.push(sent.slice(at, end))
    at = end + piece.length
  }
  return secrets
}

const separators = ",{[&;<\n"

/** What names the mask after a text: its end, from the last separator on, without white space. */
const nameBefore = (text: string): string => {
  let start = text.length
  while (start > 0 && !separators.includes(text.charAt(start - 1))) start--
  return text.slice(start).replace(/\s/g, "")
}

/** How many secrets are put back at most: each is looked for among the others. */
const maxSecrets = 1_000

/**
 * The edited text with the secrets that were sent, each used once; `undefined`
 * if one of its masks stands for none.
 *
 * @param shown the text as the administrator saw it
 * @param sent the text as the visitor sent it
 * @param types the values of Content-Type of what was sent and of what is to be sent
 */
export const restore = (
  edited: string,
  shown: string,
  sent: string,
  types: ReadonlyArray<string>,
): string | undefined => {
  const secrets = secretsOf(shown, sent)
  if (secrets === undefined || secrets.length > maxSecrets) return undefined
  const names = shown.split(mask).map(nameBefore)
  const unused = secrets.map((secret, index) => ({ secret, name: names[index] }))
  const pieces = edited.split(mask)
  let restored = ""
  for (const [index, piece] of pieces.entries()) {
    restored += piece
    if (index === pieces.length - 1) break
    const nameHere = nameBefore(piece)
    const found = unused.findIndex(({ name }) => name === nameHere)
    const [secret] = found < 0 ? [] : unused.splice(found, 1)
    if (secret === undefined) return undefined
    restored += secret.secret
  }
  const isHidden = types.every((type) => RedactSecrets.body(restored, type) === edited)
  return isHidden ? restored : undefined
}
