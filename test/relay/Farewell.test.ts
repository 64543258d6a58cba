import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Harness from "../support/Harness.ts"

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
  }
})
