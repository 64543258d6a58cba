import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as CaseFolding from "../../../src/fileserver/names/CaseFolding.ts"
import * as Script from "../../../src/web/Script.ts"

/** The function of the pages' script. */
const foldInPage = runInNewContext(
  `(${/const fold = ([^;]*);/.exec(Script.js)?.[1]})`,
) as typeof CaseFolding.fold

describe("folding", () => {
  it.each([
    ["Résumé.pdf".normalize("NFC"), "Résumé.pdf".normalize("NFD")],
    ["Übung".normalize("NFD"), "ÜBUNG"],
    ["İstanbul", "istanbul"],
    ["ısı", "ISI"],
    ["Straße", "STRASSE"],
    ["STRAẞE", "strasse"],
    ["ΟΔΟΣ", "οδος"],
    ["Ёлка".normalize("NFD"), "ёлка"],
    ["ﬁle", "FILE"],
    ["ＡＢＣ", "abc"],
    ["Ǆ", "ǆ"],
  ])("makes %s and %s equal", (a, b) => {
    assert.strictEqual(CaseFolding.fold(a), CaseFolding.fold(b))
  })

  it.each([
    ["é", "e"],
    ["が", "か"],
    ["각", "가"],
    ["कि", "क"],
    ["o", "0"],
  ])("keeps %s and %s apart", (a, b) => {
    assert.notStrictEqual(CaseFolding.fold(a), CaseFolding.fold(b))
  })

  it.prop("is the same on the server and in the pages", [Schema.String], ([text]) => {
    assert.strictEqual(foldInPage(text), CaseFolding.fold(text))
  })

  it("is the same for letters beyond ASCII, and changes nothing twice", () => {
    for (let code = 0x80; code < 0x3000; code++) {
      const text = `x${String.fromCharCode(code)}y`
      const folded = CaseFolding.fold(text)
      assert.strictEqual(foldInPage(text), folded, code.toString(16))
      assert.strictEqual(CaseFolding.fold(folded), folded, code.toString(16))
    }
  })
})
