/**
 * JSON with line breaks and indentation. Numbers and strings stay exactly as
 * they are in the file.
 */

const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g

/** The deepest nesting that is indented further. */
const maxDepth = 64

/** The text with two spaces for each level; `undefined` if it is not JSON. */
export const indent = (text: string): string | undefined => {
  try {
    JSON.parse(text)
  } catch {
    return undefined
  }
  const parts: Array<string> = []
  let depth = 0
  let before = ""
  const newLine = (): void => {
    parts.push("\n", "  ".repeat(Math.min(depth, maxDepth)))
  }
  for (const [part] of text.matchAll(token)) {
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
