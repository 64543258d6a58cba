/**
 * How a message's body is delimited (RFC 9112 6). Framing is determined again
 * on every connection and never copied. A request with ambiguous framing is
 * refused.
 */
import * as Result from "effect/Result"
import type { HeaderList } from "../../domain/HeaderList.ts"
import { all } from "../../domain/HeaderList.ts"

/** How a body is delimited. `Close`, only in responses: the body ends with the connection. */
export type Framing =
  | { readonly _tag: "None" }
  | { readonly _tag: "Length"; readonly length: number }
  | { readonly _tag: "Chunked" }
  | { readonly _tag: "Close" }

/** Why a message is refused, as text for the visitor, and the status of the answer. */
export interface Refusal {
  readonly status: 400 | 501 | 505
  readonly detail: string
}

const none: Framing = { _tag: "None" }
const chunked: Framing = { _tag: "Chunked" }

/**
 * The value of Content-Length; "none" without the field, "bad" if it is
 * repeated or not a number (RFC 9112 6.3).
 */
export const contentLength = (headers: HeaderList): number | "none" | "bad" => {
  const values = all(headers, "content-length")
  const value = values[0]
  if (value === undefined) return "none"
  if (values.length > 1 || !/^\d{1,15}$/.test(value)) return "bad"
  return Number(value)
}

const refusal = (status: Refusal["status"], detail: string): Result.Result<never, Refusal> =>
  Result.fail({ status, detail })

/**
 * The framing of a visitor's request, or why it is refused: only HTTP/1.0 and
 * 1.1, one Host (RFC 9112 3.2), one Content-Length, `chunked` as the only
 * coding and never beside a length or on HTTP/1.0 (RFC 9112 6.1).
 */
export const ofRequest = (
  httpVersion: string,
  headers: HeaderList,
): Result.Result<Framing, Refusal> => {
  if (httpVersion !== "1.1" && httpVersion !== "1.0")
    return refusal(505, `HTTP/${httpVersion} is not spoken here`)
  const hosts = all(headers, "host").length
  if (hosts > 1 || (hosts === 0 && httpVersion === "1.1"))
    return refusal(400, hosts === 0 ? "the Host field is missing" : "there is more than one Host")
  const codings = all(headers, "transfer-encoding")
  const length = contentLength(headers)
  if (length === "bad") return refusal(400, "Content-Length is not one number")
  if (codings.length === 0)
    return Result.succeed(length === "none" ? none : { _tag: "Length", length })
  if (httpVersion === "1.0") return refusal(400, "Transfer-Encoding on HTTP/1.0")
  if (length !== "none") return refusal(400, "both Content-Length and Transfer-Encoding")
  if (codings.length > 1 || codings[0]?.trim().toLowerCase() !== "chunked")
    return refusal(501, "a transfer coding other than chunked")
  return Result.succeed(chunked)
}

/**
 * Whether a response to this request, with this status, has a body on the wire
 * (RFC 9110 6.4.1).
 */
export const responseHasBody = (method: string, status: number): boolean =>
  method !== "HEAD" && status !== 204 && status !== 304 && status >= 200

/**
 * The framing of a response that is about to be sent.
 *
 * @param length what the head promises; a response without body names it, but sends none
 */
export const ofResponse = (
  method: string,
  status: number,
  httpVersion: string,
  length: number | undefined,
): Framing => {
  if (!responseHasBody(method, status)) return none
  if (length !== undefined) return { _tag: "Length", length }
  return httpVersion === "1.0" ? { _tag: "Close" } : chunked
}
