/**
 * The fields of a request as the origin gets them, and of its response as
 * they leave for the tunnel: without what belongs to one connection only.
 */
import { first, type Header, type HeaderList } from "../../domain/HeaderList.ts"
import * as HopByHop from "../../protocol/http/HopByHop.ts"
import { withoutHost } from "../../protocol/http/PathPrefix.ts"
import type { RequestHead } from "../../protocol/Message.ts"

/** What is known of a request's body. */
export interface RequestFraming {
  /** In bytes; `undefined` for chunks. */
  readonly length: number | undefined
  /** What the visitor wants to change to; its body is then the connection. */
  readonly protocol: string | undefined
}

/** The fields of a request with this leg's own framing, Host first. */
export const ofRequest = (
  head: RequestHead,
  host: string,
  { length, protocol }: RequestFraming,
): HeaderList => {
  const fields: Array<Header> = [["Host", host]]
  const chunked = length === undefined
  for (const header of HopByHop.strip(head.headers)) {
    const name = header[0].toLowerCase()
    if (name === "host" || name === "content-length" || (name === "trailer" && !chunked)) continue
    fields.push(header)
  }
  if (HopByHop.takesTrailers(head.headers)) fields.push(["TE", "trailers"])
  if (protocol !== undefined) fields.push(["Connection", "Upgrade"], ["Upgrade", protocol])
  else if (chunked) fields.push(["Transfer-Encoding", "chunked"])
  else if (length > 0 || first(head.headers, "content-length") !== undefined)
    fields.push(["Content-Length", `${length}`])
  return fields
}

/** The fields of a response to a visitor who asked for a host, by an origin that was told `host`. */
export const ofResponse = (headers: HeaderList, asked: RequestHead, host: string): HeaderList => {
  const stripped = HopByHop.strip(headers)
  return host === first(asked.headers, "host") ? stripped : withoutHost(stripped, host)
}
