/**
 * Relays know whether the others have the configuration that they have.
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Harness from "../../support/Harness.ts"

it.effect("a relay tells the others when another configuration comes into force", () =>
  Effect.gen(function* () {
    const cluster = yield* Harness.cluster(["a"], { servers: ["attic"] })
    const [a] = cluster.relays as [Harness.ClusterRelay]
    let digest = "before"
    const b = yield* cluster.start("b", { digest: () => digest })
    const told = () => a.peers.list().find(({ id }) => id === "b")?.digest
    yield* Harness.until("a knows b", () => told() === "before")
    digest = "after"
    yield* b.change({ servers: ["attic", "cellar"] })
    yield* Harness.until("a is told", () => told() === "after")
    assert.strictEqual(told(), "after")
  }),
)
