/** The engine on a real Redis server that the test starts, freezes, kills and empties. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { Engine, type EngineShape, type EngineStatus } from "../../../src/cluster/engine/Engine.ts"
import * as RedisEngine from "../../../src/cluster/engine/RedisEngine.ts"
import { program, RedisServer, skipNote } from "../../support/RedisServer.ts"

const minute = 60_000

/** For tests that do not freeze the server: a busy machine is not a fault. */
const patience: RedisEngine.Patience = { connectMillis: minute, replyMillis: minute }

const connectTo = (
  url: Redacted.Redacted<string>,
  options: Partial<RedisEngine.RedisEngineOptions> = {},
): Effect.Effect<EngineShape, never, Scope.Scope> =>
  Effect.map(
    Layer.build(RedisEngine.layer({ url, name: "test", id: "m1", patience, ...options })),
    Context.get(Engine),
  )

/** Waits until the engine has a status. */
const until = (engine: EngineShape, state: EngineStatus["state"]) =>
  Effect.callback<void>((resume) => {
    if (engine.status().state === state) return resume(Effect.void)
    const end = engine.onStatus((status) => {
      if (status.state !== state) return
      end()
      resume(Effect.void)
    })
  })

const connected = (server: RedisServer, options?: Partial<RedisEngine.RedisEngineOptions>) =>
  Effect.tap(connectTo(server.url, options), (engine) => until(engine, "connected"))

