/**
 * JSON with line breaks and indentation. Numbers and strings stay exactly as
 * they are in the file.
 */

const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g

/** The deepest nesting that is indented further. */
const maxDepth = 64

/** The longest text that is given, in characters: deep nesting could make it a hundred times as long. */
const maxLength = 8 * 1024 * 1024

/** The text with two spaces for each level; `undefined` if it is not JSON, or becomes too long. */
export const indent = (text: string): string | undefined => {
  try {
    JSON.parse(text)
  } catch {
    return undefined
  }
  const parts: Array<string> = []
  let depth = 0
  let before = ""
  let length = 0
  const newLine = (): void => {
    const indentation = "  ".repeat(Math.min(depth, maxDepth))
    parts.push("\n", indentation)
    length += indentation.length
  }
  for (const [part] of text.matchAll(token)) {
    if (length > maxLength) return undefined
    const isEnd = part === "}" || part === "]"
    if (isEnd) depth--
    const isEmpty = isEnd && (before === "{" || before === "[")
    if ((isEnd && !isEmpty) || (!isEnd && (before === "{" || before === "[" || before === ","))) {
      newLine()
    }
    parts.push(part === ":" ? ": " : part)
    if (part === "{" || part === "[") depth++
    before = part
  }
  return `${parts.join("")}\n`
}
