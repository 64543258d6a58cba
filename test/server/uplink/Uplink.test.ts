/**
 * How long a server waits before it tries a relay again that does not answer.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import { TestClock } from "effect/testing"
import * as ApiKey from "../../../src/domain/ApiKey.ts"
import type { ServerName } from "../../../src/domain/ServerName.ts"
import { ListenError } from "../../../src/server/uplink/ListenError.ts"
import { Uplink } from "../../../src/server/uplink/Uplink.ts"
import { keyOf } from "../../support/Harness.ts"
import { capture } from "../../support/harness/LogLines.ts"
import * as PutClock from "../../support/PutClock.ts"

const hour = 3_600_000

const unreachable = new ListenError({ reason: "unreachable", detail: "ECONNREFUSED" })

/** An uplink with a wall clock that can be put, and the longest waits that chance may give. */
const setting = Effect.gen(function* () {
  const { clock, put } = yield* PutClock.make
  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const uplink = new Uplink(
    {
      relayUrl: "http://127.0.0.1:1",
      name: "app" as ServerName,
      apiKey: ApiKey.make(keyOf("app")),
      handler: () => () => {},
    },
    clock,
  )
  /** How long it waits after another failure, in milliseconds. */
  const waitAfterFailure = Effect.gen(function* () {
    const waiting = yield* Effect.forkChild(uplink.failed(unreachable))
    const begin = now()
    while (waiting.pollUnsafe() === undefined) yield* TestClock.adjust(50)
    yield* Fiber.join(waiting)
    return now() - begin
  }).pipe(
    Effect.provideService(Random.Random, { nextIntUnsafe: () => 1, nextDoubleUnsafe: () => 1 }),
  )
  const longestOfTen = Effect.gen(function* () {
    let longest = 0
    for (let i = 0; i < 10; i++) longest = Math.max(longest, yield* waitAfterFailure)
    return longest
  })
  return { uplink, put, longestOfTen, waitAfterFailure }
})

describe("the wait before a relay is tried again", () => {
  it.effect("is short in the first seconds of an outage, however long the link had lasted", () =>
    Effect.gen(function* () {
      const { longestOfTen, uplink } = yield* setting
      yield* uplink.connected({ publicUrl: undefined, openUrl: undefined }, "stream", "")
      yield* TestClock.adjust(10 * hour)
      assert.isAtMost(yield* longestOfTen, 1_550)
    }),
  )

  it.effect("grows although each attempt connects, if the relay closes each link at once", () =>
    Effect.gen(function* () {
      const { uplink, waitAfterFailure } = yield* setting
      let last = 0
      for (let i = 0; i < 100; i++) {
        yield* uplink.connected({ publicUrl: undefined, openUrl: undefined }, "stream", "")
        last = yield* waitAfterFailure
      }
      assert.isAbove(last, 5_000)
      yield* uplink.connected({ publicUrl: undefined, openUrl: undefined }, "stream", "")
      yield* TestClock.adjust(5_000)
      assert.isAtMost(yield* waitAfterFailure, 300)
    }),
  )

  it.effect("does not depend on a wall clock that is put forward", () =>
    Effect.gen(function* () {
      const { longestOfTen, uplink, put, waitAfterFailure } = yield* setting
      yield* uplink.connected({ publicUrl: undefined, openUrl: undefined }, "stream", "")
      yield* waitAfterFailure
      put(24 * hour)
      assert.isAtMost(yield* longestOfTen, 1_550)
    }),
  )

  it.effect("grows during an outage although the wall clock is put back", () =>
    Effect.gen(function* () {
      const { longestOfTen, put, waitAfterFailure } = yield* setting
      yield* longestOfTen
      put(-24 * hour)
      yield* TestClock.adjust(hour)
      assert.isAbove(yield* waitAfterFailure, 29_000)
    }),
  )
})

describe("a relay that takes no further link", () => {
  const crowded = new ListenError({ reason: "crowded", detail: "too many links" })
  const waiting = { _tag: "Waiting", reason: "crowded", problem: "too many links" } as const

  it.effect("is waited for, if other processes have all links", () =>
    Effect.gen(function* () {
      const { uplink } = yield* setting
      yield* Effect.forkChild(uplink.failed(crowded), { startImmediately: true })
      assert.deepInclude(uplink.status.state, waiting)
      assert.strictEqual(uplink.status.lastFailure?.error, crowded)
    }),
  )

  it.effect("is connected as before, if this process has links", () =>
    Effect.gen(function* () {
      const { uplink } = yield* setting
      uplink.watch.opened({ roundTrip: 1, active: 0 })
      yield* uplink.connected({ publicUrl: undefined, openUrl: undefined }, "stream", "")
      yield* Effect.forkChild(uplink.failed(crowded), { startImmediately: true })
      assert.strictEqual(uplink.status.state._tag, "Connected")
      assert.isUndefined(uplink.status.lastFailure)
    }),
  )
})

describe("the line of a connection", () => {
  const relay = { publicUrl: undefined, openUrl: undefined }

  /** What is logged of a connection after these failures. */
  const lineAfter = (error: ListenError) => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      const { uplink } = yield* setting
      yield* uplink.connected(relay, "stream", "")
      yield* TestClock.adjust("1 minute")
      for (const millis of [2_000, 2_000]) {
        const waiting = yield* Effect.forkChild(uplink.failed(error))
        yield* TestClock.adjust(millis)
        yield* Fiber.join(waiting)
      }
      yield* uplink.connected(relay, "stream", "")
      return lines.at(-1)
    }).pipe(Effect.provide(capture(lines)))
  }

  it.effect("says how long the outage was", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* lineAfter(unreachable),
        "connected: http://127.0.0.1:1/servers/app/ (back after 4 s, 2 failed tries)",
      )
    }),
  )

  it.effect("says nothing of an outage if the relay had only to approve the key", () =>
    Effect.gen(function* () {
      const refused = new ListenError({ reason: "refused", detail: "Bad X-ApiKey" })
      assert.strictEqual(yield* lineAfter(refused), "connected: http://127.0.0.1:1/servers/app/")
    }),
  )
})
