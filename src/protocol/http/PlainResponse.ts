/**
 * Parses the head of an origin's response, strictly: a status line, fields, and
 * exactly one way to delimit the body (RFC 9112 6.3).
 */
import type { Header, HeaderList } from "../../domain/HeaderList.ts"
import { all } from "../../domain/HeaderList.ts"
import * as FieldLine from "./FieldLine.ts"
import { contentLength, type Framing, responseHasBody } from "./Framing.ts"
import { connectionOptions } from "./HopByHop.ts"

/** A complete head at the start of some bytes. */
export interface PlainResponse {
  readonly _tag: "Response"
  /** 100 to 599; after a status below 200 another head follows. */
  readonly status: number
  readonly headers: HeaderList
  readonly framing: Framing
  /** Whether the connection may be used again after the body. */
  readonly persists: boolean
  /** The offset of the first byte after the head. */
  readonly end: number
}

/** The bytes are not the start of an HTTP/1.1 response. */
export interface Broken {
  readonly _tag: "Broken"
  /** The error, for the administrator of the origin. */
  readonly detail: string
}

/** The head is not complete. */
export interface Unfinished {
  readonly _tag: "Unfinished"
}

/** The largest status line and fields that are accepted, in bytes. */
export const maxHead = 64 * 1024

const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?\r\n/
const version = "HTTP/1."
const headEnd = Buffer.from("\r\n\r\n")
const lf = 10
const cr = 13

const unfinished: Unfinished = { _tag: "Unfinished" }
const broken = (detail: string): Broken => ({ _tag: "Broken", detail })

/** Parses the head of the response to a request with this method. */
export const recognise = (bytes: Buffer, method: string): PlainResponse | Broken | Unfinished => {
  const at = bytes.indexOf(headEnd)
  if (at > maxHead - headEnd.length || (at < 0 && bytes.length >= maxHead))
    return broken(`the head is larger than ${maxHead / 1024} KiB`)
  if (at < 0) return checkStart(bytes)
  const text = bytes.toString("latin1", 0, at + 2)
  const line = statusLine.exec(text)
  if (line === null) return broken("the status line is illegal")
  const headers: Array<Header> = []
  for (let start = line[0].length; start < text.length; ) {
    const end = text.indexOf("\r\n", start)
    const field = FieldLine.parse(text, start, end)
    if (field === undefined) return broken("a header field is illegal")
    headers.push(field)
    start = end + 2
  }
  return framed(line[1] === "1", Number(line[2]), headers, method, at + headEnd.length)
}

/**
 * Detects an illegal head before it is complete, because a peer of another
 * protocol may never complete it.
 */
const checkStart = (bytes: Buffer): Broken | Unfinished => {
  const start = bytes.toString("latin1", 0, version.length)
  if (!version.startsWith(start)) return broken("it does not begin like a response")
  for (let at = bytes.indexOf(lf); at >= 0; at = bytes.indexOf(lf, at + 1))
    if (bytes[at - 1] !== cr) return broken("a line ends without CR")
  return unfinished
}

const framed = (
  isCurrent: boolean,
  status: number,
  headers: HeaderList,
  method: string,
  end: number,
): PlainResponse | Broken => {
  const length = contentLength(headers)
  if (length === "bad") return broken("Content-Length is not one number")
  const codings = all(headers, "transfer-encoding")
  const coding = codings[0]?.toLowerCase()
  if (codings.length > 1 || (coding !== undefined && coding !== "chunked"))
    return broken("a transfer coding other than chunked")
  if (coding !== undefined && length !== "none")
    return broken("both Content-Length and Transfer-Encoding")
  const framing = ((): Framing => {
    if (!responseHasBody(method, status)) return none
    if (coding !== undefined) return chunked
    return length === "none" ? close : { _tag: "Length", length }
  })()
  const options = connectionOptions(headers)
  // RFC 9112 9.3. A transfer coding on HTTP/1.0 has faulty framing (6.1).
  const persists = isCurrent
    ? !options.has("close")
    : options.has("keep-alive") && !options.has("close") && coding === undefined
  return {
    _tag: "Response",
    status,
    headers,
    framing,
    persists: persists && framing !== close,
    end,
  }
}

const none: Framing = { _tag: "None" }
const chunked: Framing = { _tag: "Chunked" }
const close: Framing = { _tag: "Close" }

/** How long the origin keeps an idle connection open, in seconds (`Keep-Alive: timeout=N`). */
export const keepAliveSeconds = (headers: HeaderList): number | undefined => {
  for (const value of all(headers, "keep-alive")) {
    const match = /(?:^|[,;\s])timeout\s*=\s*"?(\d{1,6})\b/i.exec(value)
    if (match !== null) return Number(match[1])
  }
  return undefined
}
