/**
 * A front that stops, with a lame duck period: kept connections are served until
 * their visitors have learned that they end.
 */
import { assert, describe, it, vi } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { ExchangeError } from "../../../src/protocol/Exchange.ts"
import { fromText } from "../../../src/transport/body/Body.ts"
import type { Reply } from "../../../src/transport/body/Handler.ts"
import { type FrontOptions, serve } from "../../../src/transport/front/NodeFront.ts"
import { idleLingerMillis } from "../../../src/transport/front/PlainConnection.ts"
import * as FailurePage from "../../../src/web/FailurePage.ts"
import * as Harness from "../../support/Harness.ts"

const lameDuckMillis = 5_000

const shuttingDown = new ExchangeError({
  code: "PTTH_DRAINING",
  detail: "it shuts down",
  retryAfter: 5,
})

/** A front that answers everything, and what it called while it stopped. */
const settingWith = Effect.fnUntraced(function* (options: Partial<FrontOptions>) {
  const called: Array<string> = []
  const scope = yield* Scope.fork(yield* Effect.scope)
  const front = yield* serve({
    host: "127.0.0.1",
    port: 0,
    graceMillis: 30_000,
    lameDuckMillis: () => lameDuckMillis,
    renderFailure: FailurePage.render,
    isIntercepted: (target) => target === "/backend",
    intercept: (request, response) => {
      if (request.url !== "/backend") return false
      response.end("backend")
      return true
    },
    onStop: () => called.push("stop"),
    onDrain: () => called.push("drain"),
    handler: (_request, reply) => {
      reply.respond({ status: 200, headers: [] }, fromText("whole"))
      return () => {}
    },
    ...options,
  }).pipe(Scope.provide(scope))
  const stop = Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(Scope.close(scope, Exit.void))
    yield* Harness.turns(20)
    return fiber
  })
  return { called, front, stop }
})

const setting = settingWith({})

