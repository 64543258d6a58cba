/**
 * Parses one field line of a head or a trailer section, strictly (RFC 9112 5):
 * a name, a colon and a legal value.
 */
import { type Header, isName, isNameIn, isValue, isValueIn } from "../../domain/HeaderList.ts"

const tab = 9
const space = 32

/** The text between two offsets without surrounding spaces and tabs (RFC 9112 5). */
const trimmed = (text: string, from: number, to: number): string => {
  let start = from
  let end = to
  for (let code = text.charCodeAt(start); start < end && (code === space || code === tab); )
    code = text.charCodeAt(++start)
  for (let code = text.charCodeAt(end - 1); end > start && (code === space || code === tab); )
    code = text.charCodeAt(--end - 1)
  return text.slice(start, end)
}

/**
 * The field between two offsets of a text, which exclude the line's end;
 * `undefined` if it is illegal.
 */
export const parse = (text: string, start: number, end: number): Header | undefined => {
  const colon = text.indexOf(":", start)
  if (colon < 0 || colon > end) return undefined
  const name = text.slice(start, colon)
  const value = trimmed(text, colon + 1, end)
  return isName(name) && isValue(value) ? [name, value] : undefined
}

/**
 * The same for a text that is also there as bytes, one for each character at the
 * same offsets: checking those takes half the time of checking texts.
 */
export const parseIn = (
  bytes: Uint8Array,
  text: string,
  start: number,
  end: number,
): Header | undefined => {
  const colon = text.indexOf(":", start)
  if (colon < 0 || colon > end || !isNameIn(bytes, start, colon)) return undefined
  let from = colon + 1
  let to = end
  while (from < to && isBlank(bytes[from])) from++
  while (to > from && isBlank(bytes[to - 1])) to--
  return isValueIn(bytes, from, to) ? [text.slice(start, colon), text.slice(from, to)] : undefined
}

const isBlank = (byte: number | undefined): boolean => byte === space || byte === tab
