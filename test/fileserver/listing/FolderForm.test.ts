/**
 * A folder as a plain list, for programs such as `curl`.
 */
import { assert, describe, it } from "@effect/vitest"
import { servedFolder } from "../../support/servedFolder.ts"

describe("a plain list", () => {
  const site = () =>
    servedFolder({ "b10.txt": "", "b9.txt": "", "dir/x": "", "new\nline\x1b[31m": "", é: "" })
  const expected = "dir/\nb9.txt\nb10.txt\né\nnew␊line␛[31m\n"

  it.each([
    ["/files/?plain", undefined],
    ["/files/?plain", "text/html"],
    ["/files/", "text/plain"],
    ["/files/", "text/plain, */*;q=0.1"],
    ["/files/", "text/html;q=0.5, text/plain"],
  ])("%s with Accept: %s has one name a line, folders with a slash", async (target, accept) => {
    const { get } = await site()
    const answer = await get(target, accept === undefined ? [] : [["Accept", accept]])
    assert.strictEqual(answer.status, 200)
    assert.strictEqual(answer.header("content-type"), "text/plain; charset=utf-8")
    assert.strictEqual(answer.header("vary"), "Accept, Accept-Encoding")
    assert.sameMembers(answer.text.split("\n"), expected.split("\n"))
    assert.isTrue(answer.text.startsWith("dir/\n"))
  })

  it.each([undefined, "*/*", "text/html, text/plain", "text/html"])(
    "is not sent for Accept: %s",
    async (accept) => {
      const { get } = await site()
      const answer = await get("/files/", accept === undefined ? [] : [["Accept", accept]])
      assert.strictEqual(answer.header("content-type"), "text/html; charset=utf-8")
    },
  )

  it("is empty for an empty folder", async () => {
    const { get } = await servedFolder({})
    assert.strictEqual((await get("/files/?plain")).text, "")
  })
})
