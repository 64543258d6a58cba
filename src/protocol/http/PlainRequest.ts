/**
 * A fast parser for the most common requests: small, complete in one read, and
 * unambiguous. Every other request is left to Node's parser.
 */
import type { Header, HeaderList } from "../../domain/HeaderList.ts"
import { allExcept } from "./ConnectionFields.ts"
import * as FieldLine from "./FieldLine.ts"

/** A complete request at the start of some bytes. */
export interface PlainRequest {
  readonly method: string
  /** Path and query, in origin-form and ASCII. */
  readonly target: string
  readonly headers: HeaderList
  /** The offset of the body. */
  readonly bodyAt: number
  /** The offset of the first byte after the request. */
  readonly end: number
  /** Whether it is the last request of its connection (`Connection: close`). */
  readonly closes: boolean
}

/** The largest head that is accepted, in bytes. */
export const maxHead = 8 * 1024

/** The largest body that is accepted, in bytes. */
export const maxBody = 64 * 1024

const maxFields = 64
// Any method is passed on (RFC 9110 9.1), up to `maxMethod` of Wire.ts.
const requestLine =
  /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}) (\/[\x21\x22\x24-\x7e\x80-\xff]*) HTTP\/1\.1\r\n/
const beyondAscii = /[\x80-\xff]/
const everyBeyondAscii = /[\x80-\xff]/g
const headEnd = Buffer.from("\r\n\r\n")

/** Fields that affect the framing of a request, its connection, or how it is answered. */
const special = allExcept([], ["expect", "http2-settings", "trailer"])

/**
 * The request at the start of `bytes`; `undefined` if it is not complete or not
 * one of those accepted here.
 */
export const recognise = (bytes: Buffer): PlainRequest | undefined => {
  const at = bytes.indexOf(headEnd)
  if (at < 0 || at > maxHead) return undefined
  const text = bytes.toString("latin1", 0, at + 2)
  const line = requestLine.exec(text)
  if (line === null) return undefined
  const headers: Array<Header> = []
  let hosts = 0
  let length: number | undefined
  let closes = false
  for (let start = line[0].length; start < text.length; ) {
    const end = text.indexOf("\r\n", start)
    const field = FieldLine.parseIn(bytes, text, start, end)
    if (field === undefined || headers.length === maxFields) return undefined
    const value = field[1]
    const lower = field[0].toLowerCase()
    if (lower === "host") hosts += value === "" ? 2 : 1
    else if (lower === "connection") {
      const option = value.toLowerCase()
      if (option === "close") closes = true
      else if (option !== "keep-alive") return undefined
    } else if (lower === "content-length") {
      if (length !== undefined || !/^\d{1,6}$/.test(value)) return undefined
      length = Number(value)
    } else if (special.has(lower)) return undefined
    headers.push(field)
    start = end + 2
  }
  const bodyAt = at + headEnd.length
  const end = bodyAt + (length ?? 0)
  if (hosts !== 1 || (length ?? 0) > maxBody || end > bytes.length) return undefined
  const target = percentEncoded(line[2] as string)
  return { method: line[1] as string, target, headers, bodyAt, end, closes }
}

/**
 * The target with its bytes beyond ASCII, which it must not have (RFC 3986 2),
 * percent-encoded. `curl -G -d name=Müller` sends such bytes.
 */
export const percentEncoded = (target: string): string =>
  beyondAscii.test(target)
    ? target.replace(
        everyBeyondAscii,
        (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`,
      )
    : target

const startOfLine = /^[^\s\x80-\xff]+ (\/[^\x00-\x20\x7f]*) HTTP\//

/**
 * The bytes of a request that {@link recognise} does not accept, with its target
 * percent-encoded for a parser that refuses bytes beyond ASCII.
 */
export const withEncodedTarget = (bytes: Buffer): Buffer => {
  const end = bytes.indexOf(10)
  if (end < 0 || end > maxHead) return bytes
  const line = startOfLine.exec(bytes.toString("latin1", 0, end))
  if (line === null || !beyondAscii.test(line[0])) return bytes
  const target = line[1] as string
  const encoded = Buffer.from(
    line[0].replace(target, () => percentEncoded(target)),
    "latin1",
  )
  return Buffer.concat([encoded, bytes.subarray(line[0].length)])
}
