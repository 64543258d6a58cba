/**
 * One trace from the visitor through relay, server and origin, as it arrives
 * in a collector; and that without telemetry nobody touches a visitor's.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import * as TraceContext from "../../../src/protocol/http/TraceContext.ts"
import * as Upstream from "../../../src/server/upstream/Upstream.ts"
import * as Otlp from "../../../src/transport/observe/Otlp.ts"
import { Telemetry } from "../../../src/transport/observe/Telemetry.ts"
import { trace } from "../../../src/transport/observe/TracedHandler.ts"
import * as Collector from "../../support/Collector.ts"
import * as Harness from "../../support/Harness.ts"
import { HttpOrigin } from "../../support/HttpOrigin.ts"

const traceId = "0af7651916cd43dd8448eb211c80319c"
const visitorsSpan = "b7ad6b7169203331"
const visitors: HeaderList = [
  ["traceparent", `00-${traceId}-${visitorsSpan}-01`],
  ["tracestate", "visitor=1"],
]

/** Relay, server and origin, each telling the collector under its own name; closed when the given effect is over. */
const traced = <A, E>(
  transport: "classic" | "stream",
  use: (relay: Harness.TestRelay, origin: HttpOrigin) => Effect.Effect<A, E>,
) =>
  Effect.gen(function* () {
    const collector = yield* Collector.collector
    const origin = yield* Effect.promise(() => HttpOrigin.start())
    yield* Effect.scoped(
      Effect.gen(function* () {
        const tells = (serviceName: string) =>
          Layer.build(Otlp.layer({ endpoint: collector.url, serviceName, version: "1" }))
        const relays = yield* tells("relay")
        const servers = yield* tells("server")
        const relay = yield* Harness.relay({ servers: ["demo"] }).pipe(
          Effect.provideContext(relays),
        )
        const { close, handler } = Upstream.make({ origin: origin.url })
        yield* Effect.addFinalizer(() => Effect.sync(close))
        const client = { name: "origin", kind: "client" } as const
        yield* Harness.server(
          relay,
          "demo",
          trace(handler, Context.get(servers, Telemetry), client),
          { transport },
        ).pipe(Effect.provideContext(servers))
        yield* use(relay, origin)
        yield* Harness.until("all is over", () => relay.traffic.server("demo").inFlight === 0)
      }),
    )
    return { spans: collector.spans(), origin, collector }
  })

