import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Engine } from "../../../src/cluster/engine/Engine.ts"
import type { MembershipConfig } from "../../../src/cluster/membership/ConfiguredMembership.ts"
import * as ConfiguredMembership from "../../../src/cluster/membership/ConfiguredMembership.ts"
import { EngineStore, MemoryEngine } from "../../support/MemoryEngine.ts"

const lease = {
  at: "tcp:10.0.0.2:4002",
  version: "1",
  hop: [1, 1],
  config: "",
  slot: 1,
  run: "a",
} as const

/** The first members that are known. */
const firstOf = (config: MembershipConfig) =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const engines = new EngineStore(() => clock.currentTimeMillisUnsafe())
    const { members } = yield* ConfiguredMembership.make(config, "m1", () => lease).pipe(
      Effect.provideService(Engine, new MemoryEngine(engines).shape),
    )
    return yield* members.pipe(Stream.take(1), Stream.runCollect)
  })

describe("the members of a configuration", () => {
  it.live("are listed, in the engine, or at a name", () =>
    Effect.gen(function* () {
      const peers = [{ host: "10.0.0.3", port: 4002 }]
      assert.deepStrictEqual(yield* firstOf({ engine: undefined, peers }), [
        [{ at: "tcp:10.0.0.3:4002" }],
      ])
      assert.deepStrictEqual(yield* firstOf({ engine: "redis://10.0.0.5", peers: [] }), [
        [{ id: "m1", at: "tcp:10.0.0.2:4002" }],
      ])
      const [found = []] = yield* firstOf({ engine: "dns:localhost:4002", peers: [] })
      assert.isNotEmpty(found)
      for (const { at } of found) assert.match(at, /^tcp:.*:4002$/)
    }).pipe(Effect.scoped),
  )
})
