import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { Engine } from "../../../src/cluster/engine/Engine.ts"
import * as Slots from "../../../src/cluster/engine/Slots.ts"
import { EngineStore, MemoryEngine } from "../../support/MemoryEngine.ts"

const store = Effect.map(
  Clock.Clock,
  (clock) => new EngineStore(() => clock.currentTimeMillisUnsafe()),
)

const relay = Effect.fnUntraced(function* (engines: EngineStore, id: string, owner: string) {
  const engine = new MemoryEngine(engines)
  const slot = yield* Slots.make(Slots.slotOf(id), owner).pipe(
    Effect.provideService(Engine, engine.shape),
  )
  return { engine, slot }
})

const settle = TestClock.adjust("1 milli")

describe("slots", () => {
  it.effect("are different for relays whose ids give the same one", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const one = yield* relay(engines, "m1", "m1 a")
      yield* settle
      const other = yield* relay(engines, "m1", "m1 b")
      yield* settle
      assert.strictEqual(one.slot(), Slots.slotOf("m1"))
      assert.strictEqual(other.slot(), (Slots.slotOf("m1") + 1) % Slots.slotCount)
    }),
  )

  it.effect("stay while the engine is away, empty and back", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const one = yield* relay(engines, "m1", "m1 a")
      yield* settle
      const before = one.slot()
      one.engine.away()
      engines.clear()
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(one.slot(), before)
      one.engine.back()
      yield* settle
      assert.strictEqual(engines.get(`slot:${before}`), "m1 a")
    }),
  )

  it.effect("are renewed while their relay lives, and free once it ends", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const scope = yield* Scope.make()
      const one = yield* Scope.provide(relay(engines, "m1", "m1 a"), scope)
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(engines.get(`slot:${one.slot()}`), "m1 a")
      yield* Scope.close(scope, Exit.void)
      assert.isUndefined(engines.get(`slot:${one.slot()}`))
    }),
  )

  it.effect("are different for the workers of a machine without an engine", () =>
    Effect.gen(function* () {
      const slots = yield* Effect.forEach([...Array(256).keys()], (worker) =>
        Slots.make(Slots.slotOf("m1", worker), `m1.${worker}`),
      )
      assert.strictEqual(new Set(slots.map((slot) => slot())).size, 256)
    }),
  )
})
