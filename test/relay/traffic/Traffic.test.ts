/**
 * What the relay counts of its visitors' requests, on real sockets.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { tripcodeOfText } from "../../../src/domain/ApiKey.ts"
import { maxRecent } from "../../../src/relay/traffic/Counters.ts"
import type { ServerTraffic } from "../../../src/relay/traffic/Traffic.ts"
import * as Harness from "../../support/Harness.ts"

const relayOf = (options: Harness.RelayOptions = {}) =>
  Harness.relay({ servers: ["demo", "other"], ...options })

const untilOver = (relay: Harness.TestRelay, name: string, count: number) =>
  Effect.map(
    Harness.until(`${count} requests for ${name} are over`, () => {
      const { inFlight, recent } = relay.traffic.server(name)
      return inFlight === 0 && recent.length === count
    }),
    () => relay.traffic.server(name),
  )

/** What does not depend on how fast the machine is. */
const shown = ({ recent }: ServerTraffic) =>
  recent.map(({ bytesIn, bytesOut, code, method, path, status, transport, whole }) => ({
    request: `${method} ${path}`,
    answer: status ?? "left",
    code,
    transport,
    bytes: [bytesIn, bytesOut],
    whole,
  }))

describe("the relay's traffic", () => {
  for (const transport of ["classic", "stream"] as const) {
    it.effect(`knows of each request what became of it over ${transport}`, () =>
      Effect.gen(function* () {
        const relay = yield* relayOf()
        yield* Harness.server(relay, "demo", Harness.echo, { transport })
        yield* Harness.visit(relay, "/servers/demo/small?token=secret", {
          method: "POST",
          body: "12345",
        })
        const large = Buffer.alloc(2_000_000)
        yield* Harness.visit(relay, "/servers/demo/large", { method: "PUT", body: large })
        const traffic = yield* untilOver(relay, "demo", 2)
        const by = transport === "classic" ? "classic 2" : "stream"
        assert.deepStrictEqual(shown(traffic), [
          {
            request: "PUT /large",
            answer: 200,
            code: undefined,
            transport: by,
            bytes: [2_000_000, 2_000_000],
            whole: true,
          },
          {
            request: "POST /small",
            answer: 200,
            code: undefined,
            transport: by,
            bytes: [5, 5],
            whole: true,
          },
        ])
        assert.deepStrictEqual(traffic.statuses, [0, 0, 2, 0, 0, 0])
        assert.strictEqual(traffic.requests, 2)
        assert.strictEqual(traffic.bytesIn, 2_000_005)
        assert.strictEqual(traffic.bytesOut, 2_000_005)
        assert.strictEqual(traffic.linksOpened, transport === "classic" ? 1 : 2)
        assert.strictEqual(relay.traffic.server("other").requests, 0)
        for (const { millis, tunnelMillis, waitMillis } of traffic.recent) {
          assert.isAtLeast(waitMillis ?? -1, 0)
          assert.isAtLeast(tunnelMillis ?? -1, 0)
          assert.isAtLeast(millis, (waitMillis ?? 0) + (tunnelMillis ?? 0))
        }
        const { latency } = traffic
        assert.isDefined(latency)
        assert.isAtLeast(latency?.p99 ?? 0, latency?.p50 ?? 1)
      }),
    )
  }

  it.effect("counts failures by their code, and what a server itself answers by its status", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf({ waitForServer: "0 millis", config: { maxBody: 10 } })
      yield* Harness.server(
        relay,
        "demo",
        Harness.handler(() => ({ status: 503 })),
      )
      yield* Harness.visit(relay, "/servers/demo/", { method: "POST", body: "longer than ten" })
      yield* Harness.get(relay, "/servers/demo/")
      const traffic = yield* untilOver(relay, "demo", 2)
      assert.deepStrictEqual([...traffic.errors], [["PTTH_BODY_TOO_LARGE", 1]])
      assert.deepStrictEqual(traffic.statuses, [0, 0, 0, 0, 1, 1])
      assert.deepStrictEqual(
        traffic.recent.map(({ code, status, transport }) => [status, code, transport]),
        [
          [503, undefined, "classic 2"],
          [413, "PTTH_BODY_TOO_LARGE", "none"],
        ],
      )
    }),
  )

  it.effect("knows who is in flight, and who left before there was an answer", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf()
      yield* Harness.server(
        relay,
        "demo",
        Harness.handler(() => Harness.never),
      )
      const visit = yield* Harness.open(relay, "/servers/demo/slow")
      yield* Harness.until("it is in flight", () => relay.traffic.server("demo").inFlight === 1)
      yield* visit.leave
      const traffic = yield* untilOver(relay, "demo", 1)
      assert.deepStrictEqual(traffic.statuses, [1, 0, 0, 0, 0, 0])
      assert.strictEqual(traffic.recent[0]?.whole, false)
      assert.isUndefined(traffic.latency)
    }),
  )

  it.effect("says of an answer that broke off how much of it there was", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf()
      const body = new Harness.FedBody()
      yield* Harness.server(
        relay,
        "demo",
        Harness.handler(() => ({ body })),
      )
      const visit = yield* Harness.open(relay, "/servers/demo/endless")
      yield* Effect.forkScoped(Effect.exit(visit.whole))
      yield* Effect.promise(() => body.untilRead())
      body.feed("12345")
      yield* Harness.until("they have come", () => visit.received() === 5)
      assert.strictEqual(relay.traffic.server("demo").bytesOut, 5)
      yield* visit.leave
      const [last] = (yield* untilOver(relay, "demo", 1)).recent
      assert.deepInclude(last, { status: 200, bytesOut: 5, whole: false })
    }),
  )

  it.effect("has counters for registered servers only; all else is the relay's own", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf()
      yield* Harness.get(relay, "/servers/nobody/")
      yield* Harness.get(relay, "/servers/nobody-else/")
      yield* Harness.get(relay, "/frontend/relay_up_check")
      yield* Harness.raw(relay, "GET /#x HTTP/1.1\r\n\r\n")
      yield* Harness.raw(relay, "GARBAGE\r\n\r\n")
      const own = yield* untilOver(relay, "", 5)
      assert.sameMembers([...relay.traffic.counters.keys()], [""])
      assert.deepStrictEqual(
        [...own.errors],
        [
          ["PTTH_UNKNOWN_SERVER", 2],
          ["PTTH_BAD_REQUEST", 2],
        ],
      )
    }),
  )

  it.effect("counts who was not let in where they wanted to go", () =>
    Effect.gen(function* () {
      const auth = {
        users: [],
        tokens: [tripcodeOfText("x")],
        userHeader: undefined,
        allow: undefined,
      }
      const relay = yield* Harness.relay({ servers: [{ name: "demo", auth }] })
      yield* Harness.get(relay, "/servers/demo/a")
      const traffic = yield* untilOver(relay, "demo", 1)
      assert.deepStrictEqual(traffic.statuses, [0, 0, 0, 0, 1, 0])
      assert.strictEqual(relay.traffic.server("").requests, 0)
      assert.strictEqual(traffic.recent[0]?.status, 401)
    }),
  )

  it.effect("forgets a server that is not registered any more", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf({ waitForServer: "0 millis" })
      yield* Harness.server(relay, "demo", Harness.echo)
      yield* Harness.get(relay, "/servers/demo/")
      yield* untilOver(relay, "demo", 1)
      yield* relay.change({ servers: ["other"] })
      yield* Harness.until("it is forgotten", () => !relay.traffic.counters.has("demo"))
    }),
  )

  it.effect("remembers so many requests of each server, without queries and endless paths", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf()
      yield* Harness.server(relay, "demo", Harness.echo)
      for (let i = 0; i < maxRecent + 3; i++) yield* Harness.get(relay, `/servers/demo/${i}`)
      yield* Harness.get(relay, `/servers/demo/${"x".repeat(5_000)}?password=1`)
      yield* Harness.until("all are counted", () => relay.traffic.server("demo").inFlight === 0)
      const paths = relay.traffic.server("demo").recent.map(({ path }) => path)
      assert.strictEqual(paths.length, maxRecent)
      assert.strictEqual(paths[0], `/${"x".repeat(255)}`)
      assert.strictEqual(paths[1], `/${maxRecent + 2}`)
      assert.strictEqual(paths.at(-1), "/4")
    }),
  )

  it.effect("counts keys that were refused by why, and links that were opened", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf()
      const refusedAs = (reason: "unknown name" | "wrong key") =>
        Harness.until(`there is a refusal: ${reason}`, () => relay.traffic.refusals(reason) === 1)
      yield* Harness.serverAt(relay.url, "demo", Harness.echo, { key: "another one" })
      yield* refusedAs("wrong key")
      yield* Harness.serverAt(relay.url, "stranger", Harness.echo)
      yield* refusedAs("unknown name")
      assert.isFalse(relay.traffic.counters.has("stranger"))
      const one = { transport: "stream", connections: 1 } as const
      const first = yield* Harness.server(relay, "other", Harness.echo, one)
      yield* first.stop
      yield* Harness.server(relay, "other", Harness.echo, one)
      assert.strictEqual(relay.traffic.server("other").linksOpened, 2)
    }),
  )
})
