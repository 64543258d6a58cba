/**
 * How long a relay waits for the head of a response: as long as the server's owner
 * says, unless the administrator has decided for this server.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import * as Harness from "../../support/Harness.ts"

/** Whether a visitor gets 504 in `millis` milliseconds, and still waits 200 before. */
const waitsFor = Effect.fnUntraced(function* (
  millis: number,
  transport: "stream" | "classic",
  responseMillis: number,
  options: Harness.RelayOptions,
) {
  const relay = yield* Harness.relay({ servers: ["demo"], ...options })
  let calls = 0
  const silent = Harness.handler(() => {
    calls += 1
    return Harness.never
  })
  yield* Harness.server(relay, "demo", silent, { transport, responseMillis })
  const visit = yield* Harness.open(relay, "/servers/demo/", { method: "POST", body: "x" })
  yield* Harness.until("it is served", () => calls === 1)
  let status = 0
  yield* Effect.forkScoped(
    Effect.map(visit.head, (head) => {
      status = head.status
    }),
  )
  yield* TestClock.adjust(millis - 200)
  yield* Harness.turns(50)
  assert.strictEqual(status, 0)
  yield* TestClock.adjust(400)
  assert.strictEqual((yield* visit.head).status, 504)
})

for (const transport of ["stream", "classic"] as const)
  describe(`a server over ${transport} that asks for a response timeout`, () => {
    it.effect("gets it, longer or shorter than the relay's", () =>
      Effect.gen(function* () {
        yield* waitsFor(14_000, transport, 14_000, { responseTimeout: "10 seconds" })
        yield* waitsFor(5_000, transport, 5_000, { responseTimeout: "10 seconds" })
      }),
    )

    it.effect("gets no more than the relay allows", () =>
      waitsFor(12_000, transport, 14_000, {
        responseTimeout: "10 seconds",
        config: { maxResponseTimeout: Duration.seconds(12) },
      }),
    )

    it.effect("does not get it if the administrator has decided for this server", () =>
      waitsFor(7_000, transport, 14_000, {
        servers: [{ name: "demo", responseTimeout: "7 seconds" }],
      }),
    )

    it.effect("has it from the end of the request's body on, however slow the visitor is", () =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers: ["demo"], responseTimeout: "10 seconds" })
        let received = 0
        const reading = Harness.handler(async ({ body }) => {
          await new Promise<void>((resolve) => {
            body.read({
              data: (chunk) => {
                received += chunk.length
                return true
              },
              end: () => resolve(),
              fail: () => resolve(),
            })
          })
          return Harness.never
        })
        yield* Harness.server(relay, "demo", reading, { transport })
        const visit = yield* Harness.open(relay, "/servers/demo/", {
          method: "POST",
          upload: true,
          headers: [["Transfer-Encoding", "chunked"]],
        })
        for (let i = 1; i <= 4; i++) {
          yield* Effect.sync(() => visit.request.write("x"))
          yield* Harness.until("it has come", () => received === i)
          yield* TestClock.adjust("9 seconds")
          yield* Harness.turns(20)
        }
        assert.isFalse(visit.isAnswered())
        visit.request.end()
        yield* Harness.turns(200)
        yield* TestClock.adjust("9 seconds")
        yield* Harness.turns(20)
        assert.isFalse(visit.isAnswered())
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual((yield* visit.head).status, 504)
      }),
    )

    it.effect("has it while it reads nothing of the request's body", () =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers: ["demo"], responseTimeout: "10 seconds" })
        let calls = 0
        const deaf = Harness.handler(() => {
          calls += 1
          return Harness.never
        })
        yield* Harness.server(relay, "demo", deaf, { transport })
        const visit = yield* Harness.open(relay, "/servers/demo/", {
          method: "POST",
          upload: true,
          headers: [["Transfer-Encoding", "chunked"]],
        })
        visit.request.on("error", () => {})
        visit.request.write(Buffer.alloc(16 * 1024 * 1024))
        yield* Harness.until("it is served", () => calls === 1)
        yield* Harness.turns(200)
        yield* TestClock.adjust("11 seconds")
        assert.strictEqual((yield* visit.head).status, 504)
      }),
    )

    // Classic carries no upgrades.
    if (transport === "classic") return

    it.effect("has it for an upgrade, whatever comes with it", () =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers: ["demo"], responseTimeout: "10 seconds" })
        let calls = 0
        const silent = Harness.handler(({ body }) => {
          calls += 1
          body.read({ data: () => true, end: () => {}, fail: () => {} })
          return Harness.never
        })
        yield* Harness.server(relay, "demo", silent, { transport })
        const visitor = yield* Harness.connect(relay)
        yield* Effect.sync(() =>
          visitor.write(
            `GET /servers/demo/ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n${"early".repeat(30_000)}`,
          ),
        )
        yield* Harness.until("it is served", () => calls === 1)
        yield* Harness.turns(200)
        yield* TestClock.adjust("11 seconds")
        yield* visitor.until("HTTP/1.1 504")
      }),
    )
  })
