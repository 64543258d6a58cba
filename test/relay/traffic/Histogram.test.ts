import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { bounds, Histogram } from "../../../src/relay/traffic/Histogram.ts"

const of = (values: ReadonlyArray<number>): Histogram => {
  const histogram = new Histogram()
  for (const value of values) histogram.add(value)
  return histogram
}

const Millis = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 100_000 }))

describe("a histogram", () => {
  it("counts what is as large as a bound below it, and what is larger above it", () => {
    const { counts } = of([0, 1, 1.001, 2.5, 60_000, 60_001])
    assert.deepStrictEqual(counts, [2, 2, ...new Array<number>(12).fill(0), 1, 1])
  })

  it("knows no quantile of nothing", () => {
    assert.isUndefined(new Histogram().quantile(0.5))
  })

  it("takes what is above the last bound for that bound", () => {
    assert.strictEqual(of([100_000]).quantile(0.5), bounds.at(-1))
  })

  it.prop("has every quantile in the bucket in which it is", [Schema.Array(Millis)], ([values]) => {
    const histogram = of(values)
    const sorted = [...values].sort((a, b) => a - b)
    assert.strictEqual(histogram.count, values.length)
    for (const share of [0.01, 0.5, 0.9, 0.99, 1]) {
      const exact = sorted[Math.ceil(share * sorted.length) - 1]
      const estimate = histogram.quantile(share)
      if (exact === undefined) {
        assert.isUndefined(estimate)
        continue
      }
      const upper = bounds.find((bound) => exact <= bound) ?? 60_000
      const lower = bounds.findLast((bound) => bound < exact) ?? 0
      assert.isAtMost(estimate ?? Number.NaN, upper)
      assert.isAtLeast(estimate ?? Number.NaN, lower)
    }
  })
})
