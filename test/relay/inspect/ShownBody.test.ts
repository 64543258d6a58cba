/**
 * Recorded bodies as they are shown: decoded, indented, in parts, and never
 * with a secret.
 */
import * as zlib from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as JsonIndent from "../../../src/relay/admin/requests/JsonIndent.ts"
import { FormPartList } from "../../../src/relay/inspect/FormParts.ts"
import * as ShownBody from "../../../src/relay/inspect/ShownBody.ts"

const show = (body: string | Uint8Array, type: string, encoding?: string, length?: number) => {
  const bytes = Buffer.from(body as string)
  return ShownBody.show(bytes, length ?? bytes.length, [
    ["Content-Type", type],
    ...(encoding === undefined ? [] : [["Content-Encoding", encoding] as const]),
  ])
}

const textOf = ({ bytes }: ShownBody.ShownBody): string => Buffer.from(bytes).toString()

const png = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ", "base64")

describe("a recorded body", () => {
  it.each([
    ["gzip", zlib.gzipSync],
    ["deflate", zlib.deflateSync],
    ["br", zlib.brotliCompressSync],
    ["zstd", zlib.zstdCompressSync],
  ] as const)("encoded as %s is shown as the text that it is", (encoding, encode) => {
    const shown = show(encode(Buffer.from('{"token":"hush","a":1}')), "application/json", encoding)
    assert.deepInclude(shown, { form: "text", encoding })
    assert.strictEqual(textOf(shown), '{"token":"***","a":1}')
  })

  it("that was cut is shown as far as it was recorded", () => {
    const whole = zlib.gzipSync(Buffer.from("line\n".repeat(10_000)))
    const shown = show(whole.subarray(0, 40), "text/plain", "gzip", whole.length)
    assert.strictEqual(shown.form, "text")
    assert.deepInclude(shown, { recorded: 40, length: whole.length })
  })

  it("that does not end when it is decoded is not shown", () => {
    const bomb = zlib.gzipSync(Buffer.alloc(20_000_000))
    assert.strictEqual(show(bomb, "text/plain", "gzip").form, "binary")
    assert.strictEqual(show("no gzip", "text/plain", "gzip").form, "binary")
    assert.strictEqual(show("x", "text/plain", "made-up").form, "binary")
  })

  it("is a picture only if it is one that cannot contain a script, and whole", () => {
    assert.strictEqual(show(png, "image/png").form, "image")
    assert.strictEqual(show(png, "image/png", undefined, 1_000).form, "binary")
    assert.strictEqual(show("<svg onload='x()'/>", "image/svg+xml").form, "text")
  })

  it("in another charset is shown as text", () => {
    assert.strictEqual(textOf(show(Buffer.from([0xe9]), "text/plain; charset=latin1")), "é")
    assert.strictEqual(show(Buffer.from([0xe9, 0]), "text/plain").form, "binary")
  })

  it("of a form lists its parts, with the text of fields and no secret", () => {
    const body = Buffer.concat([
      Buffer.from(
        '--b\r\nContent-Disposition: form-data; name="title"\r\n\r\nholiday\r\n--b\r\nContent-Disposition: form-data; name="password"\r\n\r\nhush\r\n--b\r\nContent-Disposition: form-data; name="photo"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n',
      ),
      png,
      Buffer.from("\r\n--b--\r\n"),
    ])
    const shown = show(body, "multipart/form-data; boundary=b")
    assert.strictEqual(shown.form, "parts")
    assert.deepStrictEqual(Schema.decodeSync(FormPartList)(textOf(shown)), [
      { name: "title", file: "", type: "", length: 7, text: "holiday" },
      { name: "password", file: "", type: "", length: 4, text: "***" },
      { name: "photo", file: "a.png", type: "image/png", length: png.length },
    ])
    assert.notInclude(textOf(shown), "hush")
  })

  it("of a form has names as they are meant", () => {
    const part = (name: string, value: string) =>
      `--a+b\r\nContent-Disposition: form-data; ${name}\r\n\r\n${value}\r\n`
    const body = `${part("name*=UTF-8''contrase%C3%B1a", "hush")}${part('name="user%5Bpassword%5D"', "hush")}${part('name="a"; filename="1+1%20\\"2\\".txt"', "x")}--a+b--`
    const shown = show(body, 'multipart/form-data; boundary="a+b"')
    const parts = Schema.decodeSync(FormPartList)(textOf(shown))
    assert.deepStrictEqual(
      parts.map(({ file, name, text }) => [name, file, text]),
      [
        ["contrase\u00f1a", "", "***"],
        ["user%5Bpassword%5D", "", "***"],
        ["a", '1+1%20"2".txt', undefined],
      ],
    )
  })
})

describe("indented JSON", () => {
  it("has a line for each value, and numbers as they were written", () => {
    assert.strictEqual(
      JsonIndent.indent('{"a":[1.0,12345678901234567890],"b":{},"c":"x,{\\"y"}'),
      '{\n  "a": [\n    1.0,\n    12345678901234567890\n  ],\n  "b": {},\n  "c": "x,{\\"y"\n}',
    )
  })

  it("ends where a text that was cut ends", () => {
    assert.strictEqual(JsonIndent.indent('{"a":[1,"be'), '{\n  "a": [\n    1,\n    "be')
  })

  it("of a text of brackets alone does not become much longer", () => {
    assert.isBelow(JsonIndent.indent("[".repeat(10_000)).length, 500_000)
  })

  it.prop("is the same value", [Schema.Json], ([value]) => {
    const text = JSON.stringify(value)
    assert.strictEqual(JSON.stringify(JSON.parse(JsonIndent.indent(text))), text)
  })
})
