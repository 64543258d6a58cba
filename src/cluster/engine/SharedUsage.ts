/**
 * Limits across relays: every 200 ms each relay tells the others what was used
 * of its limits, and they count it as if it had been used there. So a limit is
 * exceeded by at most what all relays let in within one interval, and no
 * request waits for the engine.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { UsageCounts } from "../../transport/runtime/Quotas.ts"
import { Complaints } from "./Complaints.ts"
import { Engine } from "./Engine.ts"

/** The time between two reports, in milliseconds. */
export const reportMillis = 200

/** How often a relay reports what runs if nothing has changed, in milliseconds. */
const repeatMillis = 1_000

/** After how many milliseconds without a report a relay's running requests no longer count. */
export const forgetMillis = 4_000

/** The limits of one relay. */
export interface Metered {
  /** What to report; tokens are reported once. */
  readonly report: () => UsageCounts
  /** Counts a relay's report; its `running` replaces that of its last one. */
  readonly count: (relay: string, report: UsageCounts) => void
}

const noUsage: UsageCounts = { taken: new Map(), running: new Map() }

const Counts = Schema.Record(Schema.String, Schema.Int)

const Report = Schema.fromJsonString(
  Schema.Struct({ from: Schema.String, taken: Counts, running: Counts }),
)

const decode = Schema.decodeUnknownResult(Report)
const encode = Schema.encodeSync(Report)

const channel = "usage"

const mapOf = (counts: typeof Counts.Type): ReadonlyMap<string, number> =>
  new Map(Object.entries(counts))

/** Counts the usage that other relays report. */
class OtherUsage {
  private readonly limits: Metered
  private readonly now: () => number
  /** When each relay has reported last. */
  private readonly reportedAt = new Map<string, number>()

  constructor(limits: Metered, now: () => number) {
    this.limits = limits
    this.now = now
  }

  take(relay: string, usage: UsageCounts): void {
    this.reportedAt.set(relay, this.now())
    this.limits.count(relay, usage)
  }

  /** No longer counts what runs at relays that have not reported for a while. */
  forget(): void {
    for (const [relay, at] of this.reportedAt) {
      if (this.now() - at < forgetMillis) continue
      this.reportedAt.delete(relay)
      this.limits.count(relay, noUsage)
    }
  }
}

/** Which reports are due: tokens at once, what runs when it has changed and once a second. */
class OwnReports {
  private readonly from: string
  private readonly idleText: string
  private lastAt = Number.NEGATIVE_INFINITY
  private lastText = ""

  constructor(from: string) {
    this.from = from
    this.idleText = this.textOf(noUsage)
  }

  /** The report to send now; `undefined` if there is nothing to tell. */
  next(usage: UsageCounts, now: number): string | undefined {
    const isIdle = usage.taken.size === 0 && usage.running.size === 0
    const text = isIdle ? this.idleText : this.textOf(usage)
    const isNews = usage.taken.size > 0 || text !== this.lastText
    if (!isNews && (isIdle || now - this.lastAt < repeatMillis)) return undefined
    this.lastText = text
    this.lastAt = now
    return text
  }

  private textOf({ running, taken }: UsageCounts): string {
    return encode({
      from: this.from,
      taken: Object.fromEntries(taken),
      running: Object.fromEntries(running),
    })
  }
}

/** Tells and counts usage while the Scope is open; does nothing without an engine. */
export const share = Effect.fn("SharedUsage.share")(function* (
  limits: Metered,
): Effect.fn.Return<void, never, Scope.Scope> {
  const engine = yield* Engine
  if (engine.status().state === "off") return
  const clock = yield* Clock.Clock
  const now = (): number => clock.currentTimeMillisUnsafe()
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const complaints = new Complaints()
  const others = new OtherUsage(limits, now)
  const reports = new OwnReports(engine.self.run)

  const unsubscribe = engine.subscribe(channel, (text) => {
    const report = decode(text)
    if (Result.isFailure(report)) {
      run(complaints.log("engine: a report of usage is ignored", report.failure.message))
      return
    }
    const { from, running, taken } = report.success
    if (from !== engine.self.run)
      others.take(from, { taken: mapOf(taken), running: mapOf(running) })
  })

  const tell = (usage: UsageCounts) => {
    const text = reports.next(usage, now())
    return text === undefined ? Effect.void : Effect.ignore(engine.publish(channel, text))
  }

  // What is used from here on is reported.
  limits.report()
  yield* Effect.suspend(() => {
    others.forget()
    // While the engine is away each relay has the full limits; old tokens are not sent later.
    const usage = limits.report()
    return engine.status().state === "connected" ? tell(usage) : Effect.void
  }).pipe(Effect.schedule(Schedule.spaced(reportMillis)), Effect.forkScoped)

  yield* Effect.addFinalizer(() => {
    unsubscribe()
    return tell(noUsage)
  })
})
