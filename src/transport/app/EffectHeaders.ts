/**
 * Converts header lists to Effect's header records and back. A record has one
 * value per name, so repeated fields are joined as Node joins them.
 */
import * as Headers from "effect/http/Headers"
import { type Header, type HeaderList, isName, isValue } from "../../domain/HeaderList.ts"

/** Fields of which only the first is used if they are repeated. */
const single = new Set([
  "age",
  "authorization",
  "content-length",
  "content-type",
  "etag",
  "expires",
  "from",
  "host",
  "if-modified-since",
  "if-unmodified-since",
  "last-modified",
  "location",
  "max-forwards",
  "proxy-authorization",
  "referer",
  "retry-after",
  "server",
  "user-agent",
])

/** The record of a list: names in lower case, repeated fields joined with `, `, Cookie with `; `. */
export const toRecord = (headers: HeaderList): Headers.Headers => {
  const record: Record<string, string> = Object.create(null)
  for (const [key, value] of headers) {
    const name = key.toLowerCase()
    const before = record[name]
    if (before === undefined) record[name] = value
    else if (!single.has(name)) record[name] = `${before}${name === "cookie" ? "; " : ", "}${value}`
  }
  return Headers.fromInput(record)
}

/**
 * The list of a record, in its order. Leading and trailing white space is
 * removed: it is not part of a field value (RFC 9110 5.5).
 *
 * @throws `TypeError` for a name or a value that cannot be sent
 */
export const fromRecord = (record: Headers.Headers): Array<Header> =>
  Object.entries(record).map(([name, value]) => checked(name, value))

/** A field, if it can be sent; see {@link fromRecord}. */
export const checked = (name: string, value: string): Header => {
  const trimmed = value.replace(/^[\t ]+|(?<![\t ])[\t ]+$/g, "")
  if (!isName(name)) throw new TypeError(`${JSON.stringify(name)} is not the name of a field`)
  if (!isValue(trimmed)) throw new TypeError(`the field ${name} cannot have such a value`)
  return [name, trimmed]
}
