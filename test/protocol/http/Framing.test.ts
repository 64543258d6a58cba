/**
 * Which combinations of Content-Length and Transfer-Encoding are accepted in requests and
 * responses.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Framing from "../../../src/protocol/http/Framing.ts"

type Fields = ReadonlyArray<readonly [string, string]>
const host: Fields = [["Host", "relay"]]

describe("the framing of a request", () => {
  const accepted: ReadonlyArray<[string, string, Fields, Framing.Framing]> = [
    ["no body", "1.1", [], { _tag: "None" }],
    ["a length", "1.1", [["Content-Length", "5"]], { _tag: "Length", length: 5 }],
    ["a length on HTTP/1.0", "1.0", [["Content-Length", "5"]], { _tag: "Length", length: 5 }],
    ["chunked", "1.1", [["Transfer-Encoding", "Chunked"]], { _tag: "Chunked" }],
  ]
  for (const [what, version, fields, framing] of accepted) {
    it(`is accepted with ${what}`, () => {
      assert.deepStrictEqual(
        Result.getOrThrow(Framing.ofRequest(version, [...host, ...fields])),
        framing,
      )
    })
  }

  const refused: ReadonlyArray<[string, string, Fields, number]> = [
    ["two Host fields", "1.1", [...host, ["host", "other"]], 400],
    ["no Host on HTTP/1.1", "1.1", [], 400],
    ["Transfer-Encoding on HTTP/1.0", "1.0", [...host, ["Transfer-Encoding", "chunked"]], 400],
    ["gzip, chunked", "1.1", [...host, ["Transfer-Encoding", "gzip, chunked"]], 501],
    [
      "chunked twice",
      "1.1",
      [...host, ["Transfer-Encoding", "chunked"], ["Transfer-Encoding", "chunked"]],
      501,
    ],
    [
      "chunked and a length",
      "1.1",
      [...host, ["Transfer-Encoding", "chunked"], ["Content-Length", "5"]],
      400,
    ],
    ["two lengths", "1.1", [...host, ["Content-Length", "5"], ["Content-Length", "5"]], 400],
    ["a length that is no number", "1.1", [...host, ["Content-Length", "+5"]], 400],
    ["a length of two numbers", "1.1", [...host, ["Content-Length", "5, 5"]], 400],
    ["HTTP/2.0 on the request line", "2.0", host, 505],
    ["HTTP/0.9", "0.9", host, 505],
  ]
  for (const [what, version, fields, status] of refused) {
    it(`is refused with ${what}`, () => {
      const result = Framing.ofRequest(version, fields)
      assert.isTrue(Result.isFailure(result))
      if (Result.isFailure(result)) assert.strictEqual(result.failure.status, status)
    })
  }
})

describe("the framing of a response", () => {
  it("is none for HEAD, 204 and 304, whatever the head declares", () => {
    assert.deepStrictEqual(Framing.ofResponse("HEAD", 200, "1.1", 5), { _tag: "None" })
    assert.deepStrictEqual(Framing.ofResponse("GET", 204, "1.1", 5), { _tag: "None" })
    assert.deepStrictEqual(Framing.ofResponse("GET", 304, "1.1", 5), { _tag: "None" })
  })

  it("is chunked on HTTP/1.1 and the end of the connection on HTTP/1.0 if the length is unknown", () => {
    assert.deepStrictEqual(Framing.ofResponse("GET", 200, "1.1", undefined), { _tag: "Chunked" })
    assert.deepStrictEqual(Framing.ofResponse("GET", 200, "1.0", undefined), { _tag: "Close" })
  })
})
