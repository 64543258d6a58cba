/**
 * The floor under keys: what `ptth keygen` makes passes, what people make up does not.
 */
import { randomInt } from "node:crypto"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ApiKey from "../../../src/domain/ApiKey.ts"
import * as KeyStrength from "../../../src/transport/auth/KeyStrength.ts"

it.live("generated keys are always strong enough", () =>
  Effect.gen(function* () {
    const keys = Array.from({ length: 3 }, () => ApiKey.generate((below) => randomInt(below)))
    const strengths = yield* Effect.forEach(keys, KeyStrength.bits, { concurrency: 2 })
    for (const strength of strengths) assert.isAtLeast(strength, KeyStrength.minBits)
  }),
)

it("the form of generated keys is told from keys that only look like it", () => {
  let next = 0
  assert.isTrue(ApiKey.hasGeneratedForm(ApiKey.generate(() => next++)))
  const words = ["Abandon", "Zoo", "Clay", "Violin", "Vote", "Dose", "Alarm"]
  assert.isTrue(ApiKey.hasGeneratedForm(ApiKey.make(words.join(""))))
  for (const others of [
    words.slice(1),
    [...words, "Zebra"],
    [...words.slice(1), "Zoo"],
    [...words.slice(1), "Password"],
    [...words.slice(1), "alarm"],
    [...words, "1"],
  ])
    assert.isFalse(ApiKey.hasGeneratedForm(ApiKey.make(others.join(""))), others.join())
})

it.live("the key of the original's documentation is strong enough", () =>
  KeyStrength.check(ApiKey.make("PlaypenCausalPlatformCommodeImproveCatalyze"), ""),
)

it.live.each([
  "password123456",
  "correct horse",
  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  "qwertyuiopasdfghjkl",
  "abcdefghijklmnopqrstuvwxyz0123456789",
  "2026-11-23",
  "x",
])("the key %s is refused, and the refusal does not repeat it", (text) =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(KeyStrength.check(ApiKey.make(text), "ptth_server.toml"))
    assert.strictEqual(error.code, "PTTH_KEY_WEAK")
    assert.include(error.message, "Won't run because the key is too weak")
    assert.include(error.message, "ptth keygen")
    assert.include(error.message, "ptth_server.toml: ")
    if (text.length > 1) assert.notInclude(error.message, text)
  }),
)
