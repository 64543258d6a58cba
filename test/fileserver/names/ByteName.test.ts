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
})
