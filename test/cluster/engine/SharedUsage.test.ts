/**
 * One limit that several relays share through an engine in memory, also while reports are late or
 * the engine is away.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { Engine } from "../../../src/cluster/engine/Engine.ts"
import * as SharedUsage from "../../../src/cluster/engine/SharedUsage.ts"
import { type Quota, Quotas, type Usage } from "../../../src/transport/runtime/Quotas.ts"
import { EngineStore, MemoryEngine } from "../../support/MemoryEngine.ts"

const quota: Quota = { perSecond: 10, burst: 100, atOnce: 50 }

const store = Effect.map(
  Clock.Clock,
  (clock) => new EngineStore(() => clock.currentTimeMillisUnsafe()),
)

/** A relay that shares one limit. */
const relay = Effect.fnUntraced(function* (engines: EngineStore, name: string) {
  const clock = yield* Clock.Clock
  const now = (): number => clock.currentTimeMillisUnsafe()
  const quotas = new Quotas()
  const engine = new MemoryEngine(engines, name)
  yield* SharedUsage.share({
    report: () => quotas.report(),
    count: (from, report) => quotas.count(from, report, now(), () => quota),
  }).pipe(Effect.provideService(Engine, engine.shape))
  /** As many uses as are admitted of so many attempts. */
  const enter = (attempts: number): ReadonlyArray<Usage> =>
    Array.from({ length: attempts }, () => quotas.enter("key", now(), quota)).filter(
      (usage) => typeof usage !== "number",
    )
  const leave = (uses: ReadonlyArray<Usage>): void => {
    for (const usage of uses) quotas.leave(usage)
  }
  return { engine, enter, leave }
})

const interval = TestClock.adjust(SharedUsage.reportMillis)

describe("shared usage", () => {
  it.effect("counts what other relays have let in as if it had been let in here", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const [one, other] = [yield* relay(engines, "one"), yield* relay(engines, "other")]
      one.leave(one.enter(50))
      one.leave(one.enter(30))
      yield* interval
      assert.lengthOf(other.enter(50), quota.burst - 80)
    }),
  )

  it.effect("lets in at most what each relay has within one interval", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const [one, other] = [yield* relay(engines, "one"), yield* relay(engines, "other")]
      let admitted = 0
      const rounds = 100
      for (let i = 0; i < rounds; i++) {
        for (const each of [one, other]) {
          const uses = each.enter(40)
          admitted += uses.length
          each.leave(uses)
        }
        yield* interval
      }
      const allowed = quota.burst + (rounds * SharedUsage.reportMillis * quota.perSecond) / 1000
      assert.isAtLeast(admitted, allowed - 2)
      assert.isAtMost(admitted, allowed + 40)
    }),
  )

  it.effect("counts what runs elsewhere until it ends", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const [one, other] = [yield* relay(engines, "one"), yield* relay(engines, "other")]
      const uses = one.enter(45)
      yield* interval
      const admitted = other.enter(20)
      assert.lengthOf(admitted, 5)
      one.leave(uses)
      yield* interval
      other.leave(admitted)
      assert.isAbove(other.enter(50).length, 5)
    }),
  )

  it.effect("forgets what runs at a relay that is no longer heard", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const [one, other] = [yield* relay(engines, "one"), yield* relay(engines, "other")]
      one.enter(50)
      yield* TestClock.adjust("1 minute")
      assert.lengthOf(other.enter(1), 0)
      one.engine.away()
      yield* TestClock.adjust(SharedUsage.forgetMillis + SharedUsage.reportMillis)
      assert.lengthOf(other.enter(1), 1)
    }),
  )

  it.effect("leaves each relay its own limits while the engine is away", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const [one, other] = [yield* relay(engines, "one"), yield* relay(engines, "other")]
      one.engine.away()
      one.leave(one.enter(50))
      one.leave(one.enter(50))
      yield* interval
      assert.lengthOf(other.enter(50), 50)
    }),
  )

  it.effect("ignores what is no report", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const one = yield* relay(engines, "one")
      for (const text of ["", "{}", `{"from":"x","taken":{"key":"y"},"running":{}}`, "[]"])
        engines.publish("usage", text)
      assert.lengthOf(one.enter(50), 50)
    }),
  )
})
