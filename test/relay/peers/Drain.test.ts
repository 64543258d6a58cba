/**
 * A relay of a cluster that stops: its servers move to the others, and its
 * visitors notice nothing.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { balancer } from "../../support/Balancer.ts"
import * as Harness from "../../support/Harness.ts"

/** Only the first one takes its time to stop: more of the test's clock than may pass until links have moved. */
const options = (id: string): Harness.RelayOptions => ({
  servers: ["demo"],
  ...(id === "a" ? { shutdownGrace: "10 minutes", config: { lameDuck: Duration.minutes(5) } } : {}),
})

const setting = Effect.fnUntraced(function* (relayOptions = options) {
  const cluster = yield* Harness.cluster(["a", "b"], relayOptions)
  const [a, b] = cluster.relays as [Harness.ClusterRelay, Harness.ClusterRelay]
  const front = yield* balancer()
  front.targets.add(a)
  return { a, b, cluster, front }
})

describe("a relay that drains", () => {
  it.effect("is not ready, moves the links of its servers, and serves visitors by the others", () =>
    Effect.gen(function* () {
      const { a, b, front } = yield* setting()
      yield* Harness.serverAt(front.url, "demo", Harness.echo, {
        transport: "stream",
        connections: 2,
      })
      yield* Harness.knowsLinks(b, "demo", 2)
      assert.strictEqual((yield* Harness.get(a, "/readyz")).text, "ready\n")
      const slow = yield* Harness.open(a, "/servers/demo/", {
        method: "POST",
        upload: true,
        chunked: true,
      })
      slow.request.write("early ")
      yield* Harness.turns(20)
      front.targets.delete(a)
      front.targets.add(b)
      const stopping = yield* Effect.forkScoped(a.stop)
      yield* Harness.turns(20)
      assert.strictEqual((yield* Harness.get(a, "/readyz")).text, "draining\n")
      assert.strictEqual((yield* Harness.get(b, "/readyz")).text, "ready\n")
      yield* Harness.advanceUntil(
        "the links are at the other relay",
        () => b.status("demo").transports.length === 2,
      )
      yield* Harness.knowsLinks(a, "demo", 2)
      for (const relay of [a, b]) {
        const visited = yield* Harness.visit(relay, "/servers/demo/", {
          method: "POST",
          body: "hello",
        })
        assert.strictEqual(visited.text, "hello")
      }
      slow.request.end("late")
      assert.strictEqual((yield* slow.whole).text, "early late")
      yield* Harness.advanceUntil(
        "it has stopped",
        () => stopping.pollUnsafe() !== undefined,
        "1 second",
      )
    }),
  )

  it.effect("has what waits for a server wait for the other relays' links", () =>
    Effect.gen(function* () {
      const { a, b } = yield* setting()
      const visit = yield* Harness.open(a, "/servers/demo/")
      yield* Harness.turns(20)
      const stopping = yield* Effect.forkScoped(a.stop)
      yield* Harness.turns(20)
      yield* Harness.server(b, "demo", Harness.echo, { transport: "stream", connections: 1 })
      assert.strictEqual((yield* visit.whole).status, 200)
      yield* Harness.advanceUntil(
        "it has stopped",
        () => stopping.pollUnsafe() !== undefined,
        "1 second",
      )
    }),
  )
})

it.effect("a relay is not ready before it knows its peers' links, or has waited for them", () =>
  Effect.gen(function* () {
    const { a, cluster } = yield* setting(() => ({ servers: ["demo"] }))
    yield* a.kill
    cluster.network.cut(Harness.peerAt("b"))
    cluster.network.restore(Harness.peerAt("a"))
    const again = yield* cluster.start("a")
    const first = yield* Harness.get(again, "/readyz")
    assert.strictEqual(first.status, 503)
    assert.strictEqual(first.text, "starting\n")
    yield* Harness.advanceUntil("it is ready", () => again.peers.isSettled())
    assert.strictEqual((yield* Harness.get(again, "/readyz")).status, 200)
  }),
)
