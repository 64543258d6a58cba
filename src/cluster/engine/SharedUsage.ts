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
  /** When each relay has reported last. */
  const heard = new Map<string, number>()
  let toldAt = Number.NEGATIVE_INFINITY
  let told = ""

  const unsubscribe = engine.subscribe(channel, (text) => {
    const report = decode(text)
    if (Result.isFailure(report)) {
      run(complaints.log("engine: a report of usage is ignored", report.failure.message))
      return
    }
    const { from, running, taken } = report.success
    if (from === engine.self.run) return
    heard.set(from, now())
    limits.count(from, { taken: mapOf(taken), running: mapOf(running) })
  })

  const forget = (): void => {
    for (const [relay, at] of heard) {
      if (now() - at < forgetMillis) continue
      heard.delete(relay)
      limits.count(relay, noUsage)
    }
  }

  const textOf = ({ running, taken }: UsageCounts): string =>
    encode({
      from: engine.self.run,
      taken: Object.fromEntries(taken),
      running: Object.fromEntries(running),
    })
  const idleText = textOf(noUsage)

  const tell = (usage: UsageCounts) => {
    const isIdle = usage.taken.size === 0 && usage.running.size === 0
    const text = isIdle ? idleText : textOf(usage)
    const isNews = usage.taken.size > 0 || text !== told
    if (!isNews && (isIdle || now() - toldAt < repeatMillis)) return Effect.void
    told = text
    toldAt = now()
    return Effect.ignore(engine.publish(channel, text))
  }

  // What is used from here on is reported.
  limits.report()
  yield* Effect.suspend(() => {
    forget()
    // While the engine is away each relay has the full limits; old tokens are not told later.
    const usage = limits.report()
    return engine.status().state === "connected" ? tell(usage) : Effect.void
  }).pipe(Effect.schedule(Schedule.spaced(reportMillis)), Effect.forkScoped)

  yield* Effect.addFinalizer(() => {
    unsubscribe()
    return tell(noUsage)
  })
})
