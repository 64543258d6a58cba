import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { Engine } from "../../../src/cluster/engine/Engine.ts"
import * as SharedMarks from "../../../src/cluster/engine/SharedMarks.ts"
import { EngineStore, MemoryEngine } from "../../support/MemoryEngine.ts"

const relay = Effect.fnUntraced(function* (engines: EngineStore, name: string) {
  const engine = new MemoryEngine(engines, name)
  const marks = yield* SharedMarks.make().pipe(Effect.provideService(Engine, engine.shape))
  const told: Array<string> = []
  for (const kind of ["keys", "passwords", "sign-ins"] as const)
    marks.listen(kind, (network, millis) => told.push(`${kind} ${network} ${millis}`))
  return { ...marks, engine, told }
})

const settle = TestClock.adjust("1 milli")

describe("shared marks", () => {
  it.effect("reach the other relays, not their own", () =>
    Effect.gen(function* () {
      const engines = new EngineStore(() => 0)
      const [one, other] = [yield* relay(engines, "one"), yield* relay(engines, "other")]
      one.tell("keys", "192.0.2.1", 59_999.5)
      one.tell("passwords", "2001:db8::/48", 1)
      one.tell("sign-ins", "192.0.2.2", 2)
      yield* settle
      assert.deepStrictEqual(one.told, [])
      assert.deepStrictEqual(other.told, [
        "keys 192.0.2.1 60000",
        "passwords 2001:db8::/48 1",
        "sign-ins 192.0.2.2 2",
      ])
    }),
  )

  it.effect("are ignored if they are invalid or would hold for long", () =>
    Effect.gen(function* () {
      const engines = new EngineStore(() => 0)
      const one = yield* relay(engines, "one")
      for (const text of [
        "",
        "{}",
        `{"from":"x","kind":"all","network":"192.0.2.1","millis":1}`,
        `{"from":"x","kind":"keys","network":"192.0.2.1","millis":1e9}`,
      ])
        engines.publish("limited", text)
      yield* settle
      assert.deepStrictEqual(one.told, [])
    }),
  )
})
