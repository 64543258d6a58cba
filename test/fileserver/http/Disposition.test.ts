/**
 * The names of downloads, for clients with and without RFC 8187.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Disposition from "../../../src/fileserver/http/Disposition.ts"
import { servedFolder } from "../../support/servedFolder.ts"

describe("a download", () => {
  it.each([
    ["a.txt", 'attachment; filename="a.txt"'],
    ["a b (1).txt", 'attachment; filename="a b (1).txt"'],
    ['a"b.txt', "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt"],
    ["a\\b.txt", "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%5Cb.txt"],
    ["100%41.txt", "attachment; filename=\"100_41.txt\"; filename*=UTF-8''100%2541.txt"],
    ["été.txt", "attachment; filename=\"_t_.txt\"; filename*=UTF-8''%C3%A9t%C3%A9.txt"],
    ["😀.txt", "attachment; filename=\"_.txt\"; filename*=UTF-8''%F0%9F%98%80.txt"],
    ["a\r\nX-Evil: 1", "attachment; filename=\"a__X-Evil_ 1\"; filename*=UTF-8''a__X-Evil%3A%201"],
    ["a\u202egpj.exe", 'attachment; filename="a_gpj.exe"'],
  ])("of %j is named by %s", async (name, expected) => {
    const { get, write } = await servedFolder({})
    write(name, "x")
    const answer = await get(`/files/${encodeURIComponent(name)}?download`)
    assert.strictEqual(answer.status, 200)
    assert.strictEqual(answer.header("content-disposition"), expected)
  })

  it("of a name that is not UTF-8 has a valid name", () => {
    assert.strictEqual(Disposition.attachment("\xff\xfe.x"), 'attachment; filename="__.x"')
  })

  it.prop(
    "of any name is one line of ASCII, with quotes only around the name",
    [Schema.String],
    ([name]) => {
      const bytes = Buffer.from(name.toWellFormed()).toString("latin1")
      assert.match(
        Disposition.attachment(bytes),
        /^attachment; filename="[^"\\\x00-\x1f\x7f-\uffff]*"(?:; filename\*=UTF-8''[\w.~%-]*)?$/,
      )
    },
    { arbitrary: { runs: 300 } },
  )

  it("has its name in a 206 and from the cache, but not in a 304", async () => {
    const { get } = await servedFolder({ "a.txt": "hello" })
    const full = await get("/files/a.txt?download")
    const tag = full.header("etag") as string
    for (let repetition = 0; repetition < 2; repetition++) {
      const part = await get("/files/a.txt?download=1", [["Range", "bytes=0-1"]])
      assert.strictEqual(part.status, 206)
      assert.isDefined(part.header("content-disposition"))
    }
    const same = await get("/files/a.txt?download", [["If-None-Match", tag]])
    assert.strictEqual(same.status, 304)
    assert.isUndefined(same.header("content-disposition"))
    assert.isUndefined((await get("/files/a.txt")).header("content-disposition"))
    assert.isUndefined((await get("/files/a.txt?downloads")).header("content-disposition"))
  })
})
