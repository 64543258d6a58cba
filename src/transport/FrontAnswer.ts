/**
 * What may be written to a visitor's connection: heads from the tunnel are
 * checked before they reach a socket, and get this connection's own framing.
 */
import { type Header, type HeaderList, isName, isValue } from "../domain/HeaderList.ts"
import { contentLength } from "../protocol/Framing.ts"
import { connectionOptions } from "../protocol/HopByHop.ts"
import type { ResponseHead } from "../protocol/Message.ts"

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

const connectionFields = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
])

/** What this connection's framing adds to a head or has no room for. */
export interface OwnFraming {
  /** To be said in a field of its own. */
  readonly length: number | undefined
  /** Only chunks have trailers behind them (RFC 9110 6.5.1). */
  readonly chunked: boolean
}

/** The fields of a response with this connection's own framing. */
export const ownFraming = (head: ResponseHead, { chunked, length }: OwnFraming): HeaderList => {
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
