/**
 * Indents JSON without reading its values: numbers stay as they were written,
 * and a text that was cut off is indented as far as it goes.
 */

const step = "  "

/** Deeper values are not indented further, so that a hostile text does not become much longer. */
const maxDepth = 20

/** What stands on its own: a string, which may be cut off, a bracket or comma, blanks, or anything else. */
const tokens = /"(?:[^"\\]|\\.)*"?|[[\]{},:]|\s+|[^\s"[\]{},:]+/g

/** The text with a line for each value. */
export const indent = (text: string): string => {
  let depth = 0
  let result = ""
  let last = ""
  const newLine = (): string => `\n${step.repeat(Math.min(depth, maxDepth))}`
  for (const [token] of text.matchAll(tokens)) {
    if (/^\s/.test(token)) continue
    if (token === "}" || token === "]") {
      depth = Math.max(0, depth - 1)
      result += last === "{" || last === "[" ? token : newLine() + token
    } else {
      if (last === "{" || last === "[") result += newLine()
      else if (last === ",") result += newLine()
      result += token === ":" ? ": " : token
      if (token === "{" || token === "[") depth++
    }
    last = token
  }
  return result
}

/** Whether a body is JSON, by its type or its beginning. */
export const isJson = (text: string, type: string): boolean =>
  /\bjson\b/i.test(type) || /^\s*(?:\{\s*"|\[\s*[[{"\d])/.test(text)
