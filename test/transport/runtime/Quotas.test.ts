/** Rates and numbers at once for each key, and how much memory unused keys take. */
import { assert, describe, it } from "@effect/vitest"
import { type Quota, Quotas, type Usage } from "../../../src/transport/runtime/Quotas.ts"

const none = Number.POSITIVE_INFINITY

const entered = (quotas: Quotas, key: string, now: number, quota: Quota): Usage => {
  const usage = quotas.enter(key, now, quota)
  if (typeof usage === "number") throw new Error(`refused for ${usage} ms`)
  return usage
}

describe("a rate", () => {
  const quota: Quota = { perSecond: 2, burst: 3, atOnce: none }

  it("gives what the bucket holds, then as much as flows in, and says how long that takes", () => {
    const quotas = new Quotas()
    for (let i = 0; i < 3; i++) entered(quotas, "a", 0, quota)
    assert.strictEqual(quotas.enter("a", 0, quota), 500)
    assert.strictEqual(quotas.enter("a", 400, quota), 100)
    entered(quotas, "a", 500, quota)
    assert.strictEqual(quotas.enter("a", 500, quota), 500)
    entered(quotas, "b", 500, quota)
  })

  it("never saves up more than the bucket holds, also when the clock goes back", () => {
    const quotas = new Quotas()
    entered(quotas, "a", 0, quota)
    for (let i = 0; i < 3; i++) entered(quotas, "a", 1_000_000, quota)
    assert.strictEqual(quotas.enter("a", 1_000_000, quota), 500)
    assert.strictEqual(quotas.enter("a", 5, quota), 500)
    entered(quotas, "a", 505, quota)
  })

  it("is given back what was taken back", () => {
    const quotas = new Quotas()
    const usages = [1, 2, 3].map(() => entered(quotas, "a", 0, quota))
    quotas.takeBack(usages[0] as Usage)
    entered(quotas, "a", 0, quota)
    assert.isNumber(quotas.enter("a", 0, quota))
  })
})

describe("a number at once", () => {
  const quota: Quota = { perSecond: none, burst: none, atOnce: 2 }

  it("is held until one has left", () => {
    const quotas = new Quotas()
    const first = entered(quotas, "a", 0, quota)
    entered(quotas, "a", 0, quota)
    assert.isNumber(quotas.enter("a", 0, quota))
    entered(quotas, "b", 0, quota)
    quotas.leave(first)
    entered(quotas, "a", 0, quota)
    assert.isNumber(quotas.enter("a", 10_000, quota))
  })
})

describe("what is kept", () => {
  const quota: Quota = { perSecond: 1, burst: 2, atOnce: none }

  it("is only who runs something or is not full again", () => {
    const quotas = new Quotas()
    quotas.leave(entered(quotas, "early", 0, quota))
    quotas.leave(entered(quotas, "late", 900, quota))
    const running = entered(quotas, "running", 0, quota)
    quotas.sweep(1000, quota)
    assert.strictEqual(quotas.size, 2)
    quotas.sweep(100_000, quota)
    assert.strictEqual(quotas.size, 1)
    quotas.leave(running)
    quotas.sweep(100_000, quota)
    assert.strictEqual(quotas.size, 0)
  })

  it("is no more than a number of idle ones, whoever comes", () => {
    const quotas = new Quotas(100)
    const running = entered(quotas, "running", 0, { ...quota, atOnce: 1 })
    for (let i = 0; i < 1000; i++) quotas.leave(entered(quotas, `${i}`, 0, quota))
    assert.isAtMost(quotas.size, 100)
    assert.isNumber(quotas.enter("running", 0, { ...quota, atOnce: 1 }))
    quotas.leave(running)
  })
})
