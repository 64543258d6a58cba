/**
 * The opening of a link that one worker passes to another one.
 */
import { Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as HandedLink from "../../../src/relay/links/HandedLink.ts"

describe("the opening of a link that another process has passed on", () => {
  const socket = new Socket()

  it("has the fields that it had there, whatever their names", () => {
    const rawHeaders = ["X-ApiKey", "a", "x-apikey", "b", "constructor", "c", "__proto__", "d"]
    const request = { method: "GET", url: "/x", headers: {}, headersDistinct: {}, rawHeaders }
    const about = HandedLink.encode({ ...request, socket }, Buffer.from("more"))
    const handed = HandedLink.decode(JSON.parse(JSON.stringify(about)), socket)
    assert.deepStrictEqual(Object.entries(handed?.request.headersDistinct ?? {}), [
      ["x-apikey", ["a", "b"]],
      ["constructor", ["c"]],
      ["__proto__", ["d"]],
    ])
    assert.strictEqual(handed?.request.headers["x-apikey"], "a, b")
    assert.deepStrictEqual(handed?.request.rawHeaders, rawHeaders)
    assert.strictEqual(String(handed?.head), "more")
  })

  it("is none if it has no fields", () => {
    assert.isUndefined(HandedLink.decode({ method: "GET", url: "/x" }, socket))
    assert.isUndefined(HandedLink.decode(undefined, socket))
  })
})
