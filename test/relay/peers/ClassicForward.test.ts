/**
 * Servers that speak classic, of which each request comes to another relay than
 * the one before.
 */
import { randomBytes } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import type { RequestId } from "../../../src/domain/RequestId.ts"
import * as Classic2 from "../../../src/protocol/Classic2.ts"
import { requestBalancer } from "../../support/Balancer.ts"
import * as Harness from "../../support/Harness.ts"

type Relay = Harness.ClusterRelay

const setting = Effect.fnUntraced(function* (handler = Harness.echo) {
  const { relays } = yield* Harness.cluster(["a", "b", "c"], { servers: ["demo", "other"] })
  const [a, b, c] = relays as [Relay, Relay, Relay]
  const { url } = yield* requestBalancer(relays)
  const server = yield* Harness.serverAt(url, "demo", handler)
  yield* Harness.until("it is connected", () =>
    server.lines.some((line) => line.startsWith("connected")),
  )
  return { a, b, c, all: [a, b, c], server, url }
})

describe("a classic server behind a balancer that spreads requests", () => {
  it.effect("answers visitors of every relay", () =>
    Effect.gen(function* () {
      const { all } = yield* setting()
      for (let round = 0; round < 5; round++)
        for (const relay of all) {
          const visited = yield* Harness.visit(relay, `/servers/demo/${round}`, {
            method: "POST",
            body: "hello",
          })
          assert.strictEqual(visited.status, 200)
          assert.strictEqual(visited.text, "hello")
        }
    }),
  )

  it.effect("fetches and sends large bodies", () =>
    Effect.gen(function* () {
      const { all } = yield* setting()
      const body = randomBytes(2_000_000)
      for (const relay of all)
        for (const chunked of [false, true]) {
          const visited = yield* Harness.visit(relay, "/servers/demo/", {
            method: "PUT",
            body,
            chunked,
          })
          assert.strictEqual(visited.status, 200)
          assert.isTrue(visited.body.equals(body))
        }
    }),
  )

  it.effect("is told of visitors who leave", () =>
    Effect.gen(function* () {
      const calls: Array<Harness.Call> = []
      const { all } = yield* setting(
        Harness.handler((call) => {
          calls.push(call)
          return Harness.never
        }),
      )
      for (const [i, relay] of [...all, ...all].entries()) {
        const visit = yield* Harness.open(relay, "/servers/demo/")
        yield* Harness.advanceUntil("it has come", () => calls.length === i + 1)
        visit.request.socket?.resetAndDestroy()
        yield* Harness.until("it is cancelled", () => calls[i]?.isCancelled() === true)
      }
    }),
  )

  it.effect("answers many at once", () =>
    Effect.gen(function* () {
      const { all } = yield* setting()
      const visits = Array.from({ length: 150 }, (_, i) =>
        Harness.visit(all[i % 3] as Relay, `/servers/demo/${i}`, { method: "POST", body: `${i}` }),
      )
      const visited = yield* Effect.all(visits, { concurrency: "unbounded" })
      assert.deepStrictEqual(
        visited.map(({ text }) => text),
        visits.map((_, i) => `${i}`),
      )
    }),
  )
})

describe("a server of the original behind a balancer that spreads requests", () => {
  it.effect("answers visitors of every relay", () =>
    Effect.gen(function* () {
      const { relays } = yield* Harness.cluster(["a", "b", "c"], { servers: ["demo"] })
      const { url } = yield* requestBalancer(relays)
      const peer = yield* Harness.classicServer(relays[0] as Relay, "demo", {
        relayUrl: `${url}/7ZSFUKGV`,
      })
      void peer.run()
      for (let round = 0; round < 4; round++)
        for (const relay of relays) {
          const visit = yield* Effect.forkChild(Harness.get(relay, `/servers/demo/${round}`))
          let id: string | undefined
          void peer.take().then((request) => {
            id = request.id
          })
          yield* Harness.advanceUntil("the request comes", () => id !== undefined)
          yield* Harness.promised(() => peer.respond(id ?? "", { body: relay.id }).answer)
          assert.strictEqual((yield* Fiber.join(visit)).text, relay.id)
        }
    }),
  )
})

/** Listens as a process of classic 2 at one relay until a request comes; its id. */
const requestAt = Effect.fnUntraced(function* (
  relay: Relay,
  visit: Effect.Effect<unknown, never, Scope.Scope>,
) {
  const headers = [
    ["X-ApiKey", Harness.keyOf("demo")],
    ["X-PTTH-Version", "2"],
    ["X-PTTH-Instance", "by hand"],
  ] as const
  const path = "/7ZSFUKGV/http_listen/demo"
  yield* Harness.visit(relay, path, { headers })
  const listen = yield* Harness.open(relay, path, { headers })
  yield* visit
  const { body } = yield* listen.whole
  const [entry] = Result.getOrThrow(Classic2.decodeListenAnswer(body))
  assert.isDefined(entry)
  return entry.id
})

const answerTo = (id: RequestId, key: string, path = `http_response/${id}`) => {
  const head = { status: 200, headers: [] }
  return {
    path: `/7ZSFUKGV/${path}`,
    options: {
      method: "POST",
      headers: [
        ["X-ApiKey", key],
        ["X-PTTH-Version", "2"],
      ] as const,
      body:
        path === "http_responses"
          ? Classic2.encodeAnswers([{ id, head, bytes: Buffer.from("many") }])
          : Buffer.concat([Classic2.encodeResponseHead(head), Buffer.from("one")]),
    },
  }
}

