import { assert, it } from "@effect/vitest"
import { TokenBuckets } from "../../src/relay/TokenBuckets.ts"

it("a bucket gives what it holds, then as much as flows in, and says how long that takes", () => {
  const buckets = new TokenBuckets({ perSecond: 2, burst: 3 })
  for (let i = 0; i < 3; i++) assert.strictEqual(buckets.take("a", 0), 0)
  assert.strictEqual(buckets.take("a", 0), 500)
  assert.strictEqual(buckets.take("a", 400), 100)
  assert.strictEqual(buckets.take("a", 500), 0)
  assert.strictEqual(buckets.take("a", 500), 500)
  assert.strictEqual(buckets.take("b", 500), 0)
})

it("a bucket never holds more than it can, and what is given back can be taken again", () => {
  const buckets = new TokenBuckets({ perSecond: 1, burst: 2 })
  assert.strictEqual(buckets.take("a", 0), 0)
  for (let i = 0; i < 2; i++) assert.strictEqual(buckets.take("a", 1_000_000), 0)
  assert.isAbove(buckets.take("a", 1_000_000), 0)
  buckets.give("a")
  assert.strictEqual(buckets.take("a", 1_000_000), 0)
})

it("full buckets are forgotten, and never more than so many are kept", () => {
  const buckets = new TokenBuckets({ perSecond: 1, burst: 2 }, 100)
  for (let i = 0; i < 1000; i++) buckets.take(`${i}`, 0)
  assert.isAtMost(buckets.size, 100)
  buckets.take("late", 900)
  buckets.sweep(1000)
  assert.strictEqual(buckets.size, 1)
  buckets.sweep(2000)
  assert.strictEqual(buckets.size, 0)
})
