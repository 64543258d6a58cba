/**
 * The fields of a request for the origin: without those of the tunnel's
 * connection, and with the framing of the next one.
 */
import { first, type Header, type HeaderList } from "../../domain/HeaderList.ts"
import * as HopByHop from "../../protocol/http/HopByHop.ts"
import type { RequestHead } from "../../protocol/Message.ts"

/** How the body of a request is delimited. */
export interface RequestFraming {
  /** The length in bytes; `undefined` for chunks. */
  readonly length: number | undefined
  /** The protocol that the visitor asks to change to. */
  readonly protocol: string | undefined
}

/** Whether a name is this one, which is in lower case. */
const isNamed = (name: string, lower: string): boolean =>
  name.length === lower.length && name.toLowerCase() === lower

/**
 * The fields of a request for the origin, Host first.
 *
 * @param added a field besides those of the request
 */
export const ofRequest = (
  head: RequestHead,
  host: string,
  { length, protocol }: RequestFraming,
  added: Header,
): HeaderList => {
  const fields: Array<Header> = [["Host", host]]
  const chunked = length === undefined
  for (const header of HopByHop.strip(head.headers)) {
    const [name] = header
    if (isNamed(name, "host") || isNamed(name, "content-length")) continue
    if (!chunked && isNamed(name, "trailer")) continue
    fields.push(header)
  }
  if (HopByHop.takesTrailers(head.headers)) fields.push(["TE", "trailers"])
  if (protocol !== undefined) fields.push(["Connection", "Upgrade"], ["Upgrade", protocol])
  if (chunked) fields.push(["Transfer-Encoding", "chunked"])
  else if (length > 0 || first(head.headers, "content-length") !== undefined)
    fields.push(["Content-Length", `${length}`])
  fields.push(added)
  return fields
}
