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
  /** Path and query, in origin-form. */
  readonly target: string
  readonly headers: HeaderList
  /** The offset of the body. */
  readonly bodyAt: number
  /** The offset of the first byte after the request. */
  readonly end: number
}

/** The largest head that is accepted, in bytes. */
export const maxHead = 8 * 1024

/** The largest body that is accepted, in bytes. */
export const maxBody = 64 * 1024

const maxFields = 64
const requestLine =
  /^(GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH) (\/[\x21\x22\x24-\x7e]*) HTTP\/1\.1\r\n/
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
  for (let start = line[0].length; start < text.length; ) {
    const end = text.indexOf("\r\n", start)
    const field = FieldLine.parse(text, start, end)
    if (field === undefined || headers.length === maxFields) return undefined
    const value = field[1]
    const lower = field[0].toLowerCase()
    if (lower === "host") hosts += value === "" ? 2 : 1
    else if (lower === "connection") {
      if (value.toLowerCase() !== "keep-alive") return undefined
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
  return { method: line[1] as string, target: line[2] as string, headers, bodyAt, end }
}
