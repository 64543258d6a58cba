import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { Engine } from "../../../src/cluster/engine/Engine.ts"
import type { Member } from "../../../src/cluster/Membership.ts"
import * as RedisMembership from "../../../src/cluster/membership/RedisMembership.ts"
import { EngineStore, MemoryEngine } from "../../support/MemoryEngine.ts"

const store = Effect.map(
  Clock.Clock,
  (clock) => new EngineStore(() => clock.currentTimeMillisUnsafe()),
)

const relay = Effect.fnUntraced(function* (engines: EngineStore, id: string, run = id) {
  const engine = new MemoryEngine(engines)
  const membership = yield* RedisMembership.make(id, () => ({
    at: `tcp:${id}:4002`,
    version: "1",
    hop: [1, 1],
    config: "",
    slot: 1,
    run,
  })).pipe(Effect.provideService(Engine, engine.shape))
  const all: Array<ReadonlyArray<Member>> = []
  yield* Effect.forkScoped(
    Stream.runForEach(membership.members, (members) => Effect.sync(() => all.push(members))),
  )
  return { engine, leave: membership.leave, all, ids: () => all.at(-1)?.map(({ id }) => id) }
})

const settle = TestClock.adjust("1 milli")

describe("members in the engine", () => {
  it.effect("find each other at once, and see at once who leaves", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const one = yield* relay(engines, "m1")
      yield* settle
      const other = yield* relay(engines, "m2")
      yield* settle
      assert.deepStrictEqual(one.ids(), ["m1", "m2"])
      assert.deepStrictEqual(other.all.at(-1), [
        { id: "m1", at: "tcp:m1:4002" },
        { id: "m2", at: "tcp:m2:4002" },
      ])
      yield* other.leave
      yield* settle
      assert.deepStrictEqual(one.ids(), ["m1"])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(one.ids(), ["m1"])
    }),
  )

  it.effect("stay while they renew, and are gone after six seconds without", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const [one, other] = [yield* relay(engines, "m1"), yield* relay(engines, "m2")]
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(one.ids(), ["m1", "m2"])
      other.engine.away()
      yield* TestClock.adjust("9 seconds")
      assert.deepStrictEqual(one.ids(), ["m1"])
      assert.deepStrictEqual(other.ids(), ["m1", "m2"])
      yield* TestClock.adjust("9 seconds")
      assert.deepStrictEqual([...(engines.get<ReadonlySet<string>>("relays") ?? [])], ["m1"])
    }),
  )

  it.effect("are there again within a renewal when the engine comes back empty", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const [one, other] = [yield* relay(engines, "m1"), yield* relay(engines, "m2")]
      yield* settle
      engines.clear()
      yield* TestClock.adjust("2500 millis")
      assert.deepStrictEqual(one.ids(), ["m1", "m2"])
      assert.deepStrictEqual(other.ids(), ["m1", "m2"])
    }),
  )

  it.effect("are not known before the engine has been reached", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const one = yield* relay(engines, "m1")
      one.engine.away()
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(one.all, [])
    }),
  )

  it.effect("with a lease that is none are ignored", () =>
    Effect.gen(function* () {
      const engines = yield* store
      engines.set("relays", new Set(["bad", "worse"]), 600_000)
      engines.set("relay:bad", "{}", 600_000)
      engines.set("relay:worse", `{"at":"http://x"}`, 600_000)
      const one = yield* relay(engines, "m1")
      yield* settle
      assert.deepStrictEqual(one.ids(), ["m1"])
    }),
  )
})
