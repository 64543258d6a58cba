/**
 * Reads the head of an HTTP/2 request (RFC 9113 8.3) as one of HTTP/1.1 (RFC
 * 9113 8.2.2, 8.2.3; RFC 8441). Node's library has refused names in upper case,
 * unknown and late pseudo-header fields; what is left, and what would be another
 * request to the next one who reads it, is refused here.
 */
import { randomBytes } from "node:crypto"
import * as Result from "effect/Result"
import { type Header, type HeaderList, isName, isValue } from "../../domain/HeaderList.ts"
import { allExcept } from "../../protocol/http/ConnectionFields.ts"
import { contentLength, type Framing } from "../../protocol/http/Framing.ts"
import { percentEncoded } from "../../protocol/http/PlainRequest.ts"
import * as WebSocketHandshake from "../../protocol/http/WebSocketHandshake.ts"
import { isMethod, type RequestHead } from "../../protocol/Message.ts"
import { isServerWide } from "../front/FrontRequest.ts"

/** The head of a request. */
export interface Http2Head {
  readonly head: RequestHead
  /** Its body, if the stream is not over with the head. */
  readonly framing: Framing
  /** The key of the handshake that was made up, if it asks for a WebSocket. */
  readonly webSocketKey: string | undefined
}

/** Why a request is refused. */
export interface Http2Refusal {
  readonly status: 400 | 405
  readonly detail: string
}

const refusal = (detail: string, status: Http2Refusal["status"] = 400) =>
  Result.fail<Http2Refusal>({ status, detail })

interface Fields {
  readonly pseudo: ReadonlyMap<string, string>
  readonly fields: HeaderList
}

/** Separates the pseudo-header fields, joins cookies, and leaves out Host. */
const separate = (
  raw: ReadonlyArray<string>,
): Fields & { readonly hosts: ReadonlyArray<string> } => {
  const pseudo = new Map<string, string>()
  const hosts: Array<string> = []
  const fields: Array<Header> = []
  const cookies: Array<string> = []
  let cookieAt = -1
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string
    const value = raw[i + 1] as string
    if (name.startsWith(":")) pseudo.set(name, value)
    else if (name === "host") hosts.push(value)
    else if (name === "cookie") {
      // Joined, one at the end would leave a space there, which no value may end with.
      if (value === "") continue
      if (cookieAt < 0) cookieAt = fields.push([name, ""]) - 1
      cookies.push(value)
    } else fields.push([name, value])
  }
  if (cookieAt >= 0) fields[cookieAt] = ["cookie", cookies.join("; ")]
  return { pseudo, fields, hosts }
}

/** RFC 9113 8.2.2. */
const forbidden = allExcept(["proxy-authenticate", "proxy-authorization", "te"])

/** Why fields cannot be passed on; `undefined` if they can. */
const faultIn = (fields: HeaderList): string | undefined => {
  for (const [name, value] of fields) {
    if (!isName(name) || !isValue(value)) return "a header field is illegal"
    if (forbidden.has(name) || (name === "te" && value.trim().toLowerCase() !== "trailers"))
      return `HTTP/2 has no field ${name}`
  }
  return undefined
}

/** Fields that the handshake of HTTP/1.1 has and that of HTTP/2 has not (RFC 8441 5). */
const ofHandshake = new Set(["sec-websocket-key", "sec-websocket-version"])

/**
 * Reads the fields of a request.
 *
 * @param raw names and values in turns, as Node's library gives them
 * @param isOver whether the stream ends with the head
 */
export const read = (
  raw: ReadonlyArray<string>,
  isOver: boolean,
): Result.Result<Http2Head, Http2Refusal> => {
  const { fields, hosts, pseudo } = separate(raw)
  const fault = faultIn(fields)
  if (fault !== undefined) return refusal(fault)
  const authority = pseudo.get(":authority")
  const host = authority ?? hosts[0]
  if (host === undefined || host === "") return refusal("it names no host")
  // RFC 9113 8.3.1: whoever reads only one of them must read the same.
  if (hosts.some((other) => other.toLowerCase() !== host.toLowerCase()))
    return refusal(":authority and Host differ, or there is more than one Host")
  if (!isValue(host) || /[\s@/?#,]/.test(host)) return refusal("its host is not one")
  const method = pseudo.get(":method") ?? ""
  // A link that is given any other ends.
  if (!isMethod(method)) return refusal("its method is not one, or is too long")
  const protocol = pseudo.get(":protocol")
  if (method === "CONNECT" && protocol === undefined)
    return refusal("CONNECT is not possible here", 405)
  if (protocol !== undefined && (method !== "CONNECT" || protocol !== "websocket"))
    return refusal("only WebSockets can be connected here")
  const path = pseudo.get(":path") ?? ""
  const isPath = path.startsWith("/") && !/[\x00-\x20\x7f#]/.test(path)
  if (!isPath && !isServerWide(method, path)) return refusal("its target is not a path")
  const length = contentLength(fields)
  if (length === "bad") return refusal("Content-Length is not one number")
  // What follows a WebSocket's handshake would be read as its content.
  if (protocol !== undefined && length !== "none")
    return refusal("a WebSocket's handshake has no Content-Length")
  const target = percentEncoded(path)
  if (protocol === undefined)
    return Result.succeed({
      head: { method, target, headers: [["host", host], ...fields] },
      framing: framingOf(length, isOver),
      webSocketKey: undefined,
    })
  const key = randomBytes(16).toString("base64")
  const others = fields.filter(([name]) => !ofHandshake.has(name))
  return Result.succeed({
    head: {
      method: "GET",
      target,
      headers: [["host", host], ...others, ...WebSocketHandshake.requestFields(key)],
    },
    framing: { _tag: "None" },
    webSocketKey: key,
  })
}

const framingOf = (length: number | "none" | "bad", isOver: boolean): Framing => {
  if (isOver || length === 0) return { _tag: "None" }
  return typeof length === "number" ? { _tag: "Length", length } : { _tag: "Chunked" }
}