describe.skipIf(program === undefined)(`the engine in Redis${skipNote}`, () => {
  it.live("keeps values, sets, hashes and streams", () =>
    Effect.gen(function* () {
      const engine = yield* connected(yield* RedisServer.start())
      yield* engine.put("relay:a", "1", minute)
      assert.deepStrictEqual(yield* engine.values(["relay:a", "relay:b"]), ["1", undefined])
      assert.deepStrictEqual(yield* engine.values([]), [])
      yield* engine.addMember("relays", "a", minute)
      yield* engine.addMember("relays", "b", minute)
      yield* engine.removeMembers("relays", ["b"])
      assert.deepStrictEqual(yield* engine.members("relays"), ["a"])
      yield* engine.setFields(
        "hash",
        new Map([
          ["x", "1"],
          ["y", "2"],
        ]),
        { millis: minute },
      )
      yield* engine.removeFields("hash", ["x"])
      assert.deepStrictEqual(yield* engine.fields("hash"), new Map([["y", "2"]]))
      assert.strictEqual(yield* engine.field("hash", "y"), "2")
      assert.isUndefined(yield* engine.field("hash", "x"))
      yield* engine.append("log", ["one", "two", "three"], { most: 10, millis: minute })
      const [second, third] = yield* engine.lastLines("log", 2)
      assert.deepStrictEqual([second?.line, third?.line], ["two", "three"])
      const after = yield* engine.linesAfter("log", second?.id ?? "", 10)
      assert.deepStrictEqual(after, third === undefined ? undefined : [third])
    }),
  )

  it.live("gives a claimed key to one, until it is released", () =>
    Effect.gen(function* () {
      const engine = yield* connected(yield* RedisServer.start())
      assert.isTrue(yield* engine.claim("slot:1", "a", minute))
      assert.isTrue(yield* engine.claim("slot:1", "a", minute))
      assert.isFalse(yield* engine.claim("slot:1", "b", minute))
      yield* engine.release("slot:1", "b")
      assert.isFalse(yield* engine.claim("slot:1", "b", minute))
      yield* engine.release("slot:1", "a")
      assert.isTrue(yield* engine.claim("slot:1", "b", minute))
    }),
  )

  it.live("lets every key expire, and begins each with the cluster's name", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.start()
      const engine = yield* connected(server)
      yield* engine.put("relay:a", "1", minute)
      yield* engine.claim("slot:1", "a", minute)
      yield* engine.addMember("relays", "a", minute)
      yield* engine.setFields("hash", new Map([["x", "1"]]), { millis: minute })
      yield* engine.append("log", ["one"], { most: 10, millis: minute })
      const { createClient } = yield* Effect.promise(() => import("redis"))
      const client = createClient({ url: Redacted.value(server.url) })
      yield* Effect.promise(() => client.connect())
      const keys = yield* Effect.promise(() => client.keys("*"))
      assert.sameMembers(
        keys,
        ["relay:a", "slot:1", "relays", "hash", "log"].map((key) => `ptth:{test}:${key}`),
      )
      const left = yield* Effect.promise(() => Promise.all(keys.map((key) => client.pTTL(key))))
      for (const millis of left) assert.isTrue(millis > 0 && millis <= minute, `${millis}`)
      client.destroy()
    }),
  )

  it.live("publishes to all who subscribe, after a new connection too", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.start()
      const one = yield* connectTo(server.url)
      const texts: Array<string> = []
      let arrived = yield* Deferred.make<void>()
      one.subscribe("notice", (text) => {
        texts.push(text)
        Deferred.doneUnsafe(arrived, Effect.void)
      })
      yield* until(one, "connected")
      const other = yield* connected(server)
      const elsewhere = yield* connectTo(server.url, { name: "another" })
      yield* until(elsewhere, "connected")
      yield* elsewhere.publish("notice", "not for this cluster")
      yield* other.publish("notice", "first")
      yield* Deferred.await(arrived)
      arrived = yield* Deferred.make<void>()
      yield* server.kill
      yield* until(one, "away")
      yield* server.restart
      yield* Effect.all([until(one, "connected"), until(other, "connected")])
      yield* other.publish("notice", "second")
      yield* Deferred.await(arrived)
      assert.deepStrictEqual(texts, ["first", "second"])
    }),
  )

  it.live("keeps what is published within its database", () =>
    Effect.gen(function* () {
      const { port } = yield* RedisServer.start()
      const inDatabase = (number: number) =>
        Effect.tap(connectTo(Redacted.make(`redis://127.0.0.1:${port}/${number}`)), (engine) =>
          until(engine, "connected"),
        )
      const texts: Array<string> = []
      const arrived = yield* Deferred.make<void>()
      const one = yield* inDatabase(1)
      one.subscribe("notice", (text) => {
        texts.push(text)
        Deferred.doneUnsafe(arrived, Effect.void)
      })
      yield* one.put("key", "1", minute)
      const [two, other] = [yield* inDatabase(2), yield* inDatabase(1)]
      assert.deepStrictEqual(yield* two.values(["key"]), [undefined])
      yield* two.publish("notice", "not for this database")
      yield* other.publish("notice", "for this one")
      yield* Deferred.await(arrived)
      assert.deepStrictEqual(texts, ["for this one"])
    }),
  )

  it.live("fails at once while the server is away, and works again when it is back", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.start()
      const engine = yield* connected(server)
      yield* engine.put("key", "1", minute)
      yield* server.kill
      yield* until(engine, "away")
      const failure = yield* Effect.flip(engine.values(["key"]))
      assert.strictEqual(failure._tag, "EngineUnavailable")
      assert.isDefined(engine.status().reason)
      yield* server.restart
      yield* until(engine, "connected")
      assert.deepStrictEqual(yield* engine.values(["key"]), [undefined])
    }),
  )

  it.live("counts a frozen server as away, however much is asked of it", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.start()
      const engine = yield* connected(server, {
        patience: { connectMillis: minute, replyMillis: 1_000 },
      })
      yield* server.freeze
      const asking = Effect.forever(
        Effect.andThen(Effect.ignore(engine.publish("usage", "x")), Effect.sleep("100 millis")),
      )
      yield* Effect.race(asking, until(engine, "away"))
      yield* Effect.flip(engine.publish("usage", "x"))
      yield* server.thaw
      yield* until(engine, "connected")
      yield* engine.publish("usage", "x")
    }),
  )

  it.live("is away from the start where nothing listens, and says so without a secret", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.start()
      yield* server.kill
      const url = Redacted.make(`redis://relay:hunter2@127.0.0.1:${server.port}`)
      const engine = yield* connectTo(url)
      yield* Effect.flip(engine.members("relays"))
      assert.strictEqual(RedisEngine.addressOf(url), `redis://127.0.0.1:${server.port}`)
      const failure = yield* Effect.flip(RedisEngine.probe({ url, name: "test" }))
      assert.match(failure.reason, /ECONNREFUSED/)
      assert.notInclude(failure.reason, "hunter2")
    }),
  )

  it.live("is told apart by a probe: usable, or a wrong password", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.start("--requirepass", "right")
      const withPassword = (password: string) =>
        Redacted.make(`redis://:${password}@127.0.0.1:${server.port}`)
      yield* RedisEngine.probe({ url: withPassword("right"), name: "test" })
      const failure = yield* Effect.flip(
        RedisEngine.probe({ url: withPassword("wrong"), name: "test" }),
      )
      assert.match(failure.reason, /WRONGPASS|invalid/)
    }),
  )
})
