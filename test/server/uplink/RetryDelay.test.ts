import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { ListenError } from "../../../src/server/uplink/ListenError.ts"
import { RetryDelay } from "../../../src/server/uplink/RetryDelay.ts"

const error = (reason: ListenError["reason"], retryMillis?: number): ListenError =>
  new ListenError({ reason, detail: "x", retryMillis })

const make = Effect.map(Clock.Clock, (clock) => new RetryDelay(clock))

describe("the delay before the next attempt", () => {
  it.effect("adds the back-off to what the relay asks for", () =>
    Effect.gen(function* () {
      const retry = yield* make
      const delay = retry.afterFailure(error("limited", 7_000))
      assert.strictEqual(delay(0), 7_000)
      assert.isAbove(delay(1), 7_000)
    }),
  )

  it.effect("is at most four seconds while the key is not known", () =>
    Effect.gen(function* () {
      const retry = yield* make
      let longest = 0
      for (let i = 0; i < 20; i++) {
        longest = Math.max(longest, retry.afterFailure(error("refused"))(1))
        yield* TestClock.adjust(60_000)
      }
      assert.strictEqual(longest, 4_000)
    }),
  )

  it.effect("grows from a second while the key is not known: six tries in 18 s at most", () =>
    Effect.gen(function* () {
      const retry = yield* make
      const waits = Array.from({ length: 6 }, () => retry.afterFailure(error("refused")))
      assert.deepStrictEqual(
        waits.map((delay) => delay(1)),
        [1_000, 2_000, 4_000, 4_000, 4_000, 4_000],
      )
      assert.strictEqual(waits[0]?.(0), 500)
      assert.strictEqual(waits[5]?.(0), 2_000)
    }),
  )

  it.effect("starts again after a connection that lasted, not after a short one", () =>
    Effect.gen(function* () {
      const retry = yield* make
      const fail = () => retry.afterFailure(error("unreachable"))(1)
      const first = fail()
      for (let i = 0; i < 5; i++) fail()
      retry.connected()
      yield* TestClock.adjust(1_000)
      assert.isAbove(fail(), first)
      retry.connected()
      yield* TestClock.adjust(10_000)
      assert.strictEqual(fail(), first)
    }),
  )

  it.effect("of a link beyond the limit doubles up to two minutes, and starts again later", () =>
    Effect.gen(function* () {
      const retry = yield* make
      const longest = () => retry.afterCrowding(error("crowded"))
      const first = longest()
      assert.isTrue(first.isFirst)
      assert.strictEqual(first.delay(0), 5_000)
      assert.strictEqual(first.delay(1), 10_000)
      const second = longest()
      assert.isFalse(second.isFirst)
      assert.strictEqual(second.delay(1), 15_000)
      for (let i = 0; i < 20; i++) longest()
      assert.strictEqual(longest().delay(1), 125_000)
      yield* TestClock.adjust(600_001)
      assert.isTrue(longest().isFirst)
    }),
  )
})
