/**
 * Parses the head of an origin's response: a status line, fields, and exactly
 * one way to delimit the body (RFC 9112 6.3). What RFC 9112 allows a recipient to
 * repair is read: lines that end in LF alone (2.2), and white space before a
 * field's colon (5.1). The connection of such a response is not used again.
 * Requests of visitors are read strictly (`PlainRequest.ts`).
 */
import type { Header, HeaderList } from "../../domain/HeaderList.ts"
import { all } from "../../domain/HeaderList.ts"
import * as FieldLine from "./FieldLine.ts"
import { contentLength, type Framing, responseHasBody } from "./Framing.ts"
import { connectionOptions } from "./HopByHop.ts"

/** A complete head at the start of some bytes. */
export interface OriginResponse {
  readonly _tag: "Response"
  /** 100 to 999; after a status below 200 another head follows, except after 101. */
  readonly status: number
  readonly headers: HeaderList
  readonly framing: Framing
  /** Whether the origin keeps the connection open after the body (RFC 9112 9.3). */
  readonly persists: boolean
  /**
   * Whether the connection may be used again after the body: it persists, and
   * there is no doubt where the response ends. There is after a response without
   * a body (to HEAD, with status 204, 205 or 304, or of length 0), since many
   * applications send one nevertheless, and it may come later.
   */
  readonly isReusable: boolean
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

const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/
const version = "HTTP/1."
const spaceBeforeColon = /^([^\s:]+)[\t ]+:/
const emptyLine = Buffer.from("\n\r\n")
const bareEmptyLine = Buffer.from("\n\n")
const lf = 10
const cr = 13

const unfinished: Unfinished = { _tag: "Unfinished" }
const broken = (detail: string): Broken => ({ _tag: "Broken", detail })

/** The detail of bytes that are a TLS alert. */
export const tlsAnswer = "it answers with TLS"

/** The first byte of a TLS alert, and the first of its version (RFC 8446 5.1). */
const isTlsAlert = (bytes: Buffer): boolean => bytes[0] === 0x15 && bytes[1] === 0x03

/** Parses the head of the response to a request with this method. */
export const recognise = (bytes: Buffer, method: string): OriginResponse | Broken | Unfinished => {
  const last = lastLineEnd(bytes)
  const isUsual = bytes[last + 1] === cr
  const end = last + (isUsual ? 3 : 2)
  if (end > maxHead || (last < 0 && bytes.length >= maxHead))
    return broken(`the head is larger than ${maxHead / 1024} KiB`)
  if (last < 0) return checkStart(bytes)
  const lines = new Lines(bytes.toString("latin1", 0, last + 1), bytes)
  const line = statusLine.exec(lines.next())
  if (line === null) return broken("the status line is illegal")
  const headers: Array<Header> = []
  while (lines.hasNext) {
    const field = lines.nextField()
    if (field === undefined) return broken("a header field is illegal")
    headers.push(field)
  }
  const response = framed(line[1] === "1", Number(line[2]), headers, method, end)
  if (response._tag === "Broken" || (isUsual && lines.areStrict)) return response
  return { ...response, isReusable: false }
}

/** The offset of the LF before the empty line that ends the head; -1 if that line has not arrived. */
const lastLineEnd = (bytes: Buffer): number => {
  const usual = bytes.indexOf(emptyLine)
  const before = usual < 0 ? bytes : bytes.subarray(0, usual + 1)
  const bare = before.indexOf(bareEmptyLine)
  return bare < 0 ? usual : bare
}

/** The lines of a head, one after the other. */
class Lines {
  /** Whether all lines so far end with CRLF and have no white space before the colon. */
  areStrict = true
  private readonly text: string
  /** The same, one byte for each character, and more. */
  private readonly bytes: Buffer
  private at = 0

  constructor(text: string, bytes: Buffer) {
    this.text = text
    this.bytes = bytes
  }

  get hasNext(): boolean {
    return this.at < this.text.length
  }

  /** The next line, without its end. */
  next(): string {
    const start = this.at
    return this.text.slice(start, this.lineEnd())
  }

  /** The field of the next line; `undefined` if it is illegal. */
  nextField(): Header | undefined {
    const start = this.at
    const end = this.lineEnd()
    const field = FieldLine.parseIn(this.bytes, this.text, start, end)
    if (field !== undefined) return field
    this.areStrict = false
    const line = this.text.slice(start, end).replace(spaceBeforeColon, "$1:")
    return FieldLine.parse(line, 0, line.length)
  }

  /** Moves to the next line; the offset where the current one ends. */
  private lineEnd(): number {
    const end = this.text.indexOf("\n", this.at)
    this.at = end + 1
    if (this.text.charCodeAt(end - 1) === cr) return end - 1
    this.areStrict = false
    return end
  }
}

/**
 * Detects an illegal status line before the head is complete, because a peer of
 * another protocol may never complete it.
 */
const checkStart = (bytes: Buffer): Broken | Unfinished => {
  const start = bytes.toString("latin1", 0, version.length)
  if (isTlsAlert(bytes)) return broken(tlsAnswer)
  if (!version.startsWith(start)) return broken("it does not begin like a response")
  const end = bytes.indexOf(lf)
  if (end < 0) return unfinished
  const line = new Lines(bytes.toString("latin1", 0, end + 1), bytes).next()
  return statusLine.test(line) ? unfinished : broken("the status line is illegal")
}

const framed = (
  isCurrent: boolean,
  status: number,
  headers: HeaderList,
  method: string,
  end: number,
): OriginResponse | Broken => {
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
  const isKept = isCurrent
    ? !options.has("close")
    : options.has("keep-alive") && !options.has("close") && coding === undefined
  const persists = isKept && framing !== close
  const isEmpty = framing === none || (framing._tag === "Length" && framing.length === 0)
  const isReusable = persists && !isEmpty && status !== resetContent
  return { _tag: "Response", status, headers, framing, persists, isReusable, end }
}

const none: Framing = { _tag: "None" }
const chunked: Framing = { _tag: "Chunked" }
const close: Framing = { _tag: "Close" }
const resetContent = 205

/**
 * Whether bytes on an idle connection are the response by which an origin ends it:
 * 408, after which it closes the connection (RFC 9110 15.5.9). It has to say so, since
 * no other response may come without a request.
 */
export const endsKeepAlive = (bytes: Buffer): boolean => {
  const head = recognise(bytes, "GET")
  if (head._tag !== "Response" || head.status !== 408) return false
  return !head.persists && (isHttp10(bytes) || connectionOptions(head.headers).has("close"))
}

const isHttp10 = (bytes: Buffer): boolean => bytes[version.length] === 0x30

/** How long the origin keeps an idle connection open, in seconds (`Keep-Alive: timeout=N`). */
export const keepAliveSeconds = (headers: HeaderList): number | undefined => {
  for (const value of all(headers, "keep-alive")) {
    const match = /(?:^|[,;\s])timeout\s*=\s*"?(\d{1,6})\b/i.exec(value)
    if (match !== null) return Number(match[1])
  }
  return undefined
}
