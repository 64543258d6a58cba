/**
 * Relays that share an engine: their limits, refused servers and audit logs
 * are as those of one.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as IpNetwork from "effect/net/IpNetwork"
import { TestClock } from "effect/testing"
import { Engine } from "../../src/cluster/engine/Engine.ts"
import { reportMillis } from "../../src/cluster/engine/SharedUsage.ts"
import { tripcodeOfText } from "../../src/domain/ApiKey.ts"
import { empty } from "../../src/domain/config/RelayConfig.ts"
import type { ServerName } from "../../src/domain/ServerName.ts"
import { AuditLog } from "../../src/relay/audit/AuditLog.ts"
import * as SharedAudit from "../../src/relay/audit/SharedAudit.ts"
import { Servers } from "../../src/relay/registry/Servers.ts"
import { maxNew } from "../../src/relay/registry/Strangers.ts"
import { RelaySettings } from "../../src/relay/settings/RelaySettings.ts"
import { Traffic } from "../../src/relay/traffic/Traffic.ts"
import * as Harness from "../support/Harness.ts"
import { EngineStore, MemoryEngine } from "../support/MemoryEngine.ts"

const trustedProxies = [IpNetwork.fromStringUnsafe("127.0.0.1/32")]

const store = Effect.map(
  Clock.Clock,
  (clock) => new EngineStore(() => clock.currentTimeMillisUnsafe()),
)

const relay = (engines: EngineStore, id: string) =>
  Harness.relay({ config: { trustedProxies, requestsPerSecondPerAddress: 0.5 } }).pipe(
    Effect.provideService(Engine, new MemoryEngine(engines, id).shape),
  )

/** The parts of a relay that know servers and events. */
const parts = Effect.fnUntraced(function* (engines: EngineStore, id: string) {
  const engine = new MemoryEngine(engines, id)
  const context = yield* Layer.mergeAll(Servers.layer, SharedAudit.layer).pipe(
    Layer.provideMerge(Layer.mergeAll(AuditLog.layer, Traffic.layer)),
    Layer.provideMerge(RelaySettings.layerStatic({ ...empty, trustedProxies })),
    Layer.provide(Layer.succeed(Engine, engine.shape)),
    Layer.build,
  )
  const audit = Context.get(context, AuditLog)
  return {
    engine,
    servers: Context.get(context, Servers),
    audit,
    events: () => audit.entries().map(({ event, relay }) => `${relay ?? "own"} ${event._tag}`),
  }
})

const settle = TestClock.adjust("1 milli")

describe("relays with an engine", () => {
  it.effect("let an address ask as often as one relay does", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const [one, two] = [yield* relay(engines, "m1"), yield* relay(engines, "m2")]
      const visit = (at: Harness.TestRelay, from: string) =>
        Effect.map(Harness.get(at, "/healthz", [["X-Forwarded-For", from]]), ({ status }) => status)
      for (let i = 0; i < 5; i++) assert.strictEqual(yield* visit(one, "192.0.2.1"), 200)
      yield* TestClock.adjust(reportMillis)
      assert.strictEqual(yield* visit(two, "192.0.2.1"), 429)
      assert.strictEqual(yield* visit(two, "192.0.2.2"), 200)
    }).pipe(Effect.scoped),
  )

  it.effect("refuse a network everywhere that has sent too many wrong keys to one", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const [one, two] = [yield* parts(engines, "m1"), yield* parts(engines, "m2")]
      const knock = (at: typeof one, i: number, from: string) =>
        at.servers.knock(`s${i}`, "a wrong key", from, 0)._tag
      for (let i = 0; i <= maxNew; i++) knock(one, i, "192.0.2.1")
      yield* settle
      assert.strictEqual(knock(two, 0, "192.0.2.1"), "Limited")
      assert.strictEqual(knock(two, 0, "192.0.2.2"), "Refused")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(
        two.servers.knock("s0", "a wrong key", "192.0.2.1", 60_001)._tag,
        "Refused",
      )
    }).pipe(Effect.scoped),
  )

  it.effect("ignore a server everywhere, where it shows up later too", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const [one, two] = [yield* parts(engines, "m1"), yield* parts(engines, "m2")]
      yield* settle
      one.servers.knock("attic", "a wrong key", "192.0.2.1", 0)
      one.servers.ignore("attic", tripcodeOfText("a wrong key"))
      yield* settle
      two.servers.knock("attic", "a wrong key", "192.0.2.1", 0)
      const three = yield* parts(engines, "m3")
      yield* settle
      three.servers.knock("attic", "a wrong key", "192.0.2.1", 0)
      for (const each of [one, two, three])
        assert.deepStrictEqual(
          each.servers.unregistered().map(({ ignored }) => ignored),
          [true],
        )
    }).pipe(Effect.scoped),
  )

  it.effect("have one audit log, which a relay that starts reads back", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const [one, two] = [yield* parts(engines, "m1"), yield* parts(engines, "m2")]
      one.audit.record({ _tag: "RelayStarted", address: "127.0.0.1:1" })
      yield* settle
      two.audit.record({ _tag: "RelayStopping" })
      yield* settle
      assert.deepStrictEqual(one.events(), ["own RelayStarted", "m2 RelayStopping"])
      assert.deepStrictEqual(two.events(), ["m1 RelayStarted", "own RelayStopping"])
      const three = yield* parts(engines, "m3")
      yield* settle
      assert.deepStrictEqual(three.events(), ["m1 RelayStarted", "m2 RelayStopping"])
    }).pipe(Effect.scoped),
  )

  it.effect("keep their events while the engine is away, and tell them when it is back", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const [one, two] = [yield* parts(engines, "m1"), yield* parts(engines, "m2")]
      yield* settle
      one.engine.away()
      one.audit.record({ _tag: "RelayStopping" })
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(one.events(), ["own RelayStopping"])
      assert.deepStrictEqual(two.events(), [])
      one.engine.back()
      yield* settle
      assert.deepStrictEqual(two.events(), ["m1 RelayStopping"])
      engines.clear()
      two.audit.record({
        _tag: "ServerDisconnected",
        name: "attic" as ServerName,
        reason: "it ended",
      })
      yield* settle
      assert.deepStrictEqual(one.events(), ["own RelayStopping", "m2 ServerDisconnected"])
    }).pipe(Effect.scoped),
  )

  it.effect("ignore lines that are no events", () =>
    Effect.gen(function* () {
      const engines = yield* store
      engines.set(
        "audit",
        [
          { id: "1", line: "{}" },
          { id: "2", line: "x" },
        ],
        60_000,
      )
      const one = yield* parts(engines, "m1")
      yield* settle
      assert.deepStrictEqual(one.events(), [])
    }).pipe(Effect.scoped),
  )
})
