/**
 * Checks a handler's response before it is written to a visitor's connection,
 * and decides how: with which fields and which framing.
 */
import { FieldNames } from "../../domain/FieldNames.ts"
import { type Header, type HeaderList, has, isName, isValue } from "../../domain/HeaderList.ts"
import { connectionFields } from "../../protocol/http/ConnectionFields.ts"
import { contentLength, responseHasBody } from "../../protocol/http/Framing.ts"
import * as HeadText from "../../protocol/http/HeadText.ts"
import { connectionOptions, upgradeRequired } from "../../protocol/http/HopByHop.ts"
import {
  CheckedResponse,
  type InterimHead,
  isFinalStatus,
  type ResponseHead,
} from "../../protocol/Message.ts"
import { type Body, promise } from "../body/Body.ts"
import { STATUS_CODES } from "../runtime/NodeHttp.ts"

/**
 * Why a head must not be written (RFC 9110 5.5, 15); `undefined` if it may be.
 *
 * @param canUpgrade whether 101 is a possible answer to the request
 */
export const faultOf = (head: ResponseHead, canUpgrade: boolean): string | undefined => {
  const { headers, status } = head
  if (!(status === 101 && canUpgrade) && !isFinalStatus(status))
    return "its status is not a final one"
  if (!(head instanceof CheckedResponse))
    for (const [name, value] of headers) {
      if (!isName(name)) return "a header name is illegal"
      if (!isValue(value)) return "a header value is illegal"
    }
  return contentLength(headers) === "bad" ? "its Content-Length is not one number" : undefined
}

/** An interim response as HTTP/1.1 has it. */
export const interimText = ({ headers, status }: InterimHead): string =>
  HeadText.response(status, STATUS_CODES[status] ?? "Unknown", headers)

/** Fields that may have to be left out. */
const droppable = new FieldNames([...connectionFields, "content-length", "trailer"])

/** How the body is delimited on this connection, as far as it changes the fields. */
interface OwnFraming {
  /** The Content-Length to add. */
  readonly length: number | undefined
  /** Whether the body is chunked; only then can trailers follow it (RFC 9110 6.5.1). */
  readonly chunked: boolean
}

/** The fields of a response with the framing of this connection. */
const ownFraming = (head: ResponseHead, { chunked, length }: OwnFraming): HeaderList => {
  const nominated = connectionOptions(head.headers)
  const noLength = head.status === 204
  const keepsUpgrade = head.status === upgradeRequired
  const headers: Array<Header> = []
  for (const header of head.headers) {
    if (nominated.size === 0 && !droppable.mayHave(header[0])) {
      headers.push(header)
      continue
    }
    const name = header[0].toLowerCase()
    if (keepsUpgrade && name === "upgrade") headers.push(header)
    if (connectionFields.has(name) || nominated.has(name)) continue
    if (noLength && name === "content-length") continue
    if (!chunked && name === "trailer") continue
    headers.push(header)
  }
  if (length !== undefined && !noLength) headers.push(["Content-Length", `${length}`])
  return headers
}

/** How a response is written. At most one of `whole` and `streamed` is defined. */
export interface ResponsePlan {
  /** The fields, with the framing of this connection. */
  readonly headers: HeaderList
  readonly chunked: boolean
  /** Whether `Connection` has to name Upgrade (RFC 9110 7.8). */
  readonly offersUpgrade: boolean
  /** The body, if all of it is in memory. */
  readonly whole: Uint8Array | undefined
  /** The body, if it is read piece by piece; it fails unless it has the promised length. */
  readonly streamed: Body | undefined
}

/**
 * Plans the response to a request. A body that is not sent is discarded.
 *
 * @param head a head without a fault
 * @param canChunk whether the visitor understands chunks: HTTP/1.1
 */
export const planOf = (
  method: string,
  head: ResponseHead,
  body: Body,
  canChunk: boolean,
): ResponsePlan => {
  const promised = contentLength(head.headers)
  const hasBody = responseHasBody(method, head.status)
  const length = typeof promised === "number" ? promised : body.length
  const chunked = hasBody && length === undefined && canChunk
  const headers = ownFraming(head, {
    length: promised === "none" && hasBody ? body.length : undefined,
    chunked,
  })
  const offersUpgrade = head.status === upgradeRequired && has(headers, "upgrade")
  const framing = { headers, chunked, offersUpgrade }
  if (!hasBody) {
    body.discard()
    return { ...framing, whole: undefined, streamed: undefined }
  }
  const { whole } = body
  if (whole !== undefined && (length === undefined || whole.length === length))
    return { ...framing, whole, streamed: undefined }
  const streamed = length === undefined ? body : promise(body, length)
  return { ...framing, whole: undefined, streamed }
}
