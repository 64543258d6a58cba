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
      ...["X-Forwarded-User", "x_forwarded_email", "X-Forwarded_Groups"],
    ]) {
      assert.deepStrictEqual(passable([[name, "x"]]), [], name)
    }
  })

  it("are removed if they are moved or removed in a head, where no server could reach past that", () => {
    for (const name of [
      ...["Location", "Link", "Refresh", "Destination", "If", "Referer", "Content-Security-Policy"],
      ...["Strict-Transport-Security", "Clear-Site-Data", "Alt-Svc", "Service-Worker-Allowed"],
      ...["X-Accel-Redirect", "x_accel_redirect", "X-Sendfile"],
    ]) {
      assert.deepStrictEqual(passable([[name, "/x"]]), [], name)
    }
  })
})
