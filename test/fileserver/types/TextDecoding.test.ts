/** In which encoding a file is read as text, and which files are not text. */
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

  it.each([
    [
      "shift_jis",
      "82b182ea82cd93fa967b8cea82cc8365834c8358836782c582b781420a8abf8e9a82c6834a835e834a836981420a",
      "これは日本語のテキストです。\n漢字とカタカナ。\n",
    ],
    [
      "euc-jp",
      "a4b3a4eca4cfc6fccbdcb8eca4cea5c6a5ada5b9a5c8a4c7a4b9a1a30ab4c1bbfaa4c8a5aba5bfa5aba5caa1a30a",
      "これは日本語のテキストです。\n漢字とカタカナ。\n",
    ],
    [
      "euc-kr",
      "bec8b3e7c7cfbcbcbfe42e20c0ccb0cdc0ba20c7d1b1b9beee20b1dbc0d4b4cfb4d92e0a",
      "안녕하세요. 이것은 한국어 글입니다.\n",
    ],
    [
      "gb18030",
      "d5e2cac7d2bbb8f6d6d0cec4cec4bcfea3acc0efc3e6d3d0ced2c3c7b5c4cec4d7d6a1a30a",
      "这是一个中文文件，里面有我们的文字。\n",
    ],
    [
      "big5",
      "b36fac4fa440add3a4a4a4e5c0c9aed7a141b8ccadb1a6b3a7daadccaabaa4e5a672a1430a",
      "這是一個中文檔案，裡面有我們的文字。\n",
    ],
    [
      "windows-1251",
      "cff0e8e2e5f22c20ece8f02120ddf2ee20f0f3f1f1eae8e920f2e5eaf1f22e0a",
      "Привет, мир! Это русский текст.\n",
    ],
    [
      "koi8-r",
      "f0d2c9d7c5d42c20cdc9d22120fcd4cf20d2d5d3d3cbc9ca20d4c5cbd3d42e0a",
      "Привет, мир! Это русский текст.\n",
    ],
    [
      "ibm866",
      "8fe0a8a2a5e22c20aca8e021209de2ae20e0e3e1e1aaa8a920e2a5aae1e22e0a",
      "Привет, мир! Это русский текст.\n",
    ],
    [
      "windows-1252",
      "4772f6df65206e61ef7665206661e7616465209620dc6265726d61df2c2064e96ae02076752c209c757672650a",
      "Größe naïve façade – Übermaß, déjà vu, œuvre\n",
    ],
  ])("is guessed to be %s by its characters, also piece by piece", (_, hex, expected) => {
    const bytes = Buffer.from(hex, "hex")
    assert.strictEqual(TextDecoding.decode(bytes), expected)
    assert.strictEqual(TextDecoding.decodePart(bytes, bytes), expected)
    assert.strictEqual(TextDecoding.decoderOf(bytes)?.decode(bytes), expected)
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
