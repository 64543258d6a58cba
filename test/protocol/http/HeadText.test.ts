import { assert, describe, it } from "@effect/vitest"
import { HeaderList } from "../../../src/domain/HeaderList.ts"
import * as HeadText from "../../../src/protocol/http/HeadText.ts"
import { recognise } from "../../../src/protocol/http/OriginResponse.ts"

describe("the head of a message", () => {
  it("has a start line, field lines and an empty line", () => {
    assert.strictEqual(
      HeadText.request("GET", "/a?b", [["Host", "c"]]),
      "GET /a?b HTTP/1.1\r\nHost: c\r\n\r\n",
    )
    assert.strictEqual(
      HeadText.response(404, "Not Found", [["A", "1"]], "B: 2\r\n"),
      "HTTP/1.1 404 Not Found\r\nA: 1\r\nB: 2\r\n\r\n",
    )
  })

  it("keeps bytes beyond ASCII and stands before its body", () => {
    const bytes = HeadText.join("A: \xe4\r\n", Buffer.from([1, 2]))
    assert.deepStrictEqual([...bytes], [65, 58, 32, 0xe4, 13, 10, 1, 2])
  })

  it.prop("is read back as it was written", [HeaderList], ([fields]) => {
    const framing = new Set(["content-length", "transfer-encoding"])
    const others = fields.filter(([name]) => !framing.has(name.toLowerCase()))
    assert.isTrue(others.every(HeadText.isWritable))
    const head = Buffer.from(HeadText.response(204, "No Content", others), "latin1")
    const result = recognise(head, "GET")
    assert.strictEqual(result._tag, "Response")
    if (result._tag === "Response") assert.deepStrictEqual(result.headers, others)
  })

  it("does not take a field that could begin another", () => {
    for (const [name, value] of [
      ["A", "1\r\nB: 2"],
      ["A", "1\n"],
      ["A\r", "1"],
      ["A: 1\r\nB", "2"],
      ["", "1"],
      ["A", "\0"],
    ] as const)
      assert.isFalse(HeadText.isWritable([name, value]))
  })
})
