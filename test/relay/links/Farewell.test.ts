/**
 * A server that stops, and a process that said farewell, over both transports, while requests run.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as IpInterface from "effect/net/IpInterface"
import * as IpNetwork from "effect/net/IpNetwork"
import * as Result from "effect/Result"
import { TestClock } from "effect/testing"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import * as Harness from "../../support/Harness.ts"

describe("a server that stops", () => {
  for (const transport of ["classic", "stream"] as const) {
    it.live(`lets what runs finish and takes no more, by ${transport}`, () =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers: ["app"], waitForServer: 0 })
        let release: () => void = () => {}
        const held = new Promise<void>((resolve) => {
          release = resolve
        })
        let begun = false
        const server = yield* Harness.server(
          relay,
          "app",
          Harness.handler(async (call) => {
            if (call.head.method === "POST") {
              begun = true
              await held
            }
            return { body: "finished" }
          }),
          { transport, grace: "30 seconds" },
        )
        const running = yield* Effect.forkChild(
          Harness.visit(relay, "/servers/app/slow", { method: "POST" }),
        )
        yield* Harness.until("the request runs", () => begun)
        const stopping = yield* Effect.forkChild(server.stop)
        const late = yield* Harness.get(relay, "/servers/app/late").pipe(
          Effect.repeat({ until: (answer) => answer.status !== 200 }),
        )
        assert.strictEqual(late.status, 503)
        release()
        const answer = yield* Fiber.join(running)
        assert.strictEqual(answer.status, 200)
        assert.strictEqual(answer.text, "finished")
        yield* Fiber.join(stopping)
      }).pipe(Effect.scoped),
    )

    it.live(`is said to have stopped, by ${transport}`, () =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers: ["app"] })
        const server = yield* Harness.server(relay, "app", Harness.echo, { transport })
        yield* server.stop
        const isGone = () => relay.events().some(({ _tag }) => _tag === "ServerDisconnected")
        yield* Harness.until("the relay has noticed", isGone)
        const gone = relay.events().find(({ _tag }) => _tag === "ServerDisconnected")
        assert.deepInclude(gone, { reason: "it has stopped" })
      }).pipe(Effect.scoped),
    )
  }
})

describe("a process that has said farewell", () => {
  const listen = (relay: Harness.TestRelay, more: HeaderList = []) =>
    Harness.open(relay, "/7ZSFUKGV/http_listen/app", {
      headers: [
        ["X-ApiKey", Harness.keyOf("app")],
        ["X-PTTH-Version", "2"],
        ["X-PTTH-Instance", "one"],
        ...more,
      ],
    })
  const farewell = (what: string) => [["X-PTTH-Farewell", what]] as const
  const kinds = (relay: Harness.TestRelay) =>
    relay.events().flatMap(({ _tag }) => (_tag.startsWith("Server") ? [_tag] : []))

  it.effect("makes no link by listens that come late, and may come back", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["app"] })
      yield* (yield* listen(relay)).head
      yield* (yield* listen(relay, farewell("draining"))).head
      assert.deepStrictEqual(kinds(relay), ["ServerConnected", "ServerDisconnected"])
      const late = yield* listen(relay)
      yield* Harness.turns(50)
      assert.isFalse(late.isAnswered())
      assert.deepStrictEqual(relay.status("app").transports, [])
      yield* Harness.advanceUntil("it is told to ask again", late.isAnswered)
      const { header, status } = yield* late.head
      assert.deepStrictEqual([status, header("x-ptth-version")], [204, "2"])
      assert.strictEqual((yield* (yield* listen(relay)).head).status, 204)
      assert.deepStrictEqual(relay.status("app").transports, ["classic 2"])
    }),
  )

  it.effect("is believed what its late listens acknowledge", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["app"] })
      yield* (yield* listen(relay)).head
      const visit = yield* Harness.open(relay, "/servers/app/", { method: "POST" })
      const offer = yield* (yield* listen(relay)).whole
      const id = /[0-9A-Z]{26}/.exec(offer.body.toString("latin1"))?.[0] ?? ""
      yield* (yield* listen(relay, farewell("draining"))).head
      yield* listen(relay, [["X-PTTH-Ack", id]])
      yield* Harness.turns(50)
      yield* TestClock.adjust("10 seconds")
      yield* Harness.turns(50)
      assert.isFalse(visit.isAnswered())
    }),
  )

  it.effect("was known by the address that a trusted proxy names", () =>
    Effect.gen(function* () {
      const trustedProxies = [
        IpNetwork.fromInterface(Result.getOrThrow(IpInterface.fromString("127.0.0.0/8"))),
      ]
      const relay = yield* Harness.relay({ servers: ["app"], config: { trustedProxies } })
      yield* (yield* listen(relay, [["X-Forwarded-For", "198.51.100.7"]])).head
      const connected = relay.events().find(({ _tag }) => _tag === "ServerConnected")
      assert.deepInclude(connected, { address: "198.51.100.7" })
    }),
  )

  it.effect("is not connected again by saying it once more", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["app"] })
      yield* (yield* listen(relay)).head
      for (const what of ["draining", "gone", "gone"]) {
        assert.strictEqual((yield* (yield* listen(relay, farewell(what))).head).status, 204)
      }
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(kinds(relay), ["ServerConnected", "ServerDisconnected"])
    }),
  )
})
