/**
 * Lists on one line, as flags and environment variables have them: texts with
 * commas between them. A comma in braces or brackets, or after a backslash, is
 * part of its text, so that patterns such as `*.{a,b}` can stand in a list.
 */

const closing: { readonly [opening: string]: string } = { "{": "}", "[": "]" }

/** Where the braces or brackets that open at `start` are closed, if they are. */
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

/** The texts of a list, without the space around them; empty ones are left out. */
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
