import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as ByteName from "../../../src/fileserver/names/ByteName.ts"
import * as TargetPath from "../../../src/fileserver/names/TargetPath.ts"

const Byte = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 255 }))

describe("ByteName", () => {
  it.prop(
    "every name of bytes comes back from its URL form unchanged",
    [Schema.Array(Byte).check(Schema.isMinLength(1), Schema.isMaxLength(60))],
    ([bytes]) => {
      const name = String.fromCharCode(...bytes)
        .replaceAll("/", "_")
        .replace(/^\./, "_")
      const url = ByteName.toUrl(name)
      assert.match(url, /^(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+$/)
      assert.deepStrictEqual(TargetPath.decode(`/${url}/`), {
        _tag: "Path",
        segments: [name],
        folder: true,
        query: undefined,
      })
      assert.deepStrictEqual(Buffer.from(ByteName.toFsPath(name)), Buffer.from(name, "latin1"))
    },
    { arbitrary: { runs: 500 } },
  )

  it("distinguishes names that are UTF-8 from others", () => {
    assert.isTrue(ByteName.isText(ByteName.fromText("naïve 😀")))
    assert.isFalse(ByteName.isText("\xff\xfe"))
    assert.isFalse(ByteName.isText("\xc0\xae"))
    assert.strictEqual(ByteName.toText("\xffx"), "\ufffdx")
  })

  it("shows control characters as pictures, so that a name takes one line", () => {
    assert.strictEqual(ByteName.toDisplay("a\nb\x1b\x7f"), "a␊b␛␡")
  })
  it.each([
    ["invoice_\u202egpj.exe", "invoice_[U+202E]gpj.exe"],
    ["\u2066a\u2069", "[U+2066]a[U+2069]"],
    [
      "pay\u200bpal \u061c\u200e\u200f\ufeff.txt",
      "pay[U+200B]pal [U+061C][U+200E][U+200F][U+FEFF].txt",
    ],
    ["a\u00ad\u2060\u3164\u034f.txt", "a[U+00AD][U+2060][U+3164][U+034F].txt"],
    ["a\u2028b\u0085c\u009b", "a[U+2028]b[U+0085]c[U+009B]"],
    ["report\u200d.pdf", "report[U+200D].pdf"],
    ["a\u{e0041}", "a[U+E0041]"],
  ])("shows in %j what would disguise it", (name, expected) => {
    assert.strictEqual(ByteName.toDisplay(ByteName.fromText(name)), expected)
  })

  it.each([
    "عربي.txt",
    "می‌خواهم.txt",
    "क्‍ष.txt",
    "👨‍👩‍👧.png",
    "❤️.txt",
    "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}.svg",
    "葛\u{e0100}.txt",
    "naïve 日本.txt",
    "e\u0301.txt",
  ])("shows %s, which people write, as it is", (name) => {
    assert.strictEqual(ByteName.toDisplay(ByteName.fromText(name)), name)
  })
})
