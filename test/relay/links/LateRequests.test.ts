/**
 * What a visitor was told to have failed does not happen later: a request that
 * changes something and comes to its server too late is not begun, whatever stood
 * still in between.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { empty } from "../../../src/transport/body/Body.ts"
import type { Handler } from "../../../src/transport/body/Handler.ts"
import * as Harness from "../../support/Harness.ts"
import { heldProxy } from "../../support/HeldProxy.ts"

/** A relay, and a server behind a network that can be held up; the targets of the requests that were begun. */
const setting = Effect.fnUntraced(function* (
  transport: "stream" | "classic",
  options: Harness.RelayOptions = {},
) {
  const begun: Array<string> = []
  const relay = yield* Harness.relay({ servers: ["demo"], ...options })
  const network = yield* heldProxy(relay)
  const handler = Harness.handler((call) => {
    begun.push(`${call.head.method} ${call.head.target}`)
    return {}
  })
  yield* Harness.serverAt(network.url, "demo", handler, { transport, connections: 1 })
  yield* Harness.until("it is connected", () => relay.status("demo").transports.length > 0)
  assert.strictEqual(
    (yield* Harness.visit(relay, "/servers/demo/before", { method: "POST", body: "x" })).status,
    200,
  )
  begun.length = 0
  return { begun, network, relay }
})

for (const transport of ["stream", "classic"] as const)
  describe(`a request over ${transport}`, () => {
    for (const [method, body] of [
      ["POST", "x"],
      ["PUT", "x".repeat(100_000)],
      ["PATCH", "x"],
      ["DELETE", ""],
    ] as const)
      it.effect(`is not begun after its visitor was told 504: ${method}`, () =>
        Effect.gen(function* () {
          const { begun, network, relay } = yield* setting(transport, {
            responseTimeout: "5 seconds",
          })
          network.hold()
          const visit = yield* Harness.open(relay, "/servers/demo/late", { method, body })
          yield* Harness.until("it is on its way", () => network.heldBytes() > 0)
          yield* TestClock.adjust(6_000)
          assert.strictEqual((yield* visit.head).status, 504)
          network.release()
          const after = yield* Harness.get(relay, "/servers/demo/after")
          assert.strictEqual(after.status, 200)
          assert.deepStrictEqual(begun, ["GET /after"])
        }),
      )

    it.effect("is begun after all while its visitor waits", () =>
      Effect.gen(function* () {
        const { begun, network, relay } = yield* setting(transport)
        network.hold()
        const visit = yield* Harness.open(relay, "/servers/demo/slow", {
          method: "POST",
          body: "x",
        })
        yield* Harness.until("it is on its way", () => network.heldBytes() > 0)
        yield* TestClock.adjust(3_000)
        network.release()
        assert.strictEqual((yield* visit.head).status, 200)
        assert.deepStrictEqual(begun, ["POST /slow"])
      }),
    )
  })

describe("a handler over stream that is late with its effect", () => {
  /** A POST whose handler has been called and asks to commit when the test says so. */
  const called = Effect.fnUntraced(function* () {
    const relay = yield* Harness.relay({ servers: ["demo"], responseTimeout: "5 seconds" })
    const network = yield* heldProxy(relay)
    let commit: (() => void) | undefined
    let isCommitted = false
    const handler: Handler = ({ method }, _, reply) => {
      const go = () => {
        isCommitted = method === "POST"
        reply.respond({ status: 204, headers: [] }, empty)
      }
      if (method === "POST") commit = () => reply.commit?.(go)
      else go()
      return () => {}
    }
    yield* Harness.serverAt(network.url, "demo", handler, { transport: "stream", connections: 1 })
    yield* Harness.until("it is connected", () => relay.status("demo").transports.length > 0)
    yield* Harness.get(relay, "/servers/demo/")
    const visit = yield* Harness.open(relay, "/servers/demo/", { method: "POST", body: "x" })
    yield* Harness.until("it is called", () => commit !== undefined)
    return {
      commit: () => commit?.(),
      isCommitted: () => isCommitted,
      network,
      relay,
      visit,
    }
  })

  it.effect("may have it within the lease, at once", () =>
    Effect.gen(function* () {
      const { commit, isCommitted } = yield* called()
      commit()
      assert.isTrue(isCommitted())
    }),
  )

  it.effect("may have it later while its visitor waits, as the relay says", () =>
    Effect.gen(function* () {
      const { commit, isCommitted, visit } = yield* called()
      yield* TestClock.adjust(3_000)
      commit()
      assert.isFalse(isCommitted())
      assert.strictEqual((yield* visit.head).status, 204)
      assert.isTrue(isCommitted())
    }),
  )

  it.effect("may not have it once its visitor was told that it failed", () =>
    Effect.gen(function* () {
      const { commit, isCommitted, network, relay, visit } = yield* called()
      network.hold()
      yield* TestClock.adjust(6_000)
      assert.strictEqual((yield* visit.head).status, 504)
      commit()
      network.release()
      assert.strictEqual((yield* Harness.get(relay, "/servers/demo/")).status, 204)
      assert.isFalse(isCommitted())
    }),
  )
})

describe("a link that fell silent", () => {
  it.effect(
    "is told to the visitors of new requests only when these cannot be begun any more",
    () =>
      Effect.gen(function* () {
        // The heartbeats of many links share a wake-up, so that a link is given up some time after 30 s.
        const { begun, network, relay } = yield* setting("stream", {
          responseTimeout: "40 seconds",
        })
        network.forget()
        const old = yield* Harness.open(relay, "/servers/demo/old", { method: "POST", body: "x" })
        yield* Harness.turns(50)
        yield* TestClock.adjust(14_500)
        yield* Harness.turns(50)
        yield* TestClock.adjust(14_500)
        const young = yield* Harness.open(relay, "/servers/demo/young", {
          method: "POST",
          body: "x",
        })
        yield* Harness.turns(50)
        let isTold = false
        yield* Effect.forkScoped(
          Effect.map(young.head, () => {
            isTold = true
          }),
        )
        yield* Harness.advanceUntil(
          "the link is closed",
          () => relay.status("demo").transports.length === 0,
        )
        assert.strictEqual((yield* old.head).status, 502)
        yield* Harness.turns(50)
        assert.isFalse(isTold)
        yield* TestClock.adjust(2_000)
        assert.strictEqual((yield* young.head).status, 502)
        assert.deepStrictEqual(begun, [])
      }),
  )
})
