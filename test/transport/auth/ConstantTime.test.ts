import { assert, it } from "@effect/vitest"
import { isEqual } from "../../../src/transport/auth/ConstantTime.ts"

it.each([
  ["", "", true],
  ["secret", "secret", true],
  ["secret", "secreT", false],
  ["secret", "secret ", false],
  ["secret", "", false],
] as const)("%j and %j are the same: %s", (actual, expected, result) => {
  assert.strictEqual(isEqual(Buffer.from(actual), Buffer.from(expected)), result)
})
