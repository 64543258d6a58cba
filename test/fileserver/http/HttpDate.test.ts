import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as HttpDate from "../../../src/fileserver/http/HttpDate.ts"

const now = Date.UTC(2026, 10, 22) / 1000
const example = 784_111_777

describe("HttpDate", () => {
  it.each([
    ["Sun, 06 Nov 1994 08:49:37 GMT", example],
    ["Sunday, 06-Nov-94 08:49:37 GMT", example],
    ["Sun Nov  6 08:49:37 1994", example],
    ["Sun Nov 16 08:49:37 1994", example + 10 * 86_400],
    ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
    ["Tue, 29 Feb 2000 23:59:60 GMT", Date.UTC(2000, 2, 1) / 1000],
    ["Friday, 01-Jan-26 00:00:00 GMT", Date.UTC(2026, 0, 1) / 1000],
    ["Friday, 01-Jan-76 00:00:00 GMT", Date.UTC(2076, 0, 1) / 1000],
    ["Friday, 01-Jan-77 00:00:00 GMT", Date.UTC(1977, 0, 1) / 1000],
  ])("reads %s", (text, expected) => {
    assert.strictEqual(HttpDate.parse(text, now), expected)
  })

  it("reads a two-digit year across the turn of a century", () => {
    const in2090 = Date.UTC(2090, 0, 1) / 1000
    assert.strictEqual(
      HttpDate.parse("Friday, 01-Jan-10 00:00:00 GMT", in2090),
      Date.UTC(2110, 0, 1) / 1000,
    )
  })

  it.each([
    "",
    "garbage",
    "0",
    "2026-11-22T00:00:00Z",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 06 Nov 1994 08:49:37 UTC",
    "Sun, 06 Nov 1994 08:49:37 +0000",
    "sun, 06 nov 1994 08:49:37 gmt",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "Sun, 31 Feb 1994 08:49:37 GMT",
    "Sun, 00 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 06 Nov 1994 08:60:00 GMT",
    "Sun, 06 Nov 1994 08:49:61 GMT",
    "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
  ])("rejects %j", (text) => {
    assert.isUndefined(HttpDate.parse(text, now))
  })

  it.prop(
    "reads what it writes",
    [Schema.Int.check(Schema.isBetween({ minimum: -62_167_219_200, maximum: 253_402_300_799 }))],
    ([time]) => {
      assert.isTrue(HttpDate.isWritable(time))
      assert.strictEqual(HttpDate.parse(HttpDate.format(time), now), time)
    },
    { arbitrary: { runs: 500 } },
  )
})
