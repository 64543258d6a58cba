/**
 * What may be written to a visitor's connection: heads from the tunnel are
 * checked before they reach a socket, and get this connection's own framing.
 */
import { type Header, type HeaderList, isName, isValue } from "../../domain/HeaderList.ts"
import { connectionFields } from "../../protocol/http/ConnectionFields.ts"
import { contentLength, responseHasBody } from "../../protocol/http/Framing.ts"
import { connectionOptions } from "../../protocol/http/HopByHop.ts"
import type { ResponseHead } from "../../protocol/Message.ts"
import { type Body, promise } from "../body/Body.ts"

/** Why a head from the tunnel must not reach a socket (RFC 9110 5.5, 15), if so. */
export const faultOf = (head: ResponseHead, upgrade: boolean): string | undefined => {
  const { headers, status } = head
  if (!(status === 101 && upgrade) && !(Number.isInteger(status) && status >= 200 && status <= 599))
    return "its status is not a final one"
  for (const [name, value] of headers) {
    if (!isName(name)) return "a header name is illegal"
    if (!isValue(value)) return "a header value is illegal"
  }
  return contentLength(headers) === "bad" ? "its Content-Length is not one number" : undefined
}

/** What this connection's framing adds to a head or has no room for. */
interface OwnFraming {
  /** To be said in a field of its own. */
  readonly length: number | undefined
  /** Only chunks have trailers behind them (RFC 9110 6.5.1). */
  readonly chunked: boolean
}

/** The fields of a response with this connection's own framing. */
const ownFraming = (head: ResponseHead, { chunked, length }: OwnFraming): HeaderList => {
  const nominated = connectionOptions(head.headers)
  const noLength = head.status === 204
  const headers: Array<Header> = []
  for (const header of head.headers) {
    const name = header[0].toLowerCase()
    if (connectionFields.has(name) || nominated.has(name)) continue
    if (noLength && name === "content-length") continue
    if (!chunked && name === "trailer") continue
    headers.push(header)
  }
  if (length !== undefined && !noLength) headers.push(["Content-Length", `${length}`])
  return headers
}

/** How an answer is written to its connection. At most one of `whole` and `streamed` is there. */
export interface AnswerPlan {
  /** Its fields, with the connection's own framing. */
  readonly headers: HeaderList
  /** Whether its end is told by chunks. */
  readonly chunked: boolean
  /** Its body, where that is here already. */
  readonly whole: Uint8Array | undefined
  /** Its body, held to the length that was promised. */
  readonly streamed: Body | undefined
}

/** How to answer a request with a head that has no fault. A body that is not sent is let go. */
export const planOf = (
  method: string,
  head: ResponseHead,
  body: Body,
  canChunk: boolean,
): AnswerPlan => {
  const promised = contentLength(head.headers)
  const hasBody = responseHasBody(method, head.status)
  const length = typeof promised === "number" ? promised : body.length
  const chunked = hasBody && length === undefined && canChunk
  const headers = ownFraming(head, {
    length: promised === "none" && hasBody ? body.length : undefined,
    chunked,
  })
  if (!hasBody) {
    body.discard()
    return { headers, chunked, whole: undefined, streamed: undefined }
  }
  const { whole } = body
  if (whole !== undefined && (length === undefined || whole.length === length))
    return { headers, chunked, whole, streamed: undefined }
  const streamed = length === undefined ? body : promise(body, length)
  return { headers, chunked, whole: undefined, streamed }
}
