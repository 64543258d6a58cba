/**
 * `deploy/redis.conf`, as a real server reads it.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { Engine } from "../../src/cluster/engine/Engine.ts"
import * as RedisEngine from "../../src/cluster/engine/RedisEngine.ts"
import { program, RedisServer, skipNote } from "../support/RedisServer.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

/** A busy machine is not a fault. */
const patience: RedisEngine.Patience = { connectMillis: 60_000, replyMillis: 60_000 }

const deployed = new URL("../../deploy/redis.conf", import.meta.url)

describe.skipIf(program === undefined)(`deploy/redis.conf${skipNote}`, () => {
  it.live("lets a relay do all that it does, with the keys of its cluster only", () =>
    Effect.gen(function* () {
      const file = join(temporaryFolder(), "redis.conf")
      const text = readFileSync(deployed, "utf8")
      const password = "CHANGE-THIS-PASSWORD"
      assert.include(text, `redis://ptth:${password}@10.0.0.5:6379`)
      writeFileSync(file, text)
      const server = yield* RedisServer.start(file)
      const url = Redacted.make(`redis://ptth:${password}@127.0.0.1:${server.port}`)
      yield* RedisEngine.probe({ url, name: "ptth" })
      yield* RedisEngine.probe({ url: Redacted.make(`${Redacted.value(url)}/1`), name: "ptth" })
      const engine = Context.get(
        yield* Layer.build(RedisEngine.layer({ url, name: "ptth", id: "m1", patience })),
        Engine,
      )
      yield* Effect.callback<void>((resume) => {
        const end = engine.onStatus(({ state }) => {
          if (state !== "connected") return
          end()
          resume(Effect.void)
        })
      })
      const heard = Effect.callback<string>((resume) => {
        engine.subscribe("notice", (text) => resume(Effect.succeed(text)))
      })
      yield* engine.put("key", "1", 60_000)
      yield* engine.values(["key"])
      yield* engine.claim("slot", "a", 60_000)
      yield* engine.claim("slot", "a", 60_000)
      yield* engine.release("slot", "a")
      yield* engine.addMember("set", "a", 60_000)
      yield* engine.members("set")
      yield* engine.removeMembers("set", ["a"])
      yield* engine.setFields("hash", new Map([["a", "1"]]), { millis: 60_000 })
      yield* engine.fields("hash")
      yield* engine.field("hash", "a")
      yield* engine.removeFields("hash", ["a"])
      yield* engine.append("log", ["one"], { most: 10, millis: 60_000 })
      const [last] = yield* engine.lastLines("log", 1)
      yield* engine.linesAfter("log", last?.id ?? "", 1)
      const text2 = yield* Effect.race(
        heard,
        Effect.forever(Effect.andThen(engine.publish("notice", "x"), Effect.sleep("10 millis"))),
      )
      assert.strictEqual(text2, "x")
      const elsewhere = yield* Effect.flip(RedisEngine.probe({ url, name: "another" }))
      assert.isTrue(elsewhere.isRefusal)
      const nobody = Redacted.make(`redis://127.0.0.1:${server.port}`)
      assert.isTrue(
        (yield* Effect.flip(RedisEngine.probe({ url: nobody, name: "ptth" }))).isRefusal,
      )
    }).pipe(Effect.scoped),
  )
})
