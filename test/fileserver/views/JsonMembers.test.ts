/** The members of JSON objects, beside what `JSON.parse` reads of the same text. */
import { assert, describe, it } from "@effect/vitest"
import * as JsonMembers from "../../../src/fileserver/views/JsonMembers.ts"

const values = [
  0,
  -1.5,
  "",
  'a"\\,:}{[]',
  "\u2028é\n",
  true,
  null,
  [],
  {},
  [1, [2, { a: "]" }]],
  { b: {} },
]

/** What a table shows of a value. */
const shown = (value: unknown): string =>
  typeof value === "string" ? value : JSON.stringify(value)

describe("the members of an object", () => {
  it("are those of the object, however it is written", () => {
    const object = Object.fromEntries(values.map((value, i) => [`"${i}\\ :,`, value]))
    const expected = Object.entries(object).map(([name, value]) => [name, shown(value)])
    for (const space of [undefined, 1, "\t"]) {
      const json = JSON.stringify(object, undefined, space)
      assert.deepStrictEqual([...(JsonMembers.read(json) ?? [])], expected)
    }
    assert.deepStrictEqual([...(JsonMembers.read(" { } ") ?? [])], [])
  })

  it("keep their digits; of two with one name the last one counts", () => {
    const json = '{"\\u0061": 12345678901234567890 , "b":[1.0, 1e400],"a":-0.10}'
    assert.deepStrictEqual(
      [...(JsonMembers.read(json) ?? [])],
      [
        ["a", "-0.10"],
        ["b", "[1.0,1e400]"],
      ],
    )
  })

  it("are not given of what is nested too deeply", () => {
    assert.isUndefined(JsonMembers.read(`{"a":${"[".repeat(1e5)}${"]".repeat(1e5)}}`))
  })
})
