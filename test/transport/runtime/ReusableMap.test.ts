/**
 * A map of what comes and goes, beside the language's own, and what it leaves
 * behind on the heap.
 */
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { ReusableMap } from "../../../src/transport/runtime/ReusableMap.ts"

/** Few keys, so that they come again, and some that meet in a table of 64. */
const Key = Schema.Literals([0, 1, 2, 3, 64, 65, 66, 128, 130, 0xffff_ffc0, 0xffff_ffff])
const Step = Schema.Struct({ key: Key, isGone: Schema.Boolean })

const agrees = <K extends string | number>(
  steps: ReadonlyArray<readonly [key: K, isGone: boolean]>,
): void => {
  const map = new ReusableMap<K, { readonly step: number }>()
  const known = new Map<K, { readonly step: number }>()
  for (const [step, [key, isGone]] of steps.entries()) {
    if (isGone) assert.strictEqual(map.delete(key), known.delete(key))
    else {
      const value = { step }
      map.set(key, value)
      known.set(key, value)
    }
    assert.strictEqual(map.size, known.size)
    for (const [one] of steps) {
      assert.strictEqual(map.get(one), known.get(one))
      assert.strictEqual(map.has(one), known.has(one))
    }
    assert.sameMembers(map.all(), [...known.values()])
  }
}

describe("a reusable map", () => {
  it.prop("holds what a Map holds, by number", [Schema.Array(Step)], ([steps]) =>
    agrees(steps.map(({ isGone, key }) => [key, isGone])),
  )

  it.prop("holds what a Map holds, by text", [Schema.Array(Step)], ([steps]) =>
    agrees(steps.map(({ isGone, key }) => [`request ${key}`, isGone])),
  )

  it("grows with its entries, and finds all of them", () => {
    const map = new ReusableMap<string, { readonly at: number }>()
    for (let at = 0; at < 5_000; at++) map.set(`${at}`, { at })
    for (let at = 0; at < 5_000; at += 2) map.delete(`${at}`)
    assert.strictEqual(map.size, 2_500)
    for (let at = 0; at < 5_000; at++)
      assert.deepStrictEqual(map.get(`${at}`), at % 2 === 0 ? undefined : { at })
    map.clear()
    assert.strictEqual(map.size, 0)
    assert.isFalse(map.has("1"))
  })

  it("asks for values until something holds for one", () => {
    const map = new ReusableMap<string, { readonly at: number }>()
    const asked: Array<number> = []
    const has = (holds: (at: number) => boolean): boolean => {
      asked.length = 0
      return map.some(({ at }) => {
        asked.push(at)
        return holds(at)
      })
    }
    for (let at = 0; at < 100; at++) map.set(`${at}`, { at })
    for (let at = 0; at < 100; at += 2) map.delete(`${at}`)
    assert.isTrue(has(() => true))
    assert.lengthOf(asked, 1)
    assert.isTrue(has((at) => at === 99))
    assert.isFalse(has((at) => at === 98))
    assert.lengthOf(asked, 50)
  })

  it("keeps no deleted value past the next minor collection", () => {
    setFlagsFromString("--expose-gc")
    const collect = runInNewContext("gc") as (options: { readonly type: "major" | "minor" }) => void
    const old = () =>
      getHeapSpaceStatistics().find(({ space_name }) => space_name === "old_space")
        ?.space_used_size ?? 0
    const map = new ReusableMap<number, () => ReadonlyArray<number>>()
    const pass = (from: number) => {
      for (let at = from; at < from + 1_000; at++) {
        const large = new Array<number>(100).fill(at)
        map.set(at, () => large)
        map.delete(at - 32)
      }
      collect({ type: "minor" })
    }
    pass(0)
    // From here on the table of that time is old.
    collect({ type: "major" })
    const before = old()
    for (let round = 1; round < 31; round++) pass(round * 1_000)
    const passed = 30 * 1_000 * 100 * 8
    assert.isBelow(old() - before, passed / 10)
  })
})