describe("an answer that comes to another relay than its request", () => {
  const begin = Effect.fnUntraced(function* (body: string | Uint8Array = "x") {
    const { relays } = yield* Harness.cluster(["a", "b", "c"], { servers: ["demo", "other"] })
    const [a, b] = relays as [Relay, Relay]
    let visit: Harness.OpenVisit | undefined
    const id = yield* requestAt(
      a,
      Effect.gen(function* () {
        visit = yield* Harness.open(a, "/servers/demo/", { method: "POST", body })
      }),
    )
    return { a, b, id, visit: visit as Harness.OpenVisit }
  })

  it.effect("is refused with the key of another server, and the right one is still taken", () =>
    Effect.gen(function* () {
      const { a, b, id, visit } = yield* begin(Buffer.alloc(20_000))
      for (const relay of [a, b]) {
        const wrong = answerTo(id, Harness.keyOf("other"))
        assert.strictEqual((yield* Harness.visit(relay, wrong.path, wrong.options)).status, 403)
        const headers = [["X-ApiKey", Harness.keyOf("other")]] as const
        const fetched = yield* Harness.visit(relay, `/7ZSFUKGV/http_request/${id}`, { headers })
        assert.strictEqual(fetched.status, 403)
        const many = answerTo(id, Harness.keyOf("other"), "http_responses")
        yield* Harness.visit(relay, many.path, many.options)
        const interim = answerTo(id, Harness.keyOf("other"), `http_interim/${id}`)
        assert.strictEqual((yield* Harness.visit(relay, interim.path, interim.options)).status, 403)
      }
      yield* Harness.turns(50)
      assert.isFalse(visit.isAnswered())
      const right = answerTo(id, Harness.keyOf("demo"))
      const taken = yield* Harness.visit(b, right.path, right.options)
      assert.deepStrictEqual([taken.status, taken.text], [200, "StreamFinished\n"])
      assert.strictEqual((yield* visit.whole).text, "one")
      const again = yield* Harness.visit(b, right.path, right.options)
      assert.strictEqual(again.status, 400)
    }),
  )

  it.effect("is passed on among several small ones", () =>
    Effect.gen(function* () {
      const { b, id, visit } = yield* begin()
      const many = answerTo(id, Harness.keyOf("demo"), "http_responses")
      assert.strictEqual((yield* Harness.visit(b, many.path, many.options)).status, 200)
      assert.strictEqual((yield* visit.whole).text, "many")
    }),
  )

  it.effect("is told that the visitor has left", () =>
    Effect.gen(function* () {
      const { b, id, visit } = yield* begin()
      visit.request.socket?.resetAndDestroy()
      const right = answerTo(id, Harness.keyOf("demo"))
      yield* Harness.turns(300)
      assert.strictEqual((yield* Harness.visit(b, right.path, right.options)).status, 502)
    }),
  )

  it.effect("is of no request where the relay that gave out the id is gone", () =>
    Effect.gen(function* () {
      const { a, b, id } = yield* begin()
      yield* a.kill
      yield* Harness.until("it is known", () =>
        b.peers.list().some((peer) => peer.id === "a" && peer.state === "gone"),
      )
      const right = answerTo(id, Harness.keyOf("demo"))
      assert.strictEqual((yield* Harness.visit(b, right.path, right.options)).status, 400)
    }),
  )
})

describe("a process that listens at other relays", () => {
  it.effect("is not taken for gone, however long it is away", () =>
    Effect.gen(function* () {
      const { relays } = yield* Harness.cluster(["a", "b"], { servers: ["demo"] })
      const [a, b] = relays as [Relay, Relay]
      let visit: Harness.OpenVisit | undefined
      const id = yield* requestAt(
        a,
        Effect.gen(function* () {
          visit = yield* Harness.open(a, "/servers/demo/", { method: "POST", body: "x" })
        }),
      )
      const headers = [
        ["X-ApiKey", Harness.keyOf("demo")],
        ["X-PTTH-Version", "2"],
        ["X-PTTH-Instance", "by hand"],
        ["X-PTTH-Ack", id],
      ] as const
      const path = "/7ZSFUKGV/http_listen/demo"
      yield* Harness.visit(b, path, { headers })
      yield* Harness.open(b, path, { headers })
      yield* Harness.knowsLinks(a, "demo", 1)
      for (let second = 0; second < 20; second++) {
        yield* TestClock.adjust("1 second")
        yield* Harness.turns(20)
      }
      assert.isFalse(visit?.isAnswered())
      const right = answerTo(id, Harness.keyOf("demo"))
      assert.strictEqual((yield* Harness.visit(b, right.path, right.options)).status, 200)
      assert.strictEqual((yield* (visit as Harness.OpenVisit).whole).text, "one")
    }),
  )

  it.effect("is gone everywhere when it says farewell to one", () =>
    Effect.gen(function* () {
      const { relays } = yield* Harness.cluster(["a", "b"], { servers: ["demo"] })
      const [a, b] = relays as [Relay, Relay]
      let visit: Harness.OpenVisit | undefined
      yield* requestAt(
        a,
        Effect.gen(function* () {
          visit = yield* Harness.open(a, "/servers/demo/", { method: "POST", body: "x" })
        }),
      )
      yield* Harness.visit(b, "/7ZSFUKGV/http_listen/demo", {
        headers: [
          ["X-ApiKey", Harness.keyOf("demo")],
          ["X-PTTH-Version", "2"],
          ["X-PTTH-Instance", "by hand"],
          ["X-PTTH-Farewell", "gone"],
        ],
      })
      assert.strictEqual((yield* (visit as Harness.OpenVisit).head).status, 502)
    }),
  )
})
