/**
 * HTTP header fields: a list in which order and repetition are significant.
 *
 * A value is a byte string: each character is one byte (0 to 255), as in Node's
 * API. Names keep their case.
 */
import * as Schema from "effect/Schema"

const namePattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
// RFC 9110 5.5: visible characters, obs-text, inner spaces and tabs.
const valuePattern = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/

/** A field name: a token (RFC 9110 5.1). */
export const HeaderName = Schema.String.check(Schema.isPattern(namePattern))

/** A field value as a byte string without CR, LF, NUL or outer white space (RFC 9110 5.5). */
export const HeaderValue = Schema.String.check(Schema.isPattern(valuePattern))

/** One field. */
export type Header = readonly [name: string, value: string]

/** Fields in the order in which they were sent. */
export type HeaderList = ReadonlyArray<Header>

/** Schema of {@link HeaderList}. */
export const HeaderList = Schema.Array(Schema.Tuple([HeaderName, HeaderValue]))

/** No fields. */
export const empty: HeaderList = []

/** Whether `name` is a {@link HeaderName}. */
export const isName = (name: string): boolean => namePattern.test(name)

/** Whether `value` is a {@link HeaderValue}. */
export const isValue = (value: string): boolean => valuePattern.test(value)

const tableOf = (matches: (character: string) => boolean): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, byte) => (matches(String.fromCharCode(byte)) ? 1 : 0))

const nameBytes = tableOf(isName)
const innerValueBytes = tableOf((character) => isValue(`x${character}x`))
const outerValueBytes = tableOf(isValue)

/** Whether a range of bytes, one for each character, is a {@link HeaderName}. */
export const isNameIn = (bytes: Uint8Array, from: number, to: number): boolean => {
  for (let at = from; at < to; at++) if (nameBytes[bytes[at] as number] === 0) return false
  return from < to
}

/** Whether a range of bytes, one for each character, is a {@link HeaderValue}. */
export const isValueIn = (bytes: Uint8Array, from: number, to: number): boolean => {
  if (from >= to) return true
  if (outerValueBytes[bytes[from] as number] === 0) return false
  if (outerValueBytes[bytes[to - 1] as number] === 0) return false
  for (let at = from; at < to; at++) if (innerValueBytes[bytes[at] as number] === 0) return false
  return true
}

/** All values of a field, in order. `name` is in lower case. */
export const all = (headers: HeaderList, name: string): ReadonlyArray<string> => {
  const values: Array<string> = []
  for (const [key, value] of headers) {
    if (key.length === name.length && key.toLowerCase() === name) values.push(value)
  }
  return values
}

/** The first value of a field. `name` is in lower case. */
export const first = (headers: HeaderList, name: string): string | undefined => {
  for (const [key, value] of headers) {
    if (key.length === name.length && key.toLowerCase() === name) return value
  }
  return undefined
}

/** Whether there is such a field. `name` is in lower case. */
export const has = (headers: HeaderList, name: string): boolean =>
  first(headers, name) !== undefined

/** The list without some fields. `names` are in lower case. */
export const without = (headers: HeaderList, names: ReadonlySet<string>): HeaderList =>
  headers.filter(([name]) => !names.has(name.toLowerCase()))

/** From Node's flat `[name, value, name, value]` form. */
export const fromRaw = (raw: ReadonlyArray<string>): Array<Header> => {
  const headers: Array<Header> = new Array(raw.length >> 1)
  for (let i = 0, j = 0; j < raw.length; i++, j += 2) {
    headers[i] = [raw[j] as string, raw[j + 1] as string]
  }
  return headers
}

/** The values of each field by its name in lower case, in the order in which they come. */
export const grouped = (headers: HeaderList): Record<string, Array<string>> => {
  // Without a prototype, since `constructor` is a name like any other.
  const fields: Record<string, Array<string>> = Object.create(null)
  for (const [name, value] of headers) {
    const lower = name.toLowerCase()
    const values = fields[lower]
    if (values === undefined) fields[lower] = [value]
    else values.push(value)
  }
  return fields
}

/** To Node's flat `[name, value, name, value]` form. */
export const toRaw = (headers: HeaderList): Array<string> => {
  const raw: Array<string> = new Array(headers.length * 2)
  for (let i = 0; i < headers.length; i++) {
    const header = headers[i] as Header
    raw[2 * i] = header[0]
    raw[2 * i + 1] = header[1]
  }
  return raw
}
