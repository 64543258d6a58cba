/**
 * How much a visitor may ask for, and how much may be asked of a server.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as IpNetwork from "effect/net/IpNetwork"
import { TestClock } from "effect/testing"
import { plainServer } from "../../../src/domain/config/RelayConfig.ts"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import * as Harness from "../../support/Harness.ts"

const trustedProxies = [IpNetwork.fromStringUnsafe("127.0.0.1/32")]

const from = (address: string): HeaderList => [["X-Forwarded-For", address]]

const isTooMany = (answer: Harness.Visited): void => {
  assert.strictEqual(answer.status, 429)
  assert.include(answer.text, "PTTH_TOO_MANY_REQUESTS")
  assert.match(answer.header("retry-after") ?? "", /^[1-9]\d*$/)
}

const ok = Harness.handler(() => ({ body: "ok" }))

describe("one address", () => {
  it.effect("may ask so often, pages included, then when its bucket has filled again", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({
        config: { trustedProxies, requestsPerSecondPerAddress: 0.5 },
      })
      const visit = (address: string) => Harness.get(relay, "/healthz", from(address))
      for (let i = 0; i < 5; i++) assert.strictEqual((yield* visit(`2001:db8::${i}`)).status, 200)
      const answer = yield* visit("2001:db8::ffff")
      isTooMany(answer)
      assert.strictEqual(answer.header("retry-after"), "2")
      assert.strictEqual((yield* visit("2001:db8:1::1")).status, 200)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* visit("2001:db8::1")).status, 200)
      isTooMany(yield* visit("2001:db8::1"))
    }).pipe(Effect.scoped),
  )

  it.live("may have so many requests run at once, however they end", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({
        servers: ["a"],
        config: { trustedProxies, maxRequestsPerAddress: 2 },
      })
      const body = new Harness.FedBody()
      yield* Harness.server(
        relay,
        "a",
        Harness.handler((call) =>
          call.head.target === "/slow"
            ? { body }
            : call.head.target === "/never"
              ? Harness.never
              : {},
        ),
      )
      const visit = (path: string, address = "192.0.2.1") =>
        Harness.get(relay, `/servers/a${path}`, from(address))
      const slow = yield* Harness.open(relay, "/servers/a/slow", { headers: from("192.0.2.1") })
      yield* slow.head
      const gone = yield* Harness.open(relay, "/servers/a/never", { headers: from("192.0.2.1") })
      yield* Effect.eventually(Effect.filterOrFail(visit("/"), ({ status }) => status === 429))
      isTooMany(yield* visit("/"))
      assert.strictEqual((yield* visit("/", "192.0.2.2")).status, 200)
      yield* gone.leave
      yield* Effect.eventually(Effect.filterOrFail(visit("/"), ({ status }) => status === 200))
      body.end()
      yield* slow.whole
      for (let i = 0; i < 5; i++) assert.strictEqual((yield* visit("/")).status, 200)
    }).pipe(Effect.scoped),
  )

  it.effect(
    "of this machine, or of a proxy that names nobody, is no visitor's and has no limit",
    () =>
      Effect.gen(function* () {
        const config = { requestsPerSecondPerAddress: 0.1 }
        for (const trusted of [[], trustedProxies]) {
          const relay = yield* Harness.relay({ config: { ...config, trustedProxies: trusted } })
          for (let i = 0; i < 5; i++)
            assert.strictEqual((yield* Harness.get(relay, "/healthz")).status, 200)
        }
      }).pipe(Effect.scoped),
  )
})

describe("one server", () => {
  it.effect("gets so many requests in a time, whoever they are from", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({
        servers: ["a", "b"],
        config: { requestsPerSecond: 0.1 },
      })
      yield* Harness.server(relay, "a", ok)
      yield* Harness.server(relay, "b", ok)
      assert.strictEqual((yield* Harness.get(relay, "/servers/a/")).text, "ok")
      isTooMany(yield* Harness.get(relay, "/servers/a/"))
      assert.strictEqual((yield* Harness.get(relay, "/servers/b/")).text, "ok")
    }).pipe(Effect.scoped),
  )

  it.live("has limits of its own where they are given", () =>
    Effect.gen(function* () {
      const { limits } = plainServer
      const relay = yield* Harness.relay({
        servers: [
          { name: "a", limits: { ...limits, maxBody: 10 } },
          { name: "b", limits: { ...limits, maxRequests: 1 } },
          { name: "c", limits: { ...limits, maxQueue: 0 } },
        ],
        config: { maxBody: 5, maxRequests: 3 },
      })
      for (const name of ["a", "b"])
        yield* Harness.server(
          relay,
          name,
          Harness.handler((call) => (call.head.target === "/never" ? Harness.never : {})),
        )
      const post = (name: string, body: string) =>
        Harness.visit(relay, `/servers/${name}/`, { method: "POST", body })
      assert.strictEqual((yield* post("a", "x".repeat(10))).status, 200)
      assert.strictEqual((yield* post("a", "x".repeat(11))).status, 413)
      assert.strictEqual((yield* post("b", "x".repeat(6))).status, 413)
      const running = yield* Harness.open(relay, "/servers/b/never")
      yield* Effect.eventually(
        Effect.filterOrFail(Harness.get(relay, "/servers/b/"), ({ status }) => status === 429),
      )
      yield* running.leave
      yield* Effect.eventually(
        Effect.filterOrFail(Harness.get(relay, "/servers/b/"), ({ status }) => status === 200),
      )
      const full = yield* Harness.get(relay, "/servers/c/")
      assert.strictEqual(full.status, 503)
      assert.include(full.text, "PTTH_QUEUE_FULL")
    }).pipe(Effect.scoped),
  )
})

describe("a request's head", () => {
  it.live("has so many fields and bytes at most, and the connection goes on or ends cleanly", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ config: { maxFields: 10, maxHead: 2048 } })
      const fields = (count: number): HeaderList =>
        Array.from({ length: count }, (_, i) => [`X-${i}`, "y"] as const)
      const visit = (headers: HeaderList) => Harness.get(relay, "/healthz", headers)
      assert.strictEqual((yield* visit(fields(8))).status, 200)
      const many = yield* visit(fields(9))
      assert.strictEqual(many.status, 431)
      assert.include(many.text, "PTTH_HEAD_TOO_LARGE")
      assert.strictEqual((yield* visit([["X", "y".repeat(1500)]])).status, 200)
      const large = yield* visit([["X", "y".repeat(3000)]])
      assert.strictEqual(large.status, 431)
      assert.include(large.text, "2048 bytes")
    }).pipe(Effect.scoped),
  )
})
