/**
 * The Range field: what each form asks for, and which requests for ranges are answered in full.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Ranges from "../../../src/fileserver/http/Ranges.ts"

const show = (ranges: Ranges.Ranges): string =>
  ranges._tag === "Parts"
    ? ranges.parts.map(({ first, last }) => `${first}-${last}`).join(" ")
    : ranges._tag

const huge = "9".repeat(400)

describe("Ranges of 1000 bytes", () => {
  it.each([
    ["bytes=-10", "990-999"],
    ["bytes=-5000", "0-999"],
    ["bytes=-0", "Unsatisfiable"],
    ["bytes=-000", "Unsatisfiable"],
    ["bytes=1000-", "Unsatisfiable"],
    ["bytes=999-", "999-999"],
    ["bytes=0-", "0-999"],
    ["bytes=0-0", "0-0"],
    ["bytes=990-1990", "990-999"],
    ["bytes=0-18446744073709551616", "0-999"],
    [`bytes=0-${huge}`, "0-999"],
    [`bytes=-${huge}`, "0-999"],
    [`bytes=${huge}-`, "Unsatisfiable"],
    ["bytes=18446744073709551616-18446744073709551617", "Unsatisfiable"],
    ["bytes=18446744073709551617-18446744073709551616", "Whole"],
    [`bytes=${"0".repeat(400)}5-6`, "5-6"],
    ["bytes=5-2", "Whole"],
    ["bytes=alpha", "Whole"],
    ["bytes=", "Whole"],
    ["bytes=-", "Whole"],
    ["bytes=,", "Whole"],
    ["bytes=--5", "Whole"],
    ["bytes=+1-5", "Whole"],
    ["bytes=1.0-5", "Whole"],
    ["bytes=0x1-5", "Whole"],
    ["bytes=1 -5", "Whole"],
    ["bytes 0-5", "Whole"],
    ["0-5", "Whole"],
    ["items=0-5", "Whole"],
    ["BYTES=0-5", "0-5"],
    ["bYtEs=0-5", "0-5"],
    ["bytes=0-9,5000-", "0-9"],
    ["bytes=5000-,6000-7000,-0", "Unsatisfiable"],
    ["bytes=0-9,5-2", "Whole"],
    ["bytes=0-9, 500-509", "0-9 500-509"],
    ["bytes=,0-9,,", "0-9"],
  ])("%s gives %s", (value, expected) => {
    assert.strictEqual(show(Ranges.parse(value, 1000)), expected)
  })
})

describe("Ranges of an empty file", () => {
  it.each([
    ["bytes=0-", "Unsatisfiable"],
    ["bytes=0-0", "Unsatisfiable"],
    ["bytes=-0", "Unsatisfiable"],
    ["bytes=-10", "Whole"],
  ])("%s gives %s", (value, expected) => {
    assert.strictEqual(show(Ranges.parse(value, 0)), expected)
  })
})

const Size = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5000 }))
const Cut = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 6000 }))

describe("Ranges", () => {
  it.prop(
    "consecutive ranges rebuild the file",
    [Size, Schema.Array(Cut).check(Schema.isMaxLength(10))],
    ([size, cuts]) => {
      const file = Buffer.from(Array.from({ length: size }, (_, i) => (i * 31) & 255))
      const edges = [...new Set([0, ...cuts.filter((cut) => cut < size), size])].sort(
        (a, b) => a - b,
      )
      const parts = edges.slice(1).map((end, i) => {
        const parsed = Ranges.parse(`bytes=${edges[i]}-${end - 1}`, size)
        if (parsed._tag !== "Parts" || parsed.parts.length !== 1) throw new Error(show(parsed))
        const [part] = parsed.parts
        return file.subarray(part?.first, (part?.last ?? 0) + 1)
      })
      assert.isTrue(Buffer.concat(parts).equals(file))
    },
    { arbitrary: { runs: 300 } },
  )

  it.prop(
    "every part lies within the file and agrees with exact arithmetic",
    [Schema.BigInt, Schema.BigInt, Size],
    ([a, b, size]) => {
      const first = a < 0n ? -a : a
      const last = b < 0n ? -b : b
      const total = BigInt(size)
      const expected =
        first > last
          ? "Whole"
          : first >= total
            ? "Unsatisfiable"
            : `${first}-${last < total ? last : total - 1n}`
      assert.strictEqual(show(Ranges.parse(`bytes=${first}-${last}`, size)), expected)
      const start = last > total ? 0n : total - last
      assert.strictEqual(
        show(Ranges.parse(`bytes=-${last}`, size)),
        last === 0n ? "Unsatisfiable" : `${start}-${size - 1}`,
      )
    },
    { arbitrary: { runs: 500 } },
  )

  it.prop(
    "anything at all is read without an exception and within the file",
    [Schema.String, Size],
    ([text, size]) => {
      for (const value of [text, `bytes=${text}`, `bytes=0-9,${text}`]) {
        const parsed = Ranges.parse(value, size)
        if (parsed._tag !== "Parts") continue
        for (const { first, last } of parsed.parts) {
          assert.isTrue(first >= 0 && first <= last && last < size)
        }
      }
    },
    { arbitrary: { runs: 300 } },
  )
})

describe("Ranges worth answering", () => {
  const Part = Schema.Tuple([Cut, Cut])
  it.prop(
    "cover the bytes that were asked for, once each, in at most 32 parts, or are the whole",
    [Size, Schema.Array(Part).check(Schema.isMinLength(1), Schema.isMaxLength(60))],
    ([size, pairs]) => {
      const value = `bytes=${pairs.map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`).join(",")}`
      const asked = Ranges.parse(value, size)
      const chosen = Ranges.select(value, size)
      if (asked._tag !== "Parts") return assert.deepStrictEqual(chosen, asked)
      const total = asked.parts.reduce((sum, { first, last }) => sum + last - first + 1, 0)
      const wanted = new Set<number>()
      for (const { first, last } of asked.parts) {
        for (let i = first; i <= last; i++) wanted.add(i)
      }
      if (chosen._tag !== "Parts") {
        assert.strictEqual(chosen._tag, "Whole")
        return assert.isTrue(total > size || Ranges.coalesce(asked.parts).length > Ranges.maxParts)
      }
      assert.isAtMost(chosen.parts.length, Ranges.maxParts)
      let sent = 0
      for (const { first, last } of chosen.parts) {
        for (let i = first; i <= last; i++) assert.isTrue(wanted.delete(i), `byte ${i} twice`)
        sent += last - first + 1
      }
      assert.strictEqual(wanted.size, 0)
      assert.isAtMost(sent, size)
    },
    { arbitrary: { runs: 300 } },
  )
})
