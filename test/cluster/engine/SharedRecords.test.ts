/**
 * Records that several relays share through an engine in memory, with lost notices, outages and
 * clocks that differ.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import { Engine } from "../../../src/cluster/engine/Engine.ts"
import * as SharedRecords from "../../../src/cluster/engine/SharedRecords.ts"
import { EngineStore, MemoryEngine } from "../../support/MemoryEngine.ts"

type Copy = SharedRecords.Records<string>

const store = Effect.map(
  Clock.Clock,
  (clock) => new EngineStore(() => clock.currentTimeMillisUnsafe()),
)

/** A relay with a copy of the records, and what it was told of changes. */
const relay = Effect.fnUntraced(function* (engines: EngineStore, initial: Copy = new Map()) {
  const engine = new MemoryEngine(engines)
  const told: Array<Copy> = []
  const shared = yield* SharedRecords.make({
    key: "names",
    value: Schema.String,
    initial,
    onChange: (records) => Effect.sync(() => told.push(records)),
  }).pipe(Effect.provideService(Engine, engine.shape))
  const text = (field: string) => shared.records().get(field)?.value
  return { ...shared, engine, told, text }
})

const settle = TestClock.adjust("1 milli")

const set = (at: number, value: string | undefined): Copy => new Map([["a", { at, value }]])

describe("shared records", () => {
  it.effect("reach all relays, and so does their removal", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const [one, other] = [yield* relay(engines), yield* relay(engines)]
      yield* settle
      one.change(set(1, "x"))
      yield* settle
      assert.strictEqual(other.text("a"), "x")
      other.change(set(2, undefined))
      yield* settle
      assert.deepStrictEqual(one.records().get("a"), { at: 2, value: undefined })
      assert.lengthOf(one.told, 1)
      assert.lengthOf(other.told, 1)
    }),
  )

  it.effect("are not brought back by a relay that was away when they were removed", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const [one, other] = [yield* relay(engines), yield* relay(engines)]
      one.change(set(1, "x"))
      yield* settle
      other.engine.away()
      one.change(set(2, undefined))
      yield* settle
      assert.strictEqual(other.text("a"), "x")
      other.engine.back()
      yield* settle
      assert.isUndefined(other.text("a"))
      const returning = yield* relay(engines, set(1, "x"))
      yield* settle
      assert.isUndefined(returning.text("a"))
      assert.isUndefined(one.text("a"))
    }),
  )

  it.effect("outlast an engine that comes back empty, removals too", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const one = yield* relay(
        engines,
        new Map([["kept", { at: 1, value: "k" }], ...set(2, undefined)]),
      )
      yield* settle
      one.engine.away()
      engines.clear()
      one.engine.back()
      const returning = yield* relay(engines, set(1, "x"))
      yield* settle
      assert.isUndefined(returning.text("a"))
      assert.strictEqual(returning.text("kept"), "k")
    }),
  )

  it.effect(
    "that were changed without an engine are shared once there is one, the later wins",
    () =>
      Effect.gen(function* () {
        const engines = yield* store
        const [one, other] = [yield* relay(engines), yield* relay(engines)]
        yield* settle
        one.engine.away()
        other.engine.away()
        one.change(set(5, "later"))
        other.change(set(4, "earlier"))
        yield* settle
        other.engine.back()
        yield* settle
        one.engine.back()
        yield* settle
        assert.strictEqual(one.text("a"), "later")
        assert.strictEqual(other.text("a"), "later")
      }),
  )

  it.effect("of the same moment are the same everywhere", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const [one, other] = [yield* relay(engines), yield* relay(engines)]
      one.change(set(1, "x"))
      other.change(set(1, "y"))
      yield* settle
      assert.strictEqual(one.text("a"), other.text("a"))
    }),
  )

  it.effect("are read anew every minute, should a notice be lost", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const one = yield* relay(engines)
      yield* settle
      engines.set("names", new Map([["a", `{"at":1,"value":"x"}`]]), 600_000)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(one.text("a"), "x")
    }),
  )

  it.effect("that are invalid or from the future are ignored", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const texts = ["", "{}", "[1]", `{"at":-1}`, `{"at":1,"value":2}`, `{"at":1e15,"value":"x"}`]
      engines.set(
        "names",
        new Map([
          ...texts.map((text, i) => [`${i}`, text] as const),
          ["a", `{"at":1,"value":"x"}`],
        ]),
        600_000,
      )
      const one = yield* relay(engines)
      yield* settle
      assert.deepStrictEqual([...one.records().keys()], ["a"])
    }),
  )

  it.effect("forget a removal after 90 days, in the engine as well", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const one = yield* relay(engines)
      one.change(set(1, undefined))
      yield* TestClock.adjust("89 days")
      assert.strictEqual(one.records().size, 1)
      yield* TestClock.adjust("2 days")
      assert.strictEqual(one.records().size, 0)
      assert.strictEqual(engines.get<Copy>("names")?.size ?? 0, 0)
    }),
  )

  it("can be written as an object and read back", () => {
    const records: Copy = new Map([["b", { at: 3, value: "x" }], ...set(2, undefined)])
    const schema = Schema.fromJsonString(SharedRecords.recordsOf(Schema.String))
    const text = Schema.encodeSync(schema)(SharedRecords.toObject(records))
    assert.deepStrictEqual(
      SharedRecords.fromObject(Schema.decodeUnknownSync(schema)(text)),
      records,
    )
  })
})
