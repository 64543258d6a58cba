/**
 * The opening of a link, as one process passes it with its connection to
 * another one, which answers it.
 */
import type { IncomingMessage } from "node:http"
import { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { TLSSocket } from "node:tls"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { fromRaw, grouped } from "../../domain/HeaderList.ts"

/** What the opening of a link is read from. */
export type UpgradeRequest = Pick<
  IncomingMessage,
  "method" | "url" | "headers" | "headersDistinct" | "rawHeaders" | "socket"
>

const HandedLink = Schema.Struct({
  method: Schema.String,
  url: Schema.String,
  rawHeaders: Schema.Array(Schema.String),
  /** What came behind the request. */
  head: Schema.Uint8ArrayFromBase64,
})

const encodeFields = Schema.encodeSync(HandedLink)
const decodeFields = Schema.decodeUnknownOption(HandedLink)

/** The connection, if it can be passed on: one with TLS has its state in this process. */
export const passable = (socket: Duplex): Socket | undefined =>
  socket instanceof Socket && !(socket instanceof TLSSocket) ? socket : undefined

/** What another process needs to answer the opening, as JSON. */
export const encode = ({ method, rawHeaders, url }: UpgradeRequest, head: Buffer): unknown =>
  encodeFields({ method: method ?? "", url: url ?? "", rawHeaders, head })

/** An opening that another process has passed on; `undefined` if it is not one. */
export const decode = (
  about: unknown,
  socket: Socket,
): { readonly request: UpgradeRequest; readonly head: Buffer } | undefined => {
  const { head, method, rawHeaders, url } = Option.getOrUndefined(decodeFields(about)) ?? {}
  if (head === undefined || rawHeaders === undefined) return undefined
  const headersDistinct = grouped(fromRaw(rawHeaders))
  const headers = Object.fromEntries(
    Object.entries(headersDistinct).map(([name, values]) => [name, values.join(", ")]),
  )
  const request = { method, url, headers, headersDistinct, rawHeaders: [...rawHeaders], socket }
  return { request, head: Buffer.from(head) }
}
