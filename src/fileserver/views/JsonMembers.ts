/**
 * The members of a JSON object as its text has them: read as numbers of
 * JavaScript they would lose digits. One pass over the text, since it is read
 * while others wait; a reviver takes twenty times as long.
 */

/** The deepest nesting that is shown. */
const maxDepth = 1_000

const code = (character: string): number => character.charCodeAt(0)
const [quote, backslash, colon, comma] = [code('"'), code("\\"), code(":"), code(",")]
const opening = new Set([code("{"), code("[")])
const closing = new Set([code("}"), code("]")])

/** Where a string ends that begins at a place. */
const stringEnd = (json: string, start: number): number => {
  let at = start + 1
  while (json.charCodeAt(at) !== quote) at += json.charCodeAt(at) === backslash ? 2 : 1
  return at + 1
}

/** Without spaces between tokens, and with strings as `JSON.stringify` writes them. */
const compact = (json: string): string =>
  json.replace(/"[^"\\]*(?:\\.[^"\\]*)*"|\s+/g, (token) => {
    if (!token.startsWith('"')) return ""
    return token.includes("\\") ? JSON.stringify(JSON.parse(token)) : token
  })

/** The text of a value; of a string, its content. */
const shown = (json: string): string => {
  const value = json.trim()
  return value.startsWith('"') ? String(JSON.parse(value)) : compact(value)
}

/** Gives the members of an object, from valid JSON; `undefined` if it is nested too deeply. */
export const read = (json: string): ReadonlyMap<string, string> | undefined => {
  const members = new Map<string, string>()
  let depth = 0
  let name: string | undefined
  let start = 0
  const end = (at: number): void => {
    if (name !== undefined) members.set(name, shown(json.slice(start, at)))
    name = undefined
  }
  for (let at = 0; at < json.length; at++) {
    const character = json.charCodeAt(at)
    if (character === quote) {
      const after = stringEnd(json, at)
      if (depth === 1) name ??= String(JSON.parse(json.slice(at, after)))
      at = after - 1
    } else if (opening.has(character)) {
      if (++depth > maxDepth) return undefined
    } else if (closing.has(character)) {
      if (--depth === 0) end(at)
    } else if (depth === 1 && character === colon) start = at + 1
    else if (depth === 1 && character === comma) end(at)
  }
  return members
}
