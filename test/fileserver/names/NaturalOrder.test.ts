import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as NaturalOrder from "../../../src/fileserver/names/NaturalOrder.ts"

const sort = (names: ReadonlyArray<string>): ReadonlyArray<string> =>
  names.toSorted((a, b) => (NaturalOrder.key(a) < NaturalOrder.key(b) ? -1 : 1))

describe("natural order", () => {
  it("compares numbers by value, and ignores case, accents and leading zeros", () => {
    const expected = ["1", "2", "010", "100", "a1b2", "a1b10", "A2", "éa", "eb", "z"]
    assert.deepStrictEqual(sort(expected.toReversed()), expected)
  })

  it.prop(
    "agrees with the numbers",
    [Schema.BigInt, Schema.BigInt],
    ([a, b]) => {
      const [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b]
      assert.strictEqual(NaturalOrder.key(`file${x}.txt`) < NaturalOrder.key(`file${y}.txt`), x < y)
    },
    { arbitrary: { runs: 300 } },
  )
})
