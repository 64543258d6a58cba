import * as fs from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { fromText } from "../../../src/fileserver/names/ByteName.ts"
import * as UploadName from "../../../src/fileserver/uploads/UploadName.ts"
import * as Body from "../../../src/transport/body/Body.ts"
import { callHandler } from "../../support/callHandler.ts"
import { servedFolder } from "../../support/servedFolder.ts"

describe("the name of an upload", () => {
  it.each([
    "a b.txt",
    "\u00fcn\u00ef \u2011 \u65e5\u672c.txt",
    "100%.txt",
    "q?#&.txt",
    "semi;colon.txt",
    "10:30.txt",
    "con.txt",
    "-rf",
    "\u{1f468}\u200d\u{1f469}.png",
    "\u0646\u0645\u06cc\u200c\u062e.txt",
    " a ",
    "a.",
    "e\u0301",
  ])("may be %j", (name) => {
    assert.isUndefined(UploadName.problemOf(fromText(name)))
  })

  it("need not be UTF-8", () => {
    assert.isUndefined(UploadName.problemOf("raw\xff"))
    assert.isDefined(UploadName.problemOf("raw\xff\x1b[2J"))
  })

  it.each([
    "",
    "a/b",
    "a\0b",
    "x\\..\\..\\evil.cmd",
    "C:\\Users\\evil.cmd",
    "c:evil.cmd",
    "a\u001b]0;title\u0007.txt",
    "two\nlines.txt",
    "a\u007f",
    "a\u0085b",
    "b\u202efdp.exe",
    "b\u2066c",
    "a\u200eb",
    "a\u061cb",
    "a\u200bb",
    "\ufeffa",
    "a\u2028b",
    " ",
    "\u00a0\u3000",
    "\u3164",
    "\u0301",
  ])("may not be %j", async (name) => {
    assert.isDefined(UploadName.problemOf(fromText(name)))
    const { handler, root } = await servedFolder({}, { uploads: { overwrite: true } })
    const put = await callHandler(handler, {
      method: "PUT",
      target: `/files/${encodeURIComponent(name)}`,
      body: Body.fromText("x"),
    })
    assert.isTrue(put.status >= 400 && put.status < 500, String(put.status))
    assert.deepStrictEqual(fs.readdirSync(root), [])
  })
})
