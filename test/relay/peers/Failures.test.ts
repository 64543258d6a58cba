/**
 * What visitors notice when a relay of a cluster dies, at each moment of a request.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { WebSocket } from "ws"
import type { Call } from "../../support/Harness.ts"
import * as Harness from "../../support/Harness.ts"
import { echo, webSocketApplication } from "../../support/webSocketApplication.ts"

const stream = { transport: "stream", connections: 1 } as const

/** Three relays; processes of one server at the first and at the last one. The calls that each got. */
const setting = Effect.fnUntraced(function* (answer: (call: Call) => ReturnType<Answer>) {
  const cluster = yield* Harness.cluster(["a", "b", "c"], { servers: ["demo"] })
  const [a, b, c] = cluster.relays as [
    Harness.ClusterRelay,
    Harness.ClusterRelay,
    Harness.ClusterRelay,
  ]
  const calls: Array<{ readonly at: "a" | "c"; readonly call: Call }> = []
  const connect = (at: "a" | "c", relay: Harness.ClusterRelay) =>
    Harness.server(
      relay,
      "demo",
      Harness.handler((call) => {
        calls.push({ at, call })
        return answer(call)
      }),
      stream,
    )
  yield* connect("a", a)
  yield* connect("c", c)
  yield* Harness.knowsLinks(b, "demo", 2)
  const holder = (): Harness.ClusterRelay => (calls[0]?.at === "a" ? a : c)
  return { a, b, c, calls, cluster, holder }
})

type Answer = Parameters<typeof Harness.handler>[0]

/** The first request is never answered, those after it are. */
const firstNever = (): Answer => {
  let count = 0
  return () => {
    count += 1
    return count === 1 ? Harness.never : { body: "answered" }
  }
}

describe("the relay with the link dies", () => {
  it.effect("a GET that no response has come to is answered by another relay's link", () =>
    Effect.gen(function* () {
      const { b, calls, holder } = yield* setting(firstNever())
      const visit = yield* Harness.open(b, "/servers/demo/")
      yield* Harness.until("it has been handed out", () => calls.length === 1)
      yield* holder().kill
      assert.strictEqual((yield* visit.whole).text, "answered")
      assert.lengthOf(calls, 2)
    }),
  )

  it.effect("a POST fails, later than a server might have begun it, and is done once", () =>
    Effect.gen(function* () {
      const { b, calls, holder } = yield* setting(firstNever())
      const visit = yield* Harness.open(b, "/servers/demo/", { method: "POST", body: "x" })
      yield* Harness.until("it has been handed out", () => calls.length === 1)
      yield* holder().kill
      yield* Harness.turns(50)
      assert.isFalse(visit.isAnswered())
      yield* Harness.advanceUntil("it is told", () => visit.isAnswered())
      const visited = yield* visit.whole
      assert.strictEqual(visited.status, 502)
      assert.include(visited.text, "PTTH_LINK_LOST")
      assert.lengthOf(calls, 1)
    }),
  )

  it.effect("a body under way breaks visibly", () =>
    Effect.gen(function* () {
      const body = new Harness.FedBody(100)
      const { b, calls, holder } = yield* setting(() => ({ body }))
      const visit = yield* Harness.open(b, "/servers/demo/")
      assert.strictEqual((yield* visit.head).status, 200)
      body.feed("some")
      yield* Harness.turns(20)
      yield* holder().kill
      const error = yield* Effect.flip(visit.whole)
      assert.strictEqual(error._tag, "VisitError")
      assert.lengthOf(calls, 1)
    }),
  )

  it.effect("only the connection to it breaks: the same, and the server is told to stop", () =>
    Effect.gen(function* () {
      const { b, calls, cluster, holder } = yield* setting(firstNever())
      const visit = yield* Harness.open(b, "/servers/demo/")
      yield* Harness.until("it has been handed out", () => calls.length === 1)
      cluster.network.cut(Harness.peerAt(holder().id))
      assert.strictEqual((yield* visit.whole).text, "answered")
      yield* Harness.until(
        "the first one is cancelled",
        () => calls[0]?.call.isCancelled() === true,
      )
    }),
  )
})

describe("the server's connection to the relay with the link breaks", () => {
  it.effect("the visitor's relay offers a GET again, and no POST", () =>
    Effect.gen(function* () {
      const { a, b, c, calls } = yield* setting(firstNever())
      const get = yield* Harness.open(b, "/servers/demo/")
      yield* Harness.until("it has been handed out", () => calls.length === 1)
      const relay = calls[0]?.at === "a" ? a : c
      yield* relay.change({ servers: [] })
      assert.strictEqual((yield* get.whole).text, "answered")
    }),
  )
})

