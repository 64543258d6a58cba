/**
 * A handler that records a span for each exchange. The request that it passes
 * on has the new span as its parent, so that the next program continues the
 * same trace.
 */

import * as TraceContext from "../../protocol/http/TraceContext.ts"
import { countResponse } from "../body/CountedBody.ts"
import type { Handler } from "../body/Handler.ts"
import { commit } from "../body/Replies.ts"
import { newSpan, type Span, type Telemetry } from "./Telemetry.ts"

/** Name and kind of the spans. */
export interface TracedOptions {
  readonly name: string
  readonly kind: Span["kind"]
  /** What each span has besides. */
  readonly attributes?: Span["attributes"]
}

const now = (): number => performance.timeOrigin + performance.now()

/** The handler with a span for each exchange, from the head of the request to the end of the response's body; unchanged without telemetry. */
export const trace = (
  handler: Handler,
  telemetry: Telemetry | undefined,
  options: TracedOptions,
): Handler => (telemetry === undefined ? handler : traced(handler, telemetry, options))

const traced =
  (handler: Handler, telemetry: Telemetry, { attributes, kind, name }: TracedOptions): Handler =>
  (head, body, reply) => {
    const { context, parentId } = newSpan(telemetry, head.headers)
    const continued = { ...head, headers: TraceContext.replace(head.headers, context) }
    if (!context.sampled) return handler(continued, body, reply)
    const start = now()
    let status: number | undefined
    let open = true
    const end = (error: string | undefined): void => {
      if (!open) return
      open = false
      telemetry.span({
        context,
        parentId,
        name: `${name} ${head.method}`,
        kind,
        start,
        end: now(),
        attributes: {
          ...attributes,
          "http.request.method": head.method,
          "url.path": head.target.split("?", 1)[0],
          "http.response.status_code": status,
        },
        error: error ?? (status !== undefined && status >= 500 ? `${status}` : undefined),
      })
    }
    const cancel = handler(continued, body, {
      commit: (go) => commit(reply, go),
      inform: (interim) => reply.inform?.(interim),
      respond: (answer, answerBody, sent) => {
        status = answer.status
        const observed = countResponse(answerBody, { bytes: () => {}, over: () => end(undefined) })
        reply.respond(answer, observed, sent)
      },
      fail: (error) => {
        end(error.code)
        reply.fail(error)
      },
    })
    return () => {
      end("cancelled")
      cancel()
    }
  }
