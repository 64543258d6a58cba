/**
 * Tells a server's owner that the application behind it does not respond, and
 * that it does again. A failure is logged when it begins, and then counted at
 * growing intervals.
 */

import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { entry } from "../../domain/ErrorRegistry.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import type { ResponseHead } from "../../protocol/Message.ts"
import { firstReminder, longestReminder, reminderGrowth } from "../../server/uplink/FailureLog.ts"
import type { Body } from "../../transport/body/Body.ts"
import type { Handler, Reply } from "../../transport/body/Handler.ts"
import { ReplyWrapper } from "../../transport/body/ReplyWrapper.ts"
import { elapsedMillis } from "../../transport/runtime/Deadlines.ts"
import { span } from "../../web/Format.ts"

/** What an owner can do, by the codes of an application that gives no response. */
const remedies: { readonly [code: string]: string | undefined } = {
  PTTH_ORIGIN_DOWN: "Start the application, or correct --to.",
  PTTH_ORIGIN_BROKEN: "Look at the application's log.",
  PTTH_ORIGIN_TLS: "Correct http:// or https:// in --to.",
  PTTH_ORIGIN_CUT:
    "Look at the application's log: it may have crashed, or stated a wrong Content-Length.",
  PTTH_NO_ANSWER:
    "Look whether the application hangs, or raise response_timeout if it needs longer.",
  PTTH_LOOP: "Let --to name an application, not the relay itself.",
}

/** Codes of failures that are not over with the next response: others get one meanwhile. */
const besideResponses = new Set(["PTTH_ORIGIN_CUT", "PTTH_LOOP"])

/**
 * How long a request has to be without a response, and without one to any other
 * request, to count as not answered when it is given up, in milliseconds.
 */
const silenceMillis = 10_000

/** A series of failed requests; times in monotonic milliseconds. */
interface Series {
  readonly since: number
  /** The codes of its failures. */
  readonly codes: Set<string>
  count: number
  nextAt: number
  wait: number
}

/** Watches an application. */
export interface OriginLog {
  /** The same handler, of which failures are told. */
  readonly watch: (handler: Handler) => Handler
  /** A response broke off after its head. */
  readonly cut: (error: ExchangeError) => void
  /** Nothing answers there, although no request has been sent. */
  readonly down: (error: ExchangeError) => void
  /** It answers, as an attempt has shown. */
  readonly up: () => void
}

/** Who else is told. */
export interface OriginListener {
  /** This is wrong until the next response; `undefined`: nothing is. */
  readonly onProblem: (problem: string | undefined) => void
  /** A request was not answered, since nothing listens there. */
  readonly onDown: () => void
}

/** Makes a log that uses the logger in force. */
export const makeWith = Effect.fnUntraced(function* ({
  onDown,
  onProblem,
}: OriginListener): Effect.fn.Return<OriginLog> {
  const clock = yield* Clock.Clock
  const run = Effect.runForkWith(yield* Effect.context<never>())
  let series: Series | undefined
  const seriesBeside = new Map<string, Series>()
  /** When the application last responded, in monotonic milliseconds. */
  let respondedAt = Number.NEGATIVE_INFINITY

  const seriesOf = (code: string, now: number): Series => {
    const begun = {
      since: now,
      codes: new Set<string>(),
      count: 0,
      nextAt: now,
      wait: firstReminder,
    }
    if (!besideResponses.has(code)) {
      series ??= begun
      return series
    }
    const current = seriesBeside.get(code) ?? begun
    seriesBeside.set(code, current)
    return current
  }

  const failed = ({ code, detail, ownerRemedy }: ExchangeError): void => {
    if (remedies[code] === undefined) return
    const now = elapsedMillis(clock)
    const current = seriesOf(code, now)
    current.count += 1
    if (current === series) onProblem(detail)
    if (code === "PTTH_ORIGIN_DOWN") onDown()
    const isNew = !current.codes.has(code)
    current.codes.add(code)
    const { count, since, wait } = current
    if (now >= current.nextAt) {
      current.nextAt = now + wait
      current.wait = Math.min(wait * reminderGrowth, longestReminder)
    } else if (!isNew) return
    const times = count === 1 ? "" : ` (${count} failed requests in ${span(now - since)})`
    const seen = code === "PTTH_ORIGIN_CUT" ? "a broken connection" : "an error page"
    run(
      Effect.logWarning(
        `${code}: ${detail}${times}. ${ownerRemedy ?? remedies[code] ?? entry(code).remedy} Visitors get ${seen}`,
      ),
    )
  }

  const responded = (): void => {
    respondedAt = elapsedMillis(clock)
    ended("responds")
  }

  /** Ends a series of failures, since the application does something again. */
  const ended = (does: "responds" | "answers"): void => {
    if (series === undefined) return
    const { count, since } = series
    series = undefined
    onProblem(undefined)
    const time = span(elapsedMillis(clock) - since)
    const failures = `${count} failed request${count === 1 ? "" : "s"} in ${time}`
    run(
      Effect.logInfo(
        count === 0
          ? `the application ${does} now, after ${time}`
          : `the application ${does} again, after ${failures}`,
      ),
    )
  }

  const down = ({ code, detail }: ExchangeError): void => {
    if (series !== undefined) return
    const now = elapsedMillis(clock)
    const begun = seriesOf(code, now)
    begun.codes.add(code)
    begun.nextAt = now + firstReminder
    onProblem(detail)
    run(
      Effect.logWarning(
        `${code}: ${detail} yet. ${remedies[code] ?? entry(code).remedy} Until then visitors get an error page`,
      ),
    )
  }

  /** A request was given up without a response. */
  const givenUp = (since: number): void => {
    const millis = elapsedMillis(clock) - since
    if (millis < silenceMillis || respondedAt >= since) return
    failed(
      new ExchangeError({
        code: "PTTH_NO_ANSWER",
        detail: `the application takes requests, but has not responded for ${span(millis)}`,
      }),
    )
  }

  return {
    cut: failed,
    down,
    up: () => ended("answers"),
    watch: (handler) => (head, body, reply) => {
      const since = elapsedMillis(clock)
      const watched = new WatchedReply(reply, responded, failed)
      const cancel = handler(head, body, watched)
      return () => {
        if (watched.isWaiting) givenUp(since)
        watched.isWaiting = false
        cancel()
      }
    },
  }
})

class WatchedReply extends ReplyWrapper {
  /** Whether there is neither a response nor a failure. */
  isWaiting = true
  private readonly responded: () => void
  private readonly failed: (error: ExchangeError) => void

  constructor(reply: Reply, responded: () => void, failed: (error: ExchangeError) => void) {
    super(reply)
    this.responded = responded
    this.failed = failed
  }

  override respond(head: ResponseHead, body: Body, sent?: () => void): void {
    this.isWaiting = false
    this.responded()
    super.respond(head, body, sent)
  }

  override fail(error: ExchangeError): void {
    this.isWaiting = false
    this.failed(error)
    super.fail(error)
  }
}

/** Makes a log of which nobody else is told. */
export const make: Effect.Effect<OriginLog> = makeWith({ onProblem: () => {}, onDown: () => {} })
