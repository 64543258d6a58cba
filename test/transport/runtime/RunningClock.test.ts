/**
 * A clock that goes on while the machine is suspended, and knows when the process
 * stood still.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Deadlines } from "../../../src/transport/runtime/Deadlines.ts"
import { RunningClock } from "../../../src/transport/runtime/RunningClock.ts"

/** Deadlines whose two clocks the test moves; `tick` lets the one that is set pass. */
class Times implements Deadlines {
  monotonic = 5_000
  wall = 1_700_000_000_000
  private passed = (): void => {}

  now(): number {
    return this.wall
  }

  elapsed(): number {
    return this.monotonic
  }

  set(_millis: number, onPassed: () => void) {
    this.passed = onPassed
    return { clear: () => {}, touch: () => {} }
  }

  pass(millis: number): void {
    this.monotonic += millis
    this.wall += millis
  }

  tick(): void {
    this.passed()
  }
}

describe("a running clock", () => {
  it("follows the monotonic clock, whatever jitter and corrections the wall clock has", () => {
    const times = new Times()
    const clock = new RunningClock(times)
    for (let i = 0; i < 100; i++) {
      times.monotonic += 10
      times.wall += i % 2 === 0 ? 25 : -5
      assert.strictEqual(clock.now(), 10 * (i + 1))
    }
    times.wall -= 86_400_000
    times.pass(10)
    assert.strictEqual(clock.now(), 1_010)
  })

  it("counts the time during which the machine was suspended", () => {
    const times = new Times()
    const clock = new RunningClock(times)
    times.wall += 60_000
    assert.strictEqual(clock.now(), 60_000)
    times.pass(5)
    assert.strictEqual(clock.now(), 60_005)
  })

  it("knows whether the process stood still since a time, before and after its own tick", () => {
    const times = new Times()
    const clock = new RunningClock(times)
    for (let i = 0; i < 20; i++) {
      times.pass(300)
      times.tick()
    }
    assert.isFalse(clock.hasStoodStillSince(0))
    const before = clock.now()
    times.pass(3_000)
    assert.isTrue(clock.hasStoodStillSince(before))
    times.tick()
    times.pass(100)
    assert.isTrue(clock.hasStoodStillSince(before))
    assert.isFalse(clock.hasStoodStillSince(clock.now()))
  })
})
