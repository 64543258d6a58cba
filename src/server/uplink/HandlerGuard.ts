/**
 * Guards the tunnel against its handler: removes connection fields from
 * responses, holds bodies to their length, and turns an exception into a failure.
 */

import { first } from "../../domain/HeaderList.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import { stripResponse } from "../../protocol/http/HopByHop.ts"
import type { InterimHead, RequestHead, ResponseHead } from "../../protocol/Message.ts"
import { type Body, fromBytes, promise } from "../../transport/body/Body.ts"
import type { Cancel, Handler, Reply } from "../../transport/body/Handler.ts"
import { ReplyWrapper } from "../../transport/body/ReplyWrapper.ts"
import { throttle } from "../../transport/body/ThrottledBody.ts"
import * as FailurePage from "../../web/FailurePage.ts"

/** What responses are held to. */
export interface GuardOptions {
  /** The rate of each response body in bytes per second; `undefined` for no limit. */
  readonly rate: number | undefined
}

/** A body that fails if it has not its promised length, at the given rate. */
const guardBody = (body: Body, rate: number | undefined): Body => {
  const throttled = rate === undefined ? body : throttle(body, rate)
  return throttled.length === undefined ? throttled : promise(throttled, throttled.length)
}

/** The guarded handler. A 101 response keeps its fields: `Upgrade` is one of them. */
export const guard =
  (handler: Handler, { rate }: GuardOptions): Handler =>
  (request, body, reply) =>
    attempt(handler, request, body, new GuardedReply(reply, rate))

class GuardedReply extends ReplyWrapper {
  private readonly rate: number | undefined

  constructor(reply: Reply, rate: number | undefined) {
    super(reply)
    this.rate = rate
  }

  override inform({ headers, status }: InterimHead): void {
    super.inform({ status, headers: stripResponse(status, headers) })
  }

  override respond(head: ResponseHead, body: Body, sent?: () => void): void {
    const { headers, status } = head
    if (status === 101) return super.respond(head, body, sent)
    const guarded = guardBody(body, this.rate)
    super.respond({ status, headers: stripResponse(status, headers) }, guarded, sent)
  }
}

/** Calls the handler; an exception is a failure of this exchange only. */
const attempt = (handler: Handler, request: RequestHead, body: Body, reply: Reply): Cancel => {
  try {
    return handler(request, body, reply)
  } catch (cause) {
    const detail = cause instanceof Error ? cause.name : "it threw something"
    reply.fail(
      new ExchangeError({ code: "PTTH_INTERNAL", detail: `the handler failed: ${detail}` }),
    )
    return () => {}
  }
}

/**
 * A failure as a response, in the form that the request's Accept field asks for.
 *
 * @param site what pages call the server
 */
export const failure = (
  request: RequestHead,
  error: ExchangeError,
  site: string,
): readonly [ResponseHead, Body] => {
  const page = FailurePage.render(error.failure, first(request.headers, "accept"), {
    ...request,
    site,
  })
  return [{ status: page.status, headers: page.headers }, fromBytes(page.body)]
}
