/**
 * Names of header fields in any case.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { FieldNames } from "../../src/domain/FieldNames.ts"
import { HeaderName } from "../../src/domain/HeaderList.ts"

describe("names of fields", () => {
  it.prop(
    "are found in any case, and no others",
    [Schema.Array(HeaderName), HeaderName],
    ([names, other]) => {
      const fields = new FieldNames(names)
      for (const name of names) {
        assert.isTrue(fields.has(name.toUpperCase()))
        assert.isTrue(fields.has(name.toLowerCase()))
        assert.isTrue(fields.mayHave(name))
      }
      const isOne = names.some((name) => name.toLowerCase() === other.toLowerCase())
      assert.strictEqual(fields.has(other), isOne)
    },
  )

  it("are found if they are as long as others that begin alike", () => {
    const long = `te${"-".repeat(64)}`
    const fields = new FieldNames([long, "TE"])
    assert.isTrue(fields.has("te"))
    assert.isTrue(fields.has(long.toUpperCase()))
    assert.isFalse(fields.has(`te${"_".repeat(64)}`))
    assert.isFalse(fields.has("tf"))
    assert.isFalse(fields.has(""))
  })
})
