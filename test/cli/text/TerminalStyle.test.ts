/**
 * What a terminal can show.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Qr from "../../../src/cli/text/Qr.ts"
import * as TerminalStyle from "../../../src/cli/text/TerminalStyle.ts"

const tty = { isTTY: true }
const utf8 = { LANG: "en_GB.UTF-8", TERM: "xterm-256color" }

describe("a terminal", () => {
  it.each([
    [tty, utf8, { hasColors: true, hasUnicode: true, canMove: true }],
    [tty, { ...utf8, NO_COLOR: "1" }, { hasColors: false, hasUnicode: true, canMove: true }],
    [tty, { ...utf8, LC_ALL: "C" }, { hasColors: true, hasUnicode: false, canMove: true }],
    [tty, { ...utf8, TERM: "dumb" }, { hasColors: false, hasUnicode: true, canMove: false }],
    [{}, utf8, { hasColors: false, hasUnicode: true, canMove: false }],
    [tty, {}, { hasColors: true, hasUnicode: false, canMove: true }],
  ])("%o with %o shows %o", (stream, env, style) => {
    assert.deepStrictEqual(TerminalStyle.styleOf(stream, env, "linux"), style)
  })
})

describe("a text", () => {
  const style = TerminalStyle.styleOf(tty, utf8, "linux")
  const ascii = { ...style, hasUnicode: false }

  it.each([
    ["abcdefghij", 10, "abcdefghij", "abcdefghij"],
    ["abcdefghij", 7, "abc…hij", "ab...ij"],
    ["abcdefghij", 2, "ab", "ab"],
    ["abcdefghij", 0, "", ""],
  ])("%s in %s columns is %s, or %s", (text, width, cut, inAscii) => {
    assert.strictEqual(TerminalStyle.cutMiddle(style, text, width), cut)
    assert.strictEqual(TerminalStyle.cutMiddle(ascii, text, width), inAscii)
  })

  it("has nothing that controls the terminal or turns the line", () => {
    assert.strictEqual(TerminalStyle.printable(style, "a\u001b[2Jü\u202eb\n"), "a?[2Jü?b?")
    assert.strictEqual(TerminalStyle.printable(ascii, "aü→"), "a??")
  })
})

describe("a QR code", () => {
  const text = "https://attic.relay.example.com/"
  const style = TerminalStyle.styleOf(tty, utf8, "linux")

  it("takes half as many lines as columns, black on white", () => {
    const lines = Qr.render(text, style).split("\n")
    const columns = TerminalStyle.widthOf(lines[0] as string)
    assert.strictEqual(lines.length, Math.ceil(columns / 2))
    for (const line of lines) assert.match(line, /^\u001b\[38;5;16;48;5;231m[ ▀▄█]+\u001b\[0m$/)
  })

  it("is drawn in its light modules without colours, and in ASCII where nothing else is shown", () => {
    const lines = Qr.render(text, { ...style, hasColors: false }).split("\n")
    assert.match(lines[0] as string, /^█+$/)
    assert.match(Qr.render(text, { ...style, hasColors: false, hasUnicode: false }), /^[# \n]+$/)
  })
})
