/**
 * What visitors notice when a relay of a cluster dies, at each moment of a request.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Call } from "../../support/Harness.ts"
import * as Harness from "../../support/Harness.ts"

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

it.effect("a relay that comes back serves by the others' links at once", () =>
  Effect.gen(function* () {
    const { b, cluster } = yield* setting(() => ({ body: "answered" }))
    yield* b.kill
    cluster.network.restore(Harness.peerAt("b"))
    const again = yield* cluster.start("b")
    assert.strictEqual((yield* Harness.get(again, "/servers/demo/")).text, "answered")
  }),
)
