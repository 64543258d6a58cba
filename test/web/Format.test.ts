/**
 * Sizes, durations and times as pages show them.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Format from "../../src/web/Format.ts"
import { toText } from "../../src/web/Html.ts"

describe("how long ago a time is", () => {
  it.each([
    [0, "0 s ago"],
    [119_999, "119 s ago"],
    [120_000, "2 min ago"],
    [7_199_999, "119 min ago"],
    [7_200_000, "2 h ago"],
    [172_800_000, "2 days ago"],
    [-5_000, "0 s ago"],
  ])("is, for %s ms, %s", (millis, text) => {
    const now = Date.UTC(2026, 0, 31)
    assert.include(toText(Format.ago(now - millis, now)), `>${text}</time>`)
  })
})

describe("a number of bytes", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 kB"],
    [9_949, "9.9 kB"],
    [9_950, "10 kB"],
    [999_499, "999 kB"],
    [999_500, "1.0 MB"],
    [1_500_000, "1.5 MB"],
    [200e9, "200 GB"],
    [5e15, "5.0 PB"],
    [5000e18, "5000 EB"],
  ])("%i is shown as %s", (count, text) => assert.strictEqual(Format.bytes(count), text))
})

describe("a duration", () => {
  it.each([
    [0.25, "0.3 ms"],
    [12.4, "12 ms"],
    [1500, "1.5 s"],
  ])("of %f milliseconds is shown as %s", (count, text) =>
    assert.strictEqual(Format.millis(count), text),
  )
})

describe("a long time", () => {
  it.each([
    [-5_000, "0 s"],
    [119_000, "119 s"],
    [120_000, "2 min"],
    [7_140_000, "119 min"],
    [7_200_000, "2 h"],
    [169_200_000, "47 h"],
    [172_800_000, "2 d"],
  ])("of %i milliseconds is shown as %s", (count, text) =>
    assert.strictEqual(Format.span(count), text),
  )
})

describe("a time", () => {
  it("is shown in UTC, to the second or to the minute", () => {
    const at = Date.UTC(2026, 0, 31, 12, 34, 56, 789)
    assert.strictEqual(
      toText(Format.time(at)),
      '<time datetime="2026-01-31T12:34:56.789Z">2026-01-31 12:34:56 UTC</time>',
    )
    assert.strictEqual(
      toText(Format.minute(at)),
      '<time datetime="2026-01-31T12:34:56.789Z">2026-01-31 12:34</time>',
    )
  })

  it.each([
    [Number.NEGATIVE_INFINITY, /^000\d-/],
    [8.64e15, /^9999-/],
  ])("of %f that RFC 3339 cannot express becomes the nearest that it can", (at, text) =>
    assert.match(Format.rfc3339(at), text),
  )
})
