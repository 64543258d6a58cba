/**
 * A classic server behind a NAT that has forgotten its connections: they stay open,
 * and silent.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import * as Harness from "../../support/Harness.ts"
import { heldProxy } from "../../support/HeldProxy.ts"

describe("a classic server whose connections were forgotten", () => {
  it.effect("is reached again after 32 seconds, whatever its pool has", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"], waitForServer: "1 second" })
      const network = yield* heldProxy(relay)
      yield* Harness.serverAt(network.url, "demo", Harness.echo)
      yield* Harness.until("it is connected", () => relay.status("demo").transports.length > 0)
      for (let i = 0; i < 3; i++) {
        const visits = Array.from({ length: 20 }, () =>
          Harness.visit(relay, "/servers/demo/", { method: "POST", body: "x".repeat(100_000) }),
        )
        const answers = yield* Effect.all(visits, { concurrency: "unbounded" })
        for (const { status } of answers) assert.strictEqual(status, 200)
      }
      const before = network.connections()
      network.forget()
      for (let i = 0; i < 64; i++) {
        yield* TestClock.adjust(500)
        yield* Harness.turns(20)
      }
      assert.isAbove(network.connections(), before)
      assert.strictEqual((yield* Harness.get(relay, "/servers/demo/")).status, 200)
    }),
  )
})
