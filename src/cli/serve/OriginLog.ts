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
  PTTH_ORIGIN_DOWN: "Start the application, or correct its address.",
  PTTH_ORIGIN_BROKEN: "Look at the application's log.",
  PTTH_ORIGIN_TLS: "Correct http:// or https:// in its address.",
  PTTH_ORIGIN_CUT:
    "Look at the application's log: it may have crashed, or stated a wrong Content-Length.",
  PTTH_NO_ANSWER:
    "Look whether the application hangs, or raise response_timeout if it needs longer.",
  PTTH_LOOP: "Give the address of an application, not that of the relay.",
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
  /** The same handler; its failures are reported. */
  readonly watch: (handler: Handler) => Handler
  /** A response broke off after its head. */
  readonly cut: (error: ExchangeError) => void
  /** Nothing answers there, although no request has been sent. */
  readonly down: (error: ExchangeError) => void
  /** It answers, as an attempt has shown. */
  readonly up: () => void
}

/** Who else gets the reports. */
export interface OriginListener {
  /** This is wrong until the next response; `undefined`: nothing is. */
  readonly onProblem: (problem: string | undefined) => void
  /** A request was not answered, since nothing listens there. */
  readonly onDown: () => void
}

/** See the file's header. */
class FailureSeriesLog implements OriginLog {
  private readonly clock: Clock.Clock
  private readonly log: (line: Effect.Effect<void>) => void
  private readonly listener: OriginListener
  private series: Series | undefined
  private readonly seriesBeside = new Map<string, Series>()
  /** When the application last responded, in monotonic milliseconds. */
  private respondedAt = Number.NEGATIVE_INFINITY

  constructor(
    clock: Clock.Clock,
    log: (line: Effect.Effect<void>) => void,
    listener: OriginListener,
  ) {
    this.clock = clock
    this.log = log
    this.listener = listener
  }

  readonly cut = (error: ExchangeError): void => this.failed(error)

  readonly down = ({ code, detail }: ExchangeError): void => {
    if (this.series !== undefined) return
    const now = elapsedMillis(this.clock)
    const series = this.seriesOf(code, now)
    series.codes.add(code)
    series.nextAt = now + firstReminder
    this.listener.onProblem(detail)
    this.log(
      Effect.logWarning(
        `${code}: ${detail} yet. ${remedies[code] ?? entry(code).remedy} Until then visitors get an error page`,
      ),
    )
  }

  readonly up = (): void => this.ended("answers")

  readonly watch =
    (handler: Handler): Handler =>
    (head, body, reply) => {
      const since = elapsedMillis(this.clock)
      const watched = new WatchedReply(
        reply,
        () => this.responded(),
        (error) => this.failed(error),
      )
      const cancel = handler(head, body, watched)
      return () => {
        if (watched.isWaiting) this.givenUp(since)
        watched.isWaiting = false
        cancel()
      }
    }

  /** The series that a failure belongs to, which may be new. */
  private seriesOf(code: string, now: number): Series {
    const newSeries = {
      since: now,
      codes: new Set<string>(),
      count: 0,
      nextAt: now,
      wait: firstReminder,
    }
    if (!besideResponses.has(code)) {
      this.series ??= newSeries
      return this.series
    }
    const series = this.seriesBeside.get(code) ?? newSeries
    this.seriesBeside.set(code, series)
    return series
  }

  private failed({ code, detail, ownerRemedy }: ExchangeError): void {
    if (remedies[code] === undefined) return
    const now = elapsedMillis(this.clock)
    const series = this.seriesOf(code, now)
    series.count += 1
    if (series === this.series) this.listener.onProblem(detail)
    if (code === "PTTH_ORIGIN_DOWN") this.listener.onDown()
    const isNew = !series.codes.has(code)
    series.codes.add(code)
    const { count, since, wait } = series
    if (now >= series.nextAt) {
      series.nextAt = now + wait
      series.wait = Math.min(wait * reminderGrowth, longestReminder)
    } else if (!isNew) return
    const times = count === 1 ? "" : ` (${count} failed requests in ${span(now - since)})`
    const result = code === "PTTH_ORIGIN_CUT" ? "a broken connection" : "an error page"
    this.log(
      Effect.logWarning(
        `${code}: ${detail}${times}. ${ownerRemedy ?? remedies[code] ?? entry(code).remedy} Visitors get ${result}`,
      ),
    )
  }

  private responded(): void {
    this.respondedAt = elapsedMillis(this.clock)
    this.ended("responds")
  }

  /** Ends a series of failures, since the application does something again. */
  private ended(does: "responds" | "answers"): void {
    if (this.series === undefined) return
    const { count, since } = this.series
    this.series = undefined
    this.listener.onProblem(undefined)
    const time = span(elapsedMillis(this.clock) - since)
    const failures = `${count} failed request${count === 1 ? "" : "s"} in ${time}`
    this.log(
      Effect.logInfo(
        count === 0
          ? `the application ${does} now, after ${time}`
          : `the application ${does} again, after ${failures}`,
      ),
    )
  }

  /** A request was given up without a response. */
  private givenUp(since: number): void {
    const millis = elapsedMillis(this.clock) - since
    if (millis < silenceMillis || this.respondedAt >= since) return
    this.failed(
      new ExchangeError({
        code: "PTTH_NO_ANSWER",
        detail: `the application takes requests, but has not responded for ${span(millis)}`,
      }),
    )
  }
}

/** Makes a log that uses the logger in force. */
export const makeWith = Effect.fnUntraced(function* (
  listener: OriginListener,
): Effect.fn.Return<OriginLog> {
  const run = Effect.runForkWith(yield* Effect.context<never>())
  return new FailureSeriesLog(yield* Clock.Clock, (line) => void run(line), listener)
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

/** Makes a log without further listeners. */
export const make: Effect.Effect<OriginLog> = makeWith({ onProblem: () => {}, onDown: () => {} })
