import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ForwardingLoop } from "../../../src/server/upstream/ForwardingLoop.ts"
import * as Upstream from "../../../src/server/upstream/Upstream.ts"
import * as Harness from "../../support/Harness.ts"
import { RawHttp } from "../../support/RawHttp.ts"

describe("the field of a forwarded request", () => {
  const [name, id] = new ForwardingLoop().field

  it("is recognized by the server that added it, and by no other", () => {
    const loop = new ForwardingLoop()
    const [, own] = loop.field
    for (const value of [own, `a, ${own}`, `${own};x=y, b`, `a,${own} ,b`])
      assert.isTrue(loop.has([["cdn-loop", value]]), value)
    assert.isTrue(
      loop.has([
        [name, id],
        [name, own],
      ]),
    )
    for (const value of [id, `${own}x`, `x${own}`, "", `"${own}"`])
      assert.isFalse(loop.has([[name, value]]), value)
    assert.isFalse(loop.has([["X", own]]))
  })

  it("is not added a seventeenth time, whoever added the others", () => {
    const fields = (count: number) =>
      Array.from({ length: count }, () => new ForwardingLoop().field)
    assert.isFalse(new ForwardingLoop().has(fields(15)))
    assert.isTrue(new ForwardingLoop().has(fields(16)))
    const others = Array.from({ length: 50 }, (_, n) => [name, `cdn${n}.test`] as const)
    assert.isFalse(new ForwardingLoop().has(others))
  })
})

const upstream = (origin: string, hostHeader?: string) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      Upstream.make({
        origin: new URL(origin),
        ...(hostHeader === undefined ? {} : { hostHeader }),
      }),
    ),
    ({ close }) => Effect.sync(close),
  )

const get = async (relay: Harness.TestRelay, host: string, fields: string) => {
  const visitor = await RawHttp.connect(relay)
  await visitor.send("GET /x HTTP/1.1", [
    ["Host", host],
    ...(fields === ""
      ? []
      : ([
          ["Upgrade", fields],
          ["Connection", "upgrade"],
        ] as const)),
  ])
  return visitor.readResponse()
}

for (const transport of ["classic", "stream"] as const)
  describe(`a server whose origin is its own relay, over ${transport}`, () => {
    for (const servers of [["a"], ["a", "b", "c"]])
      it.live(`answers 508 at the first round of ${servers.length} servers`, () =>
        Effect.gen(function* () {
          const relay = yield* Harness.relay({ servers, config: { domain: "relay.test" } })
          for (const [index, name] of servers.entries()) {
            const next = servers[(index + 1) % servers.length]
            const { handler } = yield* upstream(relay.url, `${next}.relay.test`)
            yield* Harness.server(relay, name, handler, { transport })
          }
          for (const protocol of transport === "stream" ? ["", "websocket"] : [""]) {
            const { status, text } = yield* Harness.promised(() =>
              get(relay, "a.relay.test", protocol),
            )
            assert.strictEqual(status, 508)
            assert.include(text, "PTTH_LOOP")
          }
        }),
      )
  })
