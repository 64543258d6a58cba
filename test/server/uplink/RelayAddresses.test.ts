/**
 * What a relay announces to its servers.
 */
import { assert, it } from "@effect/vitest"
import { announced } from "../../../src/server/uplink/RelayAddresses.ts"

it.each([
  ["My%20attic", "My attic"],
  ["Caf%C3%A9%20%F0%9F%93%B7", "Café 📷"],
  ["a%0D%0Ab%1B%5B2J%E2%80%AEc", "ab[2Jc"],
  ["%E0%A4%A", undefined],
  ["%20%09", undefined],
  ["a".repeat(1001), undefined],
  [undefined, undefined],
])("of the display name %s it is %s", (value, name) => {
  const headers = value === undefined ? {} : { "x-ptth-display-name": value }
  assert.strictEqual(announced(headers).displayName, name)
})
