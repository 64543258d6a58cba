/**
 * Counts the requests that run at a handler: from the call until the response is
 * sent, failed or cancelled.
 */
import type { ExchangeError } from "../../protocol/Exchange.ts"
import type { ResponseHead } from "../../protocol/Message.ts"
import type { Body } from "../../transport/body/Body.ts"
import { countResponse } from "../../transport/body/CountedBody.ts"
import type { Handler, Reply } from "../../transport/body/Handler.ts"
import { ReplyWrapper } from "../../transport/body/ReplyWrapper.ts"

/** A handler whose requests are counted. */
export interface RunningRequests {
  readonly handler: Handler
  readonly count: () => number
}

/** Counts the requests of a handler. */
export const of = (handler: Handler): RunningRequests => {
  let running = 0
  return {
    count: () => running,
    handler: (head, body, reply) => {
      running += 1
      let isOver = false
      const onOver = (): void => {
        if (isOver) return
        isOver = true
        running -= 1
      }
      const cancel = handler(head, body, new CountedReply(reply, onOver))
      return () => {
        onOver()
        cancel()
      }
    },
  }
}

class CountedReply extends ReplyWrapper {
  private readonly over: () => void

  constructor(reply: Reply, over: () => void) {
    super(reply)
    this.over = over
  }

  override respond(head: ResponseHead, body: Body, sent?: () => void): void {
    super.respond(head, countResponse(body, { bytes: () => {}, over: this.over }), sent)
  }

  override fail(error: ExchangeError): void {
    this.over()
    super.fail(error)
  }
}
