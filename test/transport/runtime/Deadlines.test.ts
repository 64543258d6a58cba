import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as Deadlines from "../../../src/transport/runtime/Deadlines.ts"
import * as PutClock from "../../support/PutClock.ts"

describe("a deadline", () => {
  it.effect("passes once, after its time and not before", () =>
    Effect.gen(function* () {
      const deadlines = yield* Deadlines.make
      const passed: Array<string> = []
      deadlines.set(1_000, () => passed.push("a"))
      deadlines.set(2_000, () => passed.push("b"))
      yield* TestClock.adjust(999)
      assert.deepStrictEqual(passed, [])
      yield* TestClock.adjust(Deadlines.sweepMillis)
      assert.deepStrictEqual(passed, ["a"])
      yield* TestClock.adjust(10_000)
      assert.deepStrictEqual(passed, ["a", "b"])
    }),
  )

  it.effect("does not pass when it is cleared, by itself or by another that passes first", () =>
    Effect.gen(function* () {
      const deadlines = yield* Deadlines.make
      const passed: Array<string> = []
      const first = deadlines.set(1_000, () => passed.push("first"))
      deadlines.set(1_000, () => {
        passed.push("second")
        third.clear()
      })
      const third = deadlines.set(1_000, () => passed.push("third"))
      first.clear()
      first.clear()
      yield* TestClock.adjust(5_000)
      assert.deepStrictEqual(passed, ["second"])
    }),
  )

  it.effect("passes in time when it is set while the next one is far away", () =>
    Effect.gen(function* () {
      const deadlines = yield* Deadlines.make
      const passed: Array<string> = []
      deadlines.set(60_000, () => passed.push("far"))
      yield* TestClock.adjust(20_000)
      deadlines.set(1_000, () => passed.push("near"))
      yield* TestClock.adjust(999)
      assert.deepStrictEqual(passed, [])
      yield* TestClock.adjust(Deadlines.sweepMillis)
      assert.deepStrictEqual(passed, ["near"])
      yield* TestClock.adjust(39_000)
      assert.deepStrictEqual(passed, ["near", "far"])
    }),
  )

  it.effect("sleeps until the first one passes", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      let sleeps = 0
      const counting: Clock.Clock = {
        ...clock,
        currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe(),
        monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
        sleep: (duration) => {
          sleeps += 1
          return clock.sleep(duration)
        },
      }
      const deadlines = yield* Effect.provideService(Deadlines.make, Clock.Clock, counting)
      yield* TestClock.adjust(60_000)
      assert.strictEqual(sleeps, 0)
      deadlines.set(30_000, () => {})
      yield* TestClock.adjust(60_000)
      assert.strictEqual(sleeps, 1)
    }),
  )

  it.effect("passes together with others that may be late, late by no more than they may be", () =>
    Effect.gen(function* () {
      const deadlines = yield* Deadlines.make
      const passed: Array<number> = []
      for (let i = 0; i < 4; i++) {
        deadlines.set(15_000, () => passed.push(i), { late: 1_000 })
        yield* TestClock.adjust(200)
      }
      yield* TestClock.adjust(14_199)
      assert.deepStrictEqual(passed, [])
      yield* TestClock.adjust(1_001 + Deadlines.sweepMillis)
      assert.deepStrictEqual(passed, [0, 1, 2, 3])
    }),
  )

  it.effect("passes early, by no more than it may, together with another that passes", () =>
    Effect.gen(function* () {
      const deadlines = yield* Deadlines.make
      const passed: Array<number> = []
      for (let i = 0; i < 4; i++) {
        deadlines.set(15_000, () => passed.push(i), { early: 3_000 })
        yield* TestClock.adjust(1_200)
      }
      yield* TestClock.adjust(10_199)
      assert.deepStrictEqual(passed, [])
      yield* TestClock.adjust(1 + Deadlines.sweepMillis)
      assert.deepStrictEqual(passed, [0, 1, 2], "the last one has 3.6 s left")
      yield* TestClock.adjust(3_500)
      assert.deepStrictEqual(passed, [0, 1, 2, 3])
    }),
  )

  it.effect("does not pass early together with too many others", () =>
    Effect.gen(function* () {
      const deadlines = yield* Deadlines.make
      let passed = 0
      const set = () =>
        deadlines.set(
          15_000,
          () => {
            passed += 1
          },
          { early: 3_000 },
        )
      set()
      yield* TestClock.adjust(1_000)
      for (let i = 0; i < Deadlines.mostTogether; i++) set()
      yield* TestClock.adjust(14_000)
      assert.strictEqual(passed, Deadlines.mostTogether)
      yield* TestClock.adjust(1_000 + Deadlines.sweepMillis)
      assert.strictEqual(passed, Deadlines.mostTogether + 1)
    }),
  )

  it.effect("passes although the callback of another has failed", () =>
    Effect.gen(function* () {
      const deadlines = yield* Deadlines.make
      let passed = 0
      deadlines.set(1_000, () => {
        throw new Error("on purpose")
      })
      deadlines.set(1_000, () => {
        passed += 1
      })
      deadlines.set(5_000, () => {
        passed += 1
      })
      yield* TestClock.adjust(6_000)
      assert.strictEqual(passed, 2)
    }),
  )

  it.effect("starts again when it is touched", () =>
    Effect.gen(function* () {
      const deadlines = yield* Deadlines.make
      let passed = 0
      const deadline = deadlines.set(1_000, () => {
        passed += 1
      })
      for (let i = 0; i < 5; i++) {
        yield* TestClock.adjust(800)
        deadline.touch()
      }
      assert.strictEqual(passed, 0)
      yield* TestClock.adjust(1_100)
      assert.strictEqual(passed, 1)
      deadline.touch()
      yield* TestClock.adjust(5_000)
      assert.strictEqual(passed, 1)
    }),
  )

  it.effect("neither passes early nor late when the wall clock is changed", () =>
    Effect.gen(function* () {
      const { clock, put } = yield* PutClock.make
      const deadlines = yield* Effect.provideService(Deadlines.make, Clock.Clock, clock)
      let passed = 0
      for (const jump of [3_600_000, -3_600_000, -7_200_000]) {
        deadlines.set(1_000, () => {
          passed += 1
        })
        put(jump)
        yield* TestClock.adjust(900)
        assert.strictEqual(passed, 0)
        yield* TestClock.adjust(200)
        assert.strictEqual(passed, 1)
        passed = 0
      }
    }),
  )
})
