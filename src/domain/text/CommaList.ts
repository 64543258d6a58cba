/**
 * Lists in flags and environment variables: texts separated by commas. A comma
 * in braces or brackets, or after a backslash, belongs to its text, as in the
 * pattern `*.{a,b}`.
 */

const closing: { readonly [opening: string]: string } = { "{": "}", "[": "]" }

/** The index of the brace or bracket that closes the one at `start`, if there is one. */
const closeOf = (text: string, start: number): number | undefined => {
  const close = closing[text[start] as string]
  for (let at = start + 1; at < text.length; at++) {
    const character = text[at] as string
    if (character === close) return at
    if (character === "\\") at++
    // Only braces are nested in globs, and brackets may be in them.
    else if (close === "}" && character in closing) at = closeOf(text, at) ?? at
  }
  return undefined
}

/** Splits a list; white space around texts and empty texts are dropped. */
export const split = (text: string): ReadonlyArray<string> => {
  const parts: Array<string> = []
  let part = ""
  for (let at = 0; at < text.length; at++) {
    const character = text[at] as string
    if (character === ",") {
      parts.push(part)
      part = ""
    } else if (character === "\\") {
      const next = text[++at] ?? ""
      part += next === "," ? next : character + next
    } else {
      const end = character in closing ? (closeOf(text, at) ?? at) : at
      part += text.slice(at, end + 1)
      at = end
    }
  }
  return [...parts, part].map((one) => one.trim()).filter((one) => one !== "")
}