describe("the visitor's relay dies", () => {
  it.effect("the server is told to stop", () =>
    Effect.gen(function* () {
      const { b, calls } = yield* setting(firstNever())
      const visit = yield* Harness.open(b, "/servers/demo/", { method: "POST", body: "x" })
      yield* Harness.until("it has been handed out", () => calls.length === 1)
      yield* b.kill
      yield* Harness.until("it is cancelled", () => calls[0]?.call.isCancelled() === true)
      assert.isFalse(visit.isAnswered() && (yield* visit.head).status === 200)
    }),
  )

  it.effect("a body under way is not wanted any more", () =>
    Effect.gen(function* () {
      const body = new Harness.FedBody()
      const { b } = yield* setting(() => ({ body }))
      const visit = yield* Harness.open(b, "/servers/demo/")
      yield* visit.head
      yield* b.kill
      yield* Harness.until("it is not wanted", () => body.cancelled)
    }),
  )
})

describe("the path to the relay with the link carries nothing any more", () => {
  it.effect("a GET that did not arrive is answered by another relay's link", () =>
    Effect.gen(function* () {
      const { b, calls, cluster } = yield* setting(() => ({ body: "answered" }))
      yield* Harness.get(b, "/servers/demo/")
      const held = calls[0]?.at === "a" ? "c" : "a"
      cluster.network.hold(Harness.peerAt(held))
      const visit = yield* Harness.open(b, "/servers/demo/")
      yield* Harness.turns(50)
      assert.isFalse(visit.isAnswered())
      yield* Harness.advanceUntil("it is answered", () => visit.isAnswered())
      assert.strictEqual((yield* visit.whole).text, "answered")
      assert.lengthOf(calls, 2)
    }),
  )

  it.effect("a POST that did not arrive fails, and is not done later", () =>
    Effect.gen(function* () {
      const { b, calls, cluster } = yield* setting(() => ({ body: "answered" }))
      yield* Harness.get(b, "/servers/demo/")
      const held = Harness.peerAt(calls[0]?.at === "a" ? "c" : "a")
      cluster.network.hold(held)
      const visit = yield* Harness.open(b, "/servers/demo/", { method: "POST", body: "x" })
      yield* Harness.turns(50)
      yield* Harness.advanceUntil("it is told", () => visit.isAnswered())
      assert.strictEqual((yield* visit.whole).status, 502)
      cluster.network.release(held)
      yield* Harness.turns(50)
      assert.lengthOf(calls, 1)
    }),
  )

  it.effect("a POST that arrives late is begun, since its visitor still waits", () =>
    Effect.gen(function* () {
      const { b, c, calls, cluster } = yield* setting(() => ({ body: "answered" }))
      yield* c.kill
      yield* Harness.knowsLinks(b, "demo", 1)
      yield* Harness.visit(b, "/servers/demo/", { method: "POST", body: "first" })
      yield* TestClock.adjust("100 millis")
      yield* Harness.turns(50)
      cluster.network.hold(Harness.peerAt("a"))
      const visit = yield* Harness.open(b, "/servers/demo/", { method: "POST", body: "x" })
      yield* Harness.turns(50)
      for (let passed = 0; passed < 1_500; passed += 100) {
        yield* TestClock.adjust("100 millis")
        yield* Harness.turns(5)
      }
      assert.lengthOf(calls, 1)
      cluster.network.release(Harness.peerAt("a"))
      assert.strictEqual((yield* visit.whole).text, "answered")
      assert.lengthOf(calls, 2)
    }),
  )
})

describe("a WebSocket over a hop", () => {
  for (const victim of ["a", "b"] as const)
    it.live(
      `ends at both sides when ${victim === "a" ? "the relay with the link" : "the visitor's relay"} dies`,
      () =>
        Effect.gen(function* () {
          let hasOriginEnded = false
          const application = yield* webSocketApplication((socket) => {
            echo(socket)
            socket.on("close", () => {
              hasOriginEnded = true
            })
          })
          const cluster = yield* Harness.cluster(["a", "b"], { servers: ["demo"] })
          const [a, b] = cluster.relays as [Harness.ClusterRelay, Harness.ClusterRelay]
          yield* Harness.server(a, "demo", application, stream)
          yield* Harness.knowsLinks(b, "demo", 1)
          const socket = new WebSocket(`ws://${b.host}:${b.port}/servers/demo/`)
          let hasEchoed = false
          let hasVisitorEnded = false
          socket.on("open", () => socket.send("hello"))
          socket.on("message", () => {
            hasEchoed = true
          })
          socket.on("error", () => {})
          socket.on("close", () => {
            hasVisitorEnded = true
          })
          yield* Harness.until("it echoes", () => hasEchoed)
          yield* (victim === "a" ? a : b).kill
          yield* Harness.until("both have ended", () => hasVisitorEnded && hasOriginEnded)
        }),
    )
})

it.effect("a relay that comes back serves by the others' links at once", () =>
  Effect.gen(function* () {
    const { b, cluster } = yield* setting(() => ({ body: "answered" }))
    yield* b.kill
    cluster.network.restore(Harness.peerAt("b"))
    const again = yield* cluster.start("b")
    assert.strictEqual((yield* Harness.get(again, "/servers/demo/")).text, "answered")
  }),
)
