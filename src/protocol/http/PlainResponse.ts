/**
 * The head of a response as an origin writes it, taken strictly: a status
 * line, fields, and one way only to tell where the body ends (RFC 9112 6.3).
 * What could be understood in two ways is not understood.
 */
import type { Header, HeaderList } from "../../domain/HeaderList.ts"
import { all } from "../../domain/HeaderList.ts"
import * as FieldLine from "./FieldLine.ts"
import { contentLength, type Framing, responseHasBody } from "./Framing.ts"
import { connectionOptions } from "./HopByHop.ts"

/** A head that stands whole at the beginning of some bytes. */
export interface PlainResponse {
  readonly _tag: "Response"
  /** 100 to 599; below 200 it is followed by another head. */
  readonly status: number
  readonly headers: HeaderList
  readonly framing: Framing
  /** Whether the connection may be used again, once the body is over. */
  readonly persists: boolean
  /** Where what follows the head begins, in bytes. */
  readonly end: number
}

/** The bytes are no response of HTTP/1.1, and no more bytes can make them one. */
export interface Broken {
  readonly _tag: "Broken"
  /** What is wrong, for whoever runs the origin. */
  readonly detail: string
}

/** The bytes may become a head. */
export interface Unfinished {
  readonly _tag: "Unfinished"
}

/** The largest head that is taken, in bytes: status line and fields. */
export const maxHead = 64 * 1024

const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?\r\n/
const version = "HTTP/1."
const headEnd = Buffer.from("\r\n\r\n")
const lf = 10
const cr = 13

const unfinished: Unfinished = { _tag: "Unfinished" }
const broken = (detail: string): Broken => ({ _tag: "Broken", detail })

/** The response to a request with this method at the beginning of `bytes`. */
export const recognise = (bytes: Buffer, method: string): PlainResponse | Broken | Unfinished => {
  const at = bytes.indexOf(headEnd)
  if (at > maxHead - headEnd.length || (at < 0 && bytes.length >= maxHead))
    return broken(`the head is larger than ${maxHead / 1024} KiB`)
  if (at < 0) return begun(bytes)
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

/** Tells early what can become of a head: who speaks another protocol may wait for us to speak it. */
const begun = (bytes: Buffer): Broken | Unfinished => {
  const known = bytes.toString("latin1", 0, version.length)
  if (!version.startsWith(known)) return broken("it does not begin like a response")
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
  // RFC 9112 9.3. A coding on HTTP/1.0 comes from somebody who may have meant something else (6.1).
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

/** How long the origin says that it keeps an idle connection, in seconds (`Keep-Alive: timeout=N`). */
export const keepAliveSeconds = (headers: HeaderList): number | undefined => {
  for (const value of all(headers, "keep-alive")) {
    const found = /(?:^|[,;\s])timeout\s*=\s*"?(\d{1,6})\b/i.exec(value)
    if (found !== null) return Number(found[1])
  }
  return undefined
}