describe("a trace", () => {
  for (const transport of ["classic", "stream"] as const) {
    it.effect(`goes on from the visitor to the origin over ${transport}`, () =>
      Effect.gen(function* () {
        const { collector, origin, spans } = yield* traced(transport, (relay) =>
          Harness.get(relay, "/servers/demo/a?secret=1", visitors),
        )
        const named = new Map(spans.map((span) => [span.name, span]))
        assert.sameMembers(
          [...named.keys()],
          ["GET demo", "wait", "tunnel", "serve GET", "origin GET"],
        )
        assert.deepStrictEqual([...new Set(spans.map((span) => span.traceId))], [traceId])
        const above = (name: string): string | undefined => named.get(name)?.parentSpanId
        const idOf = (name: string): string | undefined => named.get(name)?.spanId
        assert.strictEqual(above("GET demo"), visitorsSpan)
        assert.strictEqual(above("wait"), idOf("GET demo"))
        assert.strictEqual(above("tunnel"), idOf("GET demo"))
        assert.strictEqual(above("serve GET"), idOf("tunnel"))
        assert.strictEqual(above("origin GET"), idOf("serve GET"))
        assert.deepStrictEqual(
          spans.filter(({ service }) => service === "server").map(({ name }) => name),
          ["origin GET", "serve GET"],
        )
        const [seen] = origin.seen
        assert.deepStrictEqual(seen?.all("traceparent"), [`00-${traceId}-${idOf("origin GET")}-01`])
        assert.deepStrictEqual(seen?.all("tracestate"), ["visitor=1"])
        for (const span of spans) {
          assert.isTrue(BigInt(span.startTimeUnixNano) <= BigInt(span.endTimeUnixNano), span.name)
          assert.strictEqual(span.status.code, 0, span.name)
        }
        assert.notInclude(collector.collected.map(({ body }) => body).join(), "secret")
        const paths = new Set(collector.collected.map(({ path }) => path))
        assert.isTrue(paths.has("/v1/metrics"))
      }),
    )
  }

  it.effect("goes on over a hop, with a span of each relay", () =>
    Effect.gen(function* () {
      const collector = yield* Collector.collector
      yield* Effect.scoped(
        Effect.gen(function* () {
          const telemetry = yield* Layer.build(
            Otlp.layer({ endpoint: collector.url, serviceName: "relay", version: "1" }),
          )
          const { relays } = yield* Harness.cluster(["a", "b"], { servers: ["demo"] }).pipe(
            Effect.provideContext(telemetry),
          )
          const [a, b] = relays as [Harness.ClusterRelay, Harness.ClusterRelay]
          yield* Harness.server(a, "demo", Harness.echo, { transport: "stream", connections: 1 })
          yield* Harness.knowsLinks(b, "demo", 1)
          const { text } = yield* Harness.get(b, "/servers/demo/", visitors)
          assert.strictEqual(text, "")
          yield* Harness.until("it is over", () => b.traffic.server("demo").inFlight === 0)
        }),
      )
      const named = new Map(collector.spans().map((span) => [span.name, span]))
      assert.sameMembers([...named.keys()], ["GET demo", "wait", "tunnel", "hop GET"])
      for (const { traceId: id } of named.values()) assert.strictEqual(id, traceId)
      assert.strictEqual(named.get("hop GET")?.parentSpanId, named.get("tunnel")?.spanId)
      const attribute = (span: string, wanted: string): string | undefined =>
        named.get(span)?.attributes.find(({ key }) => key === wanted)?.value.stringValue
      assert.strictEqual(attribute("tunnel", "ptth.hop"), "a")
      assert.strictEqual(attribute("hop GET", "ptth.visitor_relay"), "b")
    }),
  )

  it.effect("begins at the relay where the visitor's is not well-formed", () =>
    Effect.gen(function* () {
      const { origin, spans } = yield* traced("stream", (relay) =>
        Harness.get(relay, "/servers/demo/", [
          ["traceparent", "00-zz-zz-01"],
          ["tracestate", "visitor=1"],
        ]),
      )
      const first = spans.find(({ name }) => name === "GET demo")
      assert.isUndefined(first?.parentSpanId)
      assert.strictEqual(new Set(spans.map((span) => span.traceId)).size, 1)
      const [value = ""] = origin.seen[0]?.all("traceparent") ?? []
      assert.strictEqual(TraceContext.parse(value)?.traceId, first?.traceId)
      assert.deepStrictEqual(origin.seen[0]?.all("tracestate"), [])
    }),
  )

  it.effect("is passed on but not recorded where the visitor does not record it", () =>
    Effect.gen(function* () {
      const { origin, spans } = yield* traced("stream", (relay) =>
        Harness.get(relay, "/servers/demo/", [["traceparent", `00-${traceId}-${visitorsSpan}-00`]]),
      )
      assert.deepStrictEqual(spans, [])
      const [value = ""] = origin.seen[0]?.all("traceparent") ?? []
      assert.deepInclude(TraceContext.parse(value), { traceId, sampled: false })
    }),
  )

  it.effect("says what went wrong", () =>
    Effect.gen(function* () {
      const { spans } = yield* traced("stream", (relay, origin) => {
        origin.answer = ({ request }) => {
          request.socket.destroy()
        }
        return Harness.visit(relay, "/servers/demo/", { method: "POST", body: "x" })
      })
      const errors = spans.map(({ name, status }) => `${name} ${status.code} ${status.message}`)
      assert.sameMembers(errors, [
        "POST demo 2 502",
        "wait 0 undefined",
        "tunnel 2 502",
        "serve POST 2 PTTH_ORIGIN_BROKEN",
        "origin POST 2 PTTH_ORIGIN_BROKEN",
      ])
    }),
  )

  it.effect("is left as it is where there is no telemetry", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const seen: Array<HeaderList> = []
      yield* Harness.server(
        relay,
        "demo",
        Harness.handler(({ head }) => {
          seen.push(head.headers)
          return {}
        }),
      )
      const fields: HeaderList = [
        ["traceparent", "not well-formed"],
        ["tracestate", "visitor=1"],
      ]
      yield* Harness.get(relay, "/servers/demo/", fields)
      assert.includeDeepMembers([...(seen[0] ?? [])], [...fields])
    }),
  )
})
