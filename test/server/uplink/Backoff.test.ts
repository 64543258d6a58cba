import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Backoff from "../../../src/server/uplink/Backoff.ts"

const Count = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000 }))
const Millis = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 10 ** 9 }))
const Share = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))

describe("the wait before the relay is tried again", () => {
  it.prop(
    "is random between zero and its ceiling",
    [Count, Millis, Share],
    ([failures, outage, random]) => {
      const wait = Backoff.wait(failures, outage, random)
      assert.isAtLeast(wait, 0)
      assert.isAtMost(wait, Math.round(Backoff.ceiling(failures, outage)))
    },
  )

  it.prop(
    "has a ceiling that never falls and never passes 30 s",
    [Count, Millis],
    ([failures, outage]) => {
      assert.isAtMost(Backoff.ceiling(failures, outage), Backoff.lastMillis)
      assert.isAtLeast(Backoff.ceiling(failures + 1, outage), Backoff.ceiling(failures, outage))
      assert.isAtLeast(Backoff.ceiling(failures, outage + 1_000), Backoff.ceiling(failures, outage))
    },
  )

  it("starts below 250 ms, stays below 2 s in the first minute of an outage, and grows to 30 s", () => {
    assert.strictEqual(Backoff.ceiling(1, 0), 250)
    assert.isAtMost(Backoff.ceiling(1_000, 59_000), 2_000)
    assert.strictEqual(Backoff.ceiling(1_000, 3_600_000), 30_000)
  })
})
