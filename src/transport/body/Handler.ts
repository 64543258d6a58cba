/**
 * The exchange at the level of callbacks. The file server, the proxy to a
 * local port, an Effect app and the relay's end of every tunnel are all a
 * `Handler`; the HTTP front and the tunnel only carry between two of them.
 */
import type { ExchangeError } from "../../protocol/Exchange.ts"
import type { RequestHead, ResponseHead } from "../../protocol/Message.ts"
import type { Body } from "./Body.ts"

/** How a handler answers: one of the two, once. Calls after the first, or after the exchange was cancelled, are ignored. */
export interface Reply {
  /**
   * The response. After status 101 its body is what the other side of the
   * connection says. `sent` is called once all of it has been given to the
   * visitor's connection; never if the visitor leaves before.
   */
  respond(head: ResponseHead, body: Body, sent?: () => void): void
  /** There is no response; `error` says what to tell the visitor. */
  fail(error: ExchangeError): void
}

/** Ends an exchange in both directions, whatever has come of it. Idempotent. */
export type Cancel = () => void

/**
 * Answers one request. It may call `reply` before it returns. Whatever it
 * holds for the exchange is freed when the response body has ended, or by the
 * returned function.
 */
export type Handler = (head: RequestHead, body: Body, reply: Reply) => Cancel
