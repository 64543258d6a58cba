/**
 * What a server's owner is told while its relay says nothing.
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import * as TunnelEvents from "../../../src/cli/serve/TunnelEvents.ts"
import type { UplinkStatus } from "../../../src/server/uplink/UplinkStatus.ts"
import { capture } from "../../support/harness/LogLines.ts"

const connecting: UplinkStatus = {
  state: { _tag: "Connecting" },
  url: undefined,
  requests: 0,
  lastFailure: undefined,
}

const connected: UplinkStatus = {
  ...connecting,
  state: { _tag: "Connected", transport: "stream", links: 2, roundTrip: 1 },
}

/** What is said within ten seconds. */
const saidOf = (status: UplinkStatus | undefined, isShown: boolean) => {
  const lines: Array<string> = []
  return Effect.gen(function* () {
    yield* Effect.forkChild(
      TunnelEvents.tellingOfSilence(
        Effect.never,
        "https://relay.example.com",
        () => status,
        isShown,
      ),
    )
    yield* TestClock.adjust("10 seconds")
    return lines
  }).pipe(Effect.provide(capture(lines)))
}

it.effect("that it connects after a second, and that the relay does not answer after ten", () =>
  Effect.gen(function* () {
    const [progress, problem, ...more] = yield* saidOf(connecting, false)
    assert.include(progress, "connecting to https://relay.example.com")
    assert.include(problem, "PTTH_RELAY_UNREACHABLE: the relay https://relay.example.com has not")
    assert.deepStrictEqual(more, [])
  }),
)

it.effect("only the latter where a live view shows that it connects", () =>
  Effect.gen(function* () {
    assert.strictEqual((yield* saidOf(undefined, true)).length, 1)
  }),
)

it.effect("nothing once the relay has answered", () =>
  Effect.gen(function* () {
    assert.deepStrictEqual(yield* saidOf(connected, false), [])
  }),
)

it.effect("nothing while the server stops, which has no links then", () =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    let status = connected
    const server = Effect.acquireRelease(Effect.void, () =>
      Effect.andThen(
        Effect.sync(() => {
          status = connecting
        }),
        Effect.sleep("20 seconds"),
      ),
    ).pipe(
      Effect.andThen(Effect.never),
      (run) => TunnelEvents.tellingOfSilence(run, "https://relay.example.com", () => status, false),
      Effect.scoped,
      Effect.provide(capture(lines)),
    )
    const running = yield* Effect.forkChild(server)
    yield* TestClock.adjust("500 millis")
    yield* Effect.forkChild(Fiber.interrupt(running))
    yield* TestClock.adjust("20 seconds")
    assert.deepStrictEqual(lines, [])
  }),
)

it.effect("nothing once the relay has refused", () =>
  Effect.gen(function* () {
    const crowded: UplinkStatus = {
      ...connecting,
      state: { _tag: "Waiting", reason: "crowded", problem: "too many links", nextMillis: 5_000 },
    }
    assert.deepStrictEqual(yield* saidOf(crowded, false), [])
  }),
)
