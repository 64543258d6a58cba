import { assert, describe, it } from "@effect/vitest"
import * as TextDecoding from "../../../src/fileserver/types/TextDecoding.ts"

const text = "Käse é – €\n"
const windows1252 = Buffer.from("K\xe4se \xe9 \x96 \x80\n", "latin1")
const utf16le = Buffer.from(text, "utf16le")
const utf16be = Buffer.from(utf16le).swap16()

describe("the text of a file", () => {
  it.each([
    ["UTF-8", Buffer.from(text)],
    ["UTF-8 with a byte order mark", Buffer.from(`\ufeff${text}`)],
    ["UTF-16LE with a byte order mark", Buffer.concat([Buffer.from([0xff, 0xfe]), utf16le])],
    ["UTF-16BE with a byte order mark", Buffer.concat([Buffer.from([0xfe, 0xff]), utf16be])],
    ["UTF-16LE", utf16le],
    ["UTF-16BE", utf16be],
    ["windows-1252", windows1252],
  ])("is read in %s", (_, bytes) => {
    assert.strictEqual(TextDecoding.decode(bytes), text)
  })

  it.each([
    ['<?xml version="1.0" encoding="ISO-8859-2"?>\n\xb3', "ł"],
    ['<meta charset="shift_jis">\n\x93\xfa', "日"],
    ["# -*- coding: koi8-r -*-\n\xc1", "а"],
    ["# vim: set fileencoding=cp1251 :\n\xe0", "а"],
    ['@charset "iso-8859-15";\n\xa4', "€"],
    ["charset=unheard-of\n\xe9", "é"],
    ['<meta charset="utf-8">\n\xe9', "é"],
  ])("is read as %j declares, unless that cannot be, also piece by piece", (content, end) => {
    const bytes = Buffer.from(content, "latin1")
    const decoded = TextDecoding.decode(bytes)
    assert.strictEqual(decoded?.split("\n")[1], end)
    const piece = Buffer.concat([bytes, Buffer.from("\n")])
    assert.strictEqual(TextDecoding.decoderOf(piece)?.decode(piece), `${decoded}\n`)
  })

  it("may be empty, and may have control characters if it is UTF-8", () => {
    assert.strictEqual(TextDecoding.decode(Buffer.from("")), "")
    assert.strictEqual(TextDecoding.decode(Buffer.from("é\x01\x1b[1m")), "é\x01\x1b[1m")
  })

  it.each([
    ["bytes of every kind", Buffer.from(Uint8Array.from({ length: 256 }, (_, i) => i))],
    ["text with a zero", Buffer.from("text\0text")],
    ["zeros", Buffer.alloc(2000)],
    ["control characters", Buffer.from([0xff, 0x01, 0x02, 0x80])],
    ["a picture", Buffer.from("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "latin1")],
  ])("does not exist in %s", (_, bytes) => {
    assert.isUndefined(TextDecoding.decode(bytes))
  })
})
