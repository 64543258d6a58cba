/**
 * Suggestions for mistyped words.
 */
import { assert, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { distance, nearest } from "../../../src/domain/text/Nearest.ts"

const Word = Schema.String.check(Schema.isMaxLength(8))

it.prop("the distance is symmetric, and zero only between equal words", [Word, Word], ([a, b]) => {
  assert.strictEqual(distance(a, b), distance(b, a))
  assert.strictEqual(distance(a, b) === 0, a === b)
})

it.each([
  ["prot", "port"],
  ["servres", "servers"],
  ["publicUrl", "public_url"],
  ["Relay-Url", "relay_url"],
  ["listne", "listen"],
])("%s means %s", (word, meant) => {
  const known = ["port", "servers", "public_url", "relay_url", "listen", "name"]
  assert.strictEqual(nearest(word, known), meant)
})

it("a word that is like none of them gets no suggestion", () => {
  assert.isUndefined(nearest("zebra", ["port", "listen", "name"]))
  assert.isUndefined(nearest("anything", []))
})
