import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as ClusterKey from "../../src/cluster/ClusterKey.ts"

const one = "a".repeat(ClusterKey.minLength)
const two = "b".repeat(100)

describe("the key of a cluster", () => {
  it("is one line, or two while it is changed", () => {
    const keys = (text: string) =>
      Result.getOrUndefined(ClusterKey.parse(text))?.map((key) => Redacted.value(key))
    assert.deepStrictEqual(keys(one), [one])
    assert.deepStrictEqual(keys(`\n ${one}\r\n${two}\n\n`), [one, two])
  })

  it("is refused if it is short, or if there are none or too many, without being repeated", () => {
    const refused = (text: string) => Result.getOrThrow(Result.flip(ClusterKey.parse(text)))
    assert.strictEqual(refused("\n"), "has no key")
    assert.strictEqual(refused(`${one}\n${two}\n${one}`), "has 3 lines instead of one or two")
    assert.strictEqual(
      refused(`${one}\n${one.slice(1)}`),
      "has a key of 31 characters in line 2; it needs 32",
    )
    assert.match(refused(`${one} ${one}`), /spaces/)
    assert.match(refused(`${one}ä`), /not ASCII/)
    assert.notInclude(refused(`${one}ä`), one)
  })
})