const get = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: app.test\r\n\r\n`

describe("a front with a lame duck period", () => {
  it.effect("answers on kept and on new connections, each for the last time", () =>
    Effect.gen(function* () {
      const { called, front, stop } = yield* setting
      const kept = yield* Harness.connect(front)
      kept.write(get("/"))
      yield* kept.until("whole")
      const byNode = yield* Harness.connect(front)
      byNode.write(`GET / HTTP/1.1\r\nHost: app.test\r\n\r\n${get("/second")}`)
      yield* byNode.until((received) => received.toString().split("whole").length === 3)
      const stopping = yield* stop
      assert.deepStrictEqual(called, ["stop"])
      const fresh = yield* Harness.connect(front)
      for (const visitor of [kept, byNode, fresh]) {
        const before = visitor.received().length
        visitor.write(get("/again"))
        assert.strictEqual(yield* visitor.closed, "end")
        const answer = visitor.received().subarray(before).toString()
        assert.match(answer, /^HTTP\/1.1 200 /)
        assert.match(answer, /\r\nConnection: close\r\n/i)
        assert.match(answer, /whole$/)
      }
      for (const visitor of [kept, byNode, fresh]) visitor.end()
      yield* Harness.advanceUntil("it ends", () => called.includes("drain"))
      yield* Fiber.join(stopping)
    }),
  )

  it.effect("keeps idle connections until the period is over, then ends", () =>
    Effect.gen(function* () {
      const { called, front, stop } = yield* setting
      const idle = yield* Harness.connect(front)
      idle.write(get("/"))
      yield* idle.until("whole")
      const stopping = yield* stop
      yield* TestClock.adjust(lameDuckMillis - 100)
      yield* Harness.turns(20)
      assert.isFalse(idle.isClosed())
      assert.deepStrictEqual(called, ["stop"])
      yield* TestClock.adjust(200)
      assert.include(["end", "reset"], yield* idle.closed)
      yield* Fiber.join(stopping)
      assert.deepStrictEqual(called, ["stop", "drain"])
    }),
  )

  it.effect("waits a moment only for the visitor of an idle connection to close it", () =>
    Effect.gen(function* () {
      const { front, stop } = yield* setting
      const idle = yield* Harness.connect(front)
      idle.write(get("/"))
      yield* idle.until("whole")
      const stopping = yield* stop
      yield* Effect.addFinalizer(() => Effect.sync(() => vi.useRealTimers()))
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
      yield* TestClock.adjust(lameDuckMillis + 100)
      assert.strictEqual(yield* idle.closed, "end")
      vi.advanceTimersByTime(idleLingerMillis - 1)
      yield* Harness.turns(20)
      assert.isUndefined(stopping.pollUnsafe())
      vi.advanceTimersByTime(1)
      vi.useRealTimers()
      yield* Harness.until("it stops", () => stopping.pollUnsafe() !== undefined)
    }),
  )

  it.effect("accepts connections for as long as something that runs needs them", () =>
    Effect.gen(function* () {
      const made = yield* Deferred.make<void>()
      const { called, front, stop } = yield* settingWith({
        awaitedConnections: () => Deferred.await(made),
      })
      const visitor = yield* Harness.connect(front)
      visitor.write(get("/"))
      yield* visitor.until("whole")
      const stopping = yield* stop
      yield* TestClock.adjust(lameDuckMillis + 1_000)
      yield* Harness.turns(20)
      const server = yield* Harness.connect(front)
      server.write(get("/backend"))
      yield* server.until("backend")
      visitor.end()
      server.end()
      assert.isUndefined(stopping.pollUnsafe())
      yield* Deferred.succeed(made, undefined)
      yield* Harness.advanceUntil("it stops", () => stopping.pollUnsafe() !== undefined)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(Harness.connect(front))))
      assert.strictEqual(called.length, 2)
    }),
  )

  it.effect("accepts none after the grace period, whatever runs needs", () =>
    Effect.gen(function* () {
      const { called, front, stop } = yield* settingWith({
        graceMillis: 2_000,
        awaitedConnections: () => Effect.never,
      })
      const stopping = yield* stop
      assert.isUndefined(stopping.pollUnsafe())
      assert.deepStrictEqual(called, ["stop", "drain"])
      yield* TestClock.adjust(2_000)
      yield* Fiber.join(stopping)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(Harness.connect(front))))
    }),
  )

  it.effect("does not wait if no visitor is connected, though a server is", () =>
    Effect.gen(function* () {
      const { called, front, stop } = yield* setting
      const server = yield* Harness.connect(front)
      server.write(get("/backend"))
      yield* server.until("backend")
      yield* Fiber.join(yield* stop)
      assert.deepStrictEqual(called, ["stop", "drain"])
    }),
  )

  it.effect("waits no longer once the last visitor has been gone for a second", () =>
    Effect.gen(function* () {
      const { called, front, stop } = yield* setting
      const visitor = yield* Harness.connect(front)
      visitor.write(get("/"))
      yield* visitor.until("whole")
      const stopping = yield* stop
      visitor.reset()
      yield* Harness.turns(20)
      yield* TestClock.adjust(900)
      assert.deepStrictEqual(called, ["stop"])
      yield* TestClock.adjust(300)
      yield* Fiber.join(stopping)
      assert.deepStrictEqual(called, ["stop", "drain"])
    }),
  )

  it.effect("takes no more connections once the grace period has ended before the hand-over", () =>
    Effect.gen(function* () {
      const waiting: Array<Reply> = []
      const { front, stop } = yield* settingWith({
        graceMillis: 1_000,
        handOver: Effect.never,
        handler: (_request, reply) => {
          waiting.push(reply)
          return () => {}
        },
        onDrain: () => {
          for (const reply of waiting) reply.fail(shuttingDown)
        },
      })
      const idle = yield* Harness.connect(front)
      const visitor = yield* Harness.connect(front)
      visitor.write(get("/"))
      yield* Harness.until("it waits", () => waiting.length === 1)
      const stopping = yield* stop
      assert.isUndefined(stopping.pollUnsafe())
      yield* TestClock.adjust(1_000)
      yield* Fiber.join(stopping)
      assert.include(["end", "reset"], yield* idle.closed)
      assert.strictEqual(yield* visitor.closed, "end")
      assert.match(visitor.received().toString(), /^HTTP\/1.1 503 .*PTTH_DRAINING/s)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(Harness.connect(front))))
    }),
  )
})
