/**
 * Whether a visitor waits for a server that is not there: only for one that has
 * just gone, whatever the clock on the wall shows.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { fromBytes } from "../../../src/transport/body/Body.ts"
import type { Handler } from "../../../src/transport/body/Handler.ts"
import * as Harness from "../../support/Harness.ts"
import * as PutClock from "../../support/PutClock.ts"

const day = 86_400_000

const setting = Effect.gen(function* () {
  const { clock, put } = yield* PutClock.make
  const relay = yield* Effect.provideService(
    Harness.relay({ servers: ["demo"], waitForServer: "30 seconds" }),
    Clock.Clock,
    clock,
  )
  return { put, relay }
})

describe("a visitor of a server that is not connected", () => {
  it.effect("waits when the relay has just started, though the clock is put forward", () =>
    Effect.gen(function* () {
      const { put, relay } = yield* setting
      put(day)
      const visit = yield* Harness.open(relay, "/servers/demo/")
      yield* Harness.turns(100)
      yield* Harness.server(relay, "demo", Harness.echo)
      assert.strictEqual((yield* visit.whole).status, 200)
    }),
  )

  it.effect("waits when the server has just gone, though the clock is put forward", () =>
    Effect.gen(function* () {
      const { put, relay } = yield* setting
      yield* TestClock.adjust(120_000)
      const server = yield* Harness.server(relay, "demo", Harness.echo)
      assert.strictEqual((yield* Harness.get(relay, "/servers/demo/")).status, 200)
      yield* server.stop
      put(day)
      const visit = yield* Harness.open(relay, "/servers/demo/")
      yield* Harness.turns(100)
      yield* Harness.server(relay, "demo", Harness.echo)
      assert.strictEqual((yield* visit.whole).status, 200)
    }),
  )

  it.effect("does not wait when the server has long gone, though the clock is put back", () =>
    Effect.gen(function* () {
      const { put, relay } = yield* setting
      yield* TestClock.adjust(120_000)
      put(-day)
      const visit = yield* Harness.open(relay, "/servers/demo/")
      assert.strictEqual((yield* visit.whole).status, 503)
    }),
  )
})

describe("two processes of one server", () => {
  it.effect("answer visitors in turn, and the one that is left answers all", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const options = { transport: "stream" } as const
      const says =
        (word: string): Handler =>
        (_head, _body, reply) => {
          reply.respond({ status: 200, headers: [] }, fromBytes(Buffer.from(word)))
          return () => {}
        }
      const first = yield* Harness.server(relay, "demo", says("first"), options)
      yield* Harness.server(relay, "demo", says("second"), options)
      const visits = (count: number) =>
        Effect.forEach(Array.from({ length: count }), () =>
          Effect.map(Harness.get(relay, "/servers/demo/"), ({ text }) => text),
        )
      // A process that may be dead when another one comes takes nothing until it has answered a ping.
      let share: ReadonlyArray<string> = []
      while (new Set(share).size < 2) share = yield* visits(2)
      const words = yield* visits(10)
      assert.lengthOf(
        words.filter((word) => word === "first"),
        5,
      )
      yield* first.stop
      yield* Harness.until("it is gone", () =>
        relay.events().some(({ _tag }) => _tag === "ServerReplaced"),
      )
      assert.deepStrictEqual([...new Set(yield* visits(4))], ["second"])
    }),
  )
})
