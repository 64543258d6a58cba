import { assert, it } from "@effect/vitest"
import { burst, FrameBudget } from "../../../src/transport/mux/FrameBudget.ts"

const spent = (budget: FrameBudget): number => {
  let count = 0
  while (budget.useless()) count += 1
  return count
}

it("frames without effect are limited at once, by the second, and by what else comes", () => {
  let now = 0
  const budget = new FrameBudget(() => now)
  assert.strictEqual(spent(budget), burst)
  now += 1_000
  assert.approximately(spent(budget), 100, 2)
  budget.received(256 * 50)
  assert.approximately(spent(budget), 50, 2)
  for (let i = 0; i < 30; i++) budget.useful()
  assert.approximately(spent(budget), 30, 2)
  now += 1_000_000_000
  assert.approximately(spent(budget), burst, 2)
})
