import { assert, it } from "@effect/vitest"
import { memoize } from "../../src/domain/Memoize.ts"

it("results are cached, except for long texts, and until the cache is full", () => {
  const asked: Array<string> = []
  const length = memoize((text) => {
    asked.push(text)
    return text.length
  })
  const long = "x".repeat(65)
  for (const text of ["a", "a", long, long]) assert.strictEqual(length(text), text.length)
  assert.deepStrictEqual(asked, ["a", long, long])
  for (let i = 0; i < 1000; i++) length(`${i}`)
  asked.length = 0
  assert.strictEqual(length("a"), 1)
  assert.deepStrictEqual(asked, ["a"])
})
