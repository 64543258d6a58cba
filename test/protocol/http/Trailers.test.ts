import { assert, describe, it } from "@effect/vitest"
import { passable } from "../../../src/protocol/http/Trailers.ts"

describe("trailer fields", () => {
  it("are passed on in order, unjoined and in their case", () => {
    const trailers = [
      ["X-Sum", "1"],
      ["x-sum", "2"],
      ["Server-Timing", "db;dur=5"],
      ["Digest", ""],
      ["grpc-status", "0"],
      ["ETag", '"v1"'],
    ] as const
    assert.deepStrictEqual(passable(trailers), trailers)
  })

  it("are removed if they affect framing, routing, authentication or content, however they are spelled", () => {
    for (const name of [
      ...["Content-Length", "Transfer-Encoding", "TE", "Trailer", "Connection", "Upgrade", "Host"],
      ...["Authorization", "Cookie", "Set-Cookie", "X-ApiKey", "x_apikey", "WWW-Authenticate"],
      ...["If-Match", "if-none-match", "Range", "Expect", "Content-Type", "Content-Encoding"],
      ...["X-Forwarded-For", "X_Forwarded_Host", "Forwarded", "X-Real-IP"],
    ]) {
      assert.deepStrictEqual(passable([[name, "x"]]), [], name)
    }
  })
})
