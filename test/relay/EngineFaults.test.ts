/**
 * Two relays with a real Redis as their engine: whatever happens to it, what
 * can be served is served.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as IpNetwork from "effect/net/IpNetwork"
import { TestClock } from "effect/testing"
import { Engine, type EngineShape } from "../../src/cluster/engine/Engine.ts"
import * as RedisEngine from "../../src/cluster/engine/RedisEngine.ts"
import { reportMillis } from "../../src/cluster/engine/SharedUsage.ts"
import { AuditLog } from "../../src/relay/audit/AuditLog.ts"
import * as SharedAudit from "../../src/relay/audit/SharedAudit.ts"
import * as Harness from "../support/Harness.ts"
import { program, RedisServer, skipNote } from "../support/RedisServer.ts"

const trustedProxies = [IpNetwork.fromStringUnsafe("127.0.0.1/32")]

const connect = (redis: RedisServer, id: string, patience?: RedisEngine.Patience) =>
  Effect.map(
    Layer.build(
      RedisEngine.layer({
        url: redis.url,
        name: "test",
        id,
        ...(patience === undefined ? {} : { patience }),
      }),
    ),
    Context.get(Engine),
  )

/** For what is told once only: a slow reply is no fault. */
const patient: RedisEngine.Patience = { connectMillis: 60_000, replyMillis: 60_000 }

const until = (engine: EngineShape, state: "connected" | "away") =>
  Effect.sleep("10 millis").pipe(
    Effect.repeat({ until: () => Effect.sync(() => engine.status().state === state) }),
  )

const relay = Effect.fnUntraced(function* (
  redis: RedisServer,
  id: string,
  patience?: RedisEngine.Patience,
) {
  const engine = yield* connect(redis, id, patience)
  const at = yield* Harness.relay({
    servers: ["app"],
    config: { trustedProxies, requestsPerSecondPerAddress: 1 },
  }).pipe(Effect.provideService(Engine, engine))
  yield* Harness.server(
    at,
    "app",
    Harness.handler(() => ({ body: "ok" })),
  )
  return { at, engine }
})

let visitor = 0

/** Visits both relays as often as ten visitors, and again while `during` runs. */
const served = <A>(
  relays: ReadonlyArray<{ readonly at: Harness.TestRelay }>,
  during: Effect.Effect<A>,
) => {
  const visits = Effect.gen(function* () {
    visitor += 1
    for (const { at } of relays) {
      const from = `192.0.${visitor >> 8}.${visitor & 255}`
      const { status } = yield* Harness.get(at, "/servers/app/", [["X-Forwarded-For", from]])
      assert.strictEqual(status, 200)
    }
  })
  return Effect.gen(function* () {
    yield* Effect.raceFirst(Effect.forever(visits), during)
    yield* Effect.repeat(visits, { times: 9 })
  })
}

describe.skipIf(program === undefined)(`an engine in Redis${skipNote}`, () => {
  it.live("may be frozen, killed, back and empty, and nobody is refused", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.start()
      const [one, two] = [yield* relay(redis, "m1"), yield* relay(redis, "m2")]
      const both = [one, two]
      const all = (state: "connected" | "away") =>
        Effect.all([until(one.engine, state), until(two.engine, state)])
      yield* served(both, all("connected"))
      yield* redis.freeze
      yield* served(both, all("away"))
      yield* redis.thaw
      yield* served(both, all("connected"))
      yield* redis.kill
      yield* served(both, all("away"))
      const three = yield* relay(redis, "m3")
      yield* served([...both, three], Effect.void)
      yield* redis.restart
      yield* served([...both, three], all("connected"))
    }).pipe(Effect.scoped),
  )

  // By the TestClock, since a limit that fills up again meanwhile is not reached on a slow machine.
  it.effect("has an address ask two relays as often as one, within an interval", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.start()
      const [one, two] = [yield* relay(redis, "m1", patient), yield* relay(redis, "m2", patient)]
      for (const { engine } of [one, two])
        yield* Harness.until("the engine is connected", () => engine.status().state === "connected")
      let isHeard = false
      two.engine.subscribe("usage", (text) => {
        if (text.includes("198.51.100.1")) isHeard = true
      })
      const visit = (at: Harness.TestRelay) =>
        Effect.map(
          Harness.get(at, "/servers/app/", [["X-Forwarded-For", "198.51.100.1"]]),
          ({ status }) => status,
        )
      for (let i = 0; i < 10; i++) assert.strictEqual(yield* visit(one.at), 200)
      assert.strictEqual(yield* visit(one.at), 429)
      yield* TestClock.adjust(reportMillis)
      yield* Harness.until("the other relay hears of it", () => isHeard)
      assert.strictEqual(yield* visit(two.at), 429)
    }).pipe(Effect.scoped),
  )

  it.live("has the events of relays that are no more", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.start()
      const log = Effect.fnUntraced(function* (id: string) {
        const context = yield* SharedAudit.layer.pipe(
          Layer.provideMerge(AuditLog.layer),
          Layer.provide(Layer.succeed(Engine, yield* connect(redis, id))),
          Layer.build,
        )
        return Context.get(context, AuditLog)
      })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const audit = yield* log("m1")
          audit.record({ _tag: "RelayStarted", address: "127.0.0.1:1" })
          const reader = yield* log("m2")
          yield* Effect.sleep("10 millis").pipe(
            Effect.repeat({ until: () => Effect.sync(() => reader.entries().length === 1) }),
          )
        }),
      )
      const audit = yield* log("m3")
      yield* Effect.sleep("10 millis").pipe(
        Effect.repeat({ until: () => Effect.sync(() => audit.entries().length > 0) }),
      )
      assert.deepStrictEqual(
        audit.entries().map(({ event, relay }) => [relay, event._tag]),
        [["m1", "RelayStarted"]],
      )
    }).pipe(Effect.scoped),
  )
})
