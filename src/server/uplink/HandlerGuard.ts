/**
 * A handler as the tunnel serves it: whatever it says, only what may cross a
 * connection leaves it.
 */
import { first } from "../../domain/HeaderList.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import { strip } from "../../protocol/http/HopByHop.ts"
import type { RequestHead, ResponseHead } from "../../protocol/Message.ts"
import { type Body, fromBytes, promise } from "../../transport/body/Body.ts"
import type { Cancel, Handler } from "../../transport/body/Handler.ts"
import { throttle } from "../../transport/body/ThrottledBody.ts"
import * as FailurePage from "../../web/FailurePage.ts"

/** How answers leave. */
export interface ServedOptions {
  /** Bytes per second of each response body, if it is held to a rate. */
  readonly rate: number | undefined
}

/** A body that keeps to the length it has promised, at its rate. */
const held = (body: Body, rate: number | undefined): Body => {
  const slow = rate === undefined ? body : throttle(body, rate)
  return slow.length === undefined ? slow : promise(slow, slow.length)
}

/** The handler without hop-by-hop fields in its answers; after 101 they are the connection's own. */
export const serve =
  (handler: Handler, { rate }: ServedOptions): Handler =>
  (request, body, reply) =>
    attempt(handler, request, body, {
      fail: (error) => reply.fail(error),
      respond: (head, answer, sent) =>
        head.status === 101
          ? reply.respond(head, answer, sent)
          : reply.respond(
              { status: head.status, headers: strip(head.headers) },
              held(answer, rate),
              sent,
            ),
    })

/** A handler that throws has failed; whoever runs the tunnel must not fall with it. */
const attempt: (handler: Handler, ...call: Parameters<Handler>) => Cancel = (
  handler,
  request,
  body,
  reply,
) => {
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

/** A failure as a response, in the form that the visitor asks for. */
export const failure = (
  request: RequestHead,
  error: ExchangeError,
): readonly [ResponseHead, Body] => {
  const page = FailurePage.render(error.failure, first(request.headers, "accept"))
  return [{ status: page.status, headers: page.headers }, fromBytes(page.body)]
}
