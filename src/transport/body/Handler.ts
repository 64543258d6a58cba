/**
 * An HTTP exchange at the level of callbacks. The file server, the proxy to an
 * upstream, an Effect app and the relay's end of every tunnel are each a
 * `Handler`; the HTTP fronts and the tunnel carry exchanges to one.
 */
import type { ExchangeError } from "../../protocol/Exchange.ts"
import type { InterimHead, RequestHead, ResponseHead } from "../../protocol/Message.ts"
import type { Body } from "./Body.ts"

/** How a handler answers: with one call. Further calls, and calls after the exchange was cancelled, are ignored. */
export interface Reply {
  /**
   * Sends the response. After status 101 the body is what the handler's side
   * sends on the upgraded connection. `sent` is called once all of it has been
   * written to the visitor's connection; never if the visitor leaves before.
   */
  respond(head: ResponseHead, body: Body, sent?: () => void): void
  /** Sends an interim response before the response; dropped where it cannot be passed on. */
  inform?(head: InterimHead): void
  /**
   * Calls `go` when a request that changes something may have its effect: now or
   * later. If this process was paused, its visitor may have got a failure meanwhile;
   * then `go` is never called. A handler calls this at the last moment before the
   * effect, by `Replies.commit`, and waits for `go`. Replies that forward to another
   * one have to forward this.
   */
  commit?(go: () => void): void
  /** Reports that there is no response; the visitor gets the error's status and text. */
  fail(error: ExchangeError): void
}

/** Ends an exchange in both directions, in whatever state it is. Idempotent. */
export type Cancel = () => void

/**
 * Answers one request; may call `reply` before it returns. What it holds for
 * the exchange is freed when the response body has ended, or by the returned
 * function.
 */
export type Handler = (head: RequestHead, body: Body, reply: Reply) => Cancel
