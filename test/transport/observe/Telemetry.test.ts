/**
 * Which traces are recorded, and how telemetry reaches a collector.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { TestClock } from "effect/testing"
import * as Otlp from "../../../src/transport/observe/Otlp.ts"
import { type Span, sampler, Telemetry } from "../../../src/transport/observe/Telemetry.ts"
import * as Collector from "../../support/Collector.ts"
import * as Harness from "../../support/Harness.ts"

const traceId = (end: string): string => end.padStart(32, "0")
const recorded = { traceId: traceId("1"), spanId: "1".repeat(16), sampled: true }
const unrecorded = { ...recorded, sampled: false }

describe("a sampler", () => {
  it("follows the caller, and records new traces, by default", () => {
    for (const name of [undefined, "parentbased_always_on", "something new"]) {
      const samples = sampler(name, 0)
      assert.isTrue(samples(undefined, traceId("1")))
      assert.isTrue(samples(recorded, recorded.traceId))
      assert.isFalse(samples(unrecorded, recorded.traceId))
    }
  })

  it("can ignore the caller", () => {
    assert.isTrue(sampler("always_on", 0)(unrecorded, unrecorded.traceId))
    assert.isFalse(sampler("always_off", 1)(recorded, recorded.traceId))
    assert.isFalse(sampler("traceidratio", 0)(recorded, recorded.traceId))
  })

  it("records a share of the traces, the same ones in every process", () => {
    const samples = sampler("parentbased_traceidratio", 0.5)
    assert.isTrue(samples(undefined, traceId("7ffffffffffff")))
    assert.isFalse(samples(undefined, traceId("8000000000000")))
    assert.isTrue(samples(recorded, traceId("8000000000000")))
  })
})

const span = (name: string): Span => ({
  context: recorded,
  parentId: undefined,
  name,
  kind: "internal",
  start: 1_000.5,
  end: 2_000.25,
  attributes: { here: "yes", number: 1, absent: undefined },
  error: undefined,
})

const lines: Array<string> = []

const captured = Logger.layer([
  Logger.make<unknown, void>(({ message }) => {
    lines.push([message].flat().join(" "))
  }),
])

describe("telemetry", () => {
  it.effect(
    "sends spans, metrics and logs with the service's name and the collector's fields",
    () =>
      Effect.gen(function* () {
        const collector = yield* Collector.collector
        yield* Effect.scoped(
          Effect.gen(function* () {
            const services = yield* Layer.build(
              Otlp.layer({
                endpoint: `${collector.url}/base/`,
                headers: { "x-key": "secret" },
                serviceName: "a-service",
                version: "1.2.3",
                instance: "m1.0",
              }),
            )
            const telemetry = Context.get(services, Telemetry)
            telemetry?.span(span("a span"))
            yield* telemetry?.metrics(() => [
              {
                type: "histogram",
                name: "h_seconds",
                help: "H.",
                bounds: [1],
                samples: [{ labels: { server: "demo" }, counts: [2, 3], sum: 9 }],
              },
              { type: "counter", name: "c_total", help: "C.", samples: [{ value: 7 }] },
            ]) ?? Effect.void
            yield* Effect.provideContext(Effect.logInfo("a line"), services)
          }),
        )
        const byPath = new Map(collector.collected.map((one) => [one.path, one]))
        assert.sameMembers(
          [...byPath.keys()],
          ["/base/v1/traces", "/base/v1/metrics", "/base/v1/logs"],
        )
        for (const { body, headers } of byPath.values()) {
          assert.strictEqual(headers["x-key"], "secret")
          assert.include(body, '"a-service"')
          assert.include(body, '"1.2.3"')
          assert.include(body, '{"key":"service.instance.id","value":{"stringValue":"m1.0"}}')
        }
        const [sent] = collector.spans()
        assert.deepInclude(sent, {
          name: "a span",
          kind: 1,
          startTimeUnixNano: "1000500000",
          endTimeUnixNano: "2000250000",
        })
        assert.deepStrictEqual(
          sent?.attributes.map(({ key }) => key),
          ["here", "number"],
        )
        const metrics = byPath.get("/base/v1/metrics")?.body ?? ""
        assert.include(metrics, '"bucketCounts":[2,3],"explicitBounds":[1]')
        assert.include(metrics, '"isMonotonic":true,"aggregationTemporality":2')
        assert.include(byPath.get("/base/v1/logs")?.body, '"a line"')
      }),
  )

  it.effect("can be exported as protobuf", () =>
    Effect.gen(function* () {
      const collector = yield* Collector.collector
      const options = { endpoint: collector.url, serviceName: "a-service", version: "1" }
      yield* Effect.scoped(
        Effect.gen(function* () {
          const services = yield* Layer.build(Otlp.layer({ ...options, protobuf: true }))
          Context.get(services, Telemetry)?.span(span("a span"))
        }),
      )
      const [sent] = collector.collected
      assert.strictEqual(sent?.headers["content-type"], "application/x-protobuf")
      assert.include(sent?.body, "a span")
    }),
  )

  it.effect("logs once that export fails, and continues", () =>
    Effect.gen(function* () {
      lines.length = 0
      const collector = yield* Collector.collector
      collector.answers(400)
      const services = yield* Layer.build(
        Otlp.layer({ endpoint: collector.url, serviceName: "s", version: "1" }).pipe(
          Layer.provideMerge(captured),
        ),
      )
      const telemetry = Context.get(services, Telemetry)
      const complaints = () => lines.filter((line) => line.startsWith("telemetry cannot be sent"))
      telemetry?.span(span("lost"))
      yield* Harness.advanceUntil("it is said", () => complaints().length > 0, "1 second")
      collector.answers(200)
      yield* TestClock.adjust("2 minutes")
      telemetry?.span(span("taken"))
      yield* Harness.advanceUntil(
        "it works again",
        () => lines.some((line) => line.startsWith("telemetry is accepted again")),
        "1 second",
      )
      assert.strictEqual(complaints().length, 1)
      assert.include(complaints()[0], collector.url)
      assert.include(
        collector.spans().map(({ name }) => name),
        "taken",
      )
    }),
  )
})
