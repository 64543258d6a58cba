/**
 * The head of a recorded request that an administrator has edited: secrets
 * that were shown as `***` are put back where they were in the target, and
 * fields of one connection are dropped.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import type { RequestHead } from "../../../src/protocol/Message.ts"
import * as EditedRequest from "../../../src/relay/inspect/EditedRequest.ts"
import { Recording } from "../../../src/relay/inspect/Recording.ts"
import * as Body from "../../../src/transport/body/Body.ts"

/** The head that is sent where a GET of a target was recorded and edited. */
const headOf = (
  recorded: string,
  edited: string,
  headers: HeaderList = [],
): RequestHead | undefined => {
  const parts = { number: 1, at: 0, address: "127.0.0.1", replayOf: undefined }
  const head = { method: "GET", target: recorded, headers: [] }
  const recording = new Recording(parts, head, false, undefined, () => {})
  recording.body.of(Body.empty)
  const request = { method: "GET", target: edited, headers, body: undefined }
  const completed = EditedRequest.complete(recording, request)
  return Result.isSuccess(completed) ? completed.success.head : undefined
}

const sentTo = (recorded: string, edited: string): string | undefined =>
  headOf(recorded, edited)?.target

const token = `eyJwIjpb.${"x".repeat(43)}`

describe("the target of an edited request", () => {
  it.each([
    ["in the query", "/a?token=hush&b=1", "/a?token=***&b=2", "/a?token=hush&b=2"],
    ["with a question mark", "/a?token=hu?sh&b=1", "/a?b=2&token=***", "/a?b=2&token=hu?sh"],
    ["in the path", "/a;sid=hush/b?c=1", "/a;sid=***/b?c=2", "/a;sid=hush/b?c=2"],
    ["of a share link", `/share/${token}/a?b`, "/share/***/a", `/share/${token}/a`],
  ])("has the secret %s again", (_, recorded, edited, expected) =>
    assert.strictEqual(sentTo(recorded, edited), expected),
  )

  it("cannot have a mask where no secret was, or in a path that was changed", () => {
    assert.isUndefined(sentTo("/a?token=hush", "/a?token=***&key=***"))
    assert.isUndefined(sentTo(`/share/${token}/a`, "/share/***/b"))
    assert.strictEqual(sentTo("/a", "/a?b=**"), "/a?b=**")
  })
})

it("the fields of an edited request are those that cross the tunnel", () => {
  const kept = ["Accept", "text/html"] as const
  const dropped: HeaderList = [
    ["Connection", "X-Hop"],
    ["X-Hop", "1"],
    ["Keep-Alive", "timeout=5"],
    ["Proxy-Authorization", "Basic QQ=="],
    ["TE", "trailers"],
    ["Trailer", "X-Sum"],
    ["Expect", "100-continue"],
    ["Content-Length", "7"],
  ]
  assert.deepStrictEqual(headOf("/", "/", [...dropped, kept])?.headers, [kept])
})
