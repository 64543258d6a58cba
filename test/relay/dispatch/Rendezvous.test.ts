/**
 * Whether a visitor waits for a server that is not there: only for one that has
 * just gone, whatever the clock on the wall shows.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
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
