/**
 * Tells a server's owner that the application behind it does not respond, and
 * that it does again. A failure is logged when it begins, and at growing
 * intervals as long as no request succeeds.
 */

import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { entry } from "../../domain/ErrorRegistry.ts"
import type { ExchangeError } from "../../protocol/Exchange.ts"
import {
  firstReminder,
  longestReminder,
  reminderGrowth,
  span,
} from "../../server/uplink/FailureLog.ts"
import type { Handler } from "../../transport/body/Handler.ts"
import { commit } from "../../transport/body/Replies.ts"
import { elapsedMillis } from "../../transport/runtime/Deadlines.ts"

/** What an owner can do, by the codes of an application that gives no response. */
const remedies: { readonly [code: string]: string | undefined } = {
  PTTH_ORIGIN_DOWN: "Start the application, or correct --to.",
  PTTH_ORIGIN_BROKEN: "Look at the application's log.",
  PTTH_LOOP: "Let --to name an application, not the relay itself.",
}

/** A series of requests without a response; times in monotonic milliseconds. */
interface Series {
  readonly since: number
  count: number
  nextAt: number
  wait: number
}

/** Makes a function that watches a handler, and logs with the logger in force. */
export const make: Effect.Effect<(handler: Handler) => Handler> = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const run = Effect.runForkWith(yield* Effect.context<never>())
  let series: Series | undefined
  // Not ended by a response: the request that began a loop gets one, and visitors can forge loops.
  let loops: Series | undefined

  const failed = ({ code, detail, ownerRemedy }: ExchangeError): void => {
    if (remedies[code] === undefined) return
    const now = elapsedMillis(clock)
    const begun = { since: now, count: 0, nextAt: now, wait: firstReminder }
    const current = (code === "PTTH_LOOP" ? loops : series) ?? begun
    if (code === "PTTH_LOOP") loops = current
    else series = current
    current.count += 1
    if (now < current.nextAt) return
    const { count, since, wait } = current
    current.nextAt = now + wait
    current.wait = Math.min(wait * reminderGrowth, longestReminder)
    const times = count === 1 ? "" : ` (${count} failed requests in ${span(now - since)})`
    run(
      Effect.logWarning(
        `${code}: ${detail}${times}. ${ownerRemedy ?? remedies[code] ?? entry(code).remedy} Visitors get an error page`,
      ),
    )
  }

  const responded = (): void => {
    if (series === undefined) return
    const { count, since } = series
    series = undefined
    const time = span(elapsedMillis(clock) - since)
    run(
      Effect.logInfo(
        `the application responds again, after ${count} failed request${count === 1 ? "" : "s"} in ${time}`,
      ),
    )
  }

  return (handler) => (head, body, reply) =>
    handler(head, body, {
      commit: (go) => commit(reply, go),
      inform: (head) => reply.inform?.(head),
      respond: (response, content, sent) => {
        if (series !== undefined) responded()
        reply.respond(response, content, sent)
      },
      fail: (error) => {
        failed(error)
        reply.fail(error)
      },
    })
})
