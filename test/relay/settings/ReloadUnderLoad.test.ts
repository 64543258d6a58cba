/**
 * Another configuration comes into force while requests run, and none of them
 * notices.
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Harness from "../../support/Harness.ts"

for (const transport of ["stream", "classic"] as const) {
  it.live(`a reload drops no request that ${transport} carries`, () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["app"], shutdownGrace: "5 seconds" })
      yield* Harness.server(relay, "app", Harness.echo, { transport })
      const reload = (i: number) =>
        relay.change({
          servers: i % 20 === 0 ? ["app"] : ["other", "app"],
          config: {
            maxQueue: 200 + (i % 7),
            maxRequests: i % 30 === 0 ? undefined : 1000,
            requestsPerSecondPerAddress: i % 20 === 0 ? undefined : 10_000,
          },
        })
      const body = "x".repeat(20_000)
      const answers = yield* Effect.forEach(
        Array.from({ length: 120 }, (_, i) => i),
        (i) =>
          Effect.andThen(
            i % 10 === 0 ? reload(i) : Effect.void,
            Harness.visit(relay, `/servers/app/${i}`, i % 2 === 0 ? {} : { method: "POST", body }),
          ),
        { concurrency: 20 },
      )
      for (const [i, { header, status, text }] of answers.entries()) {
        assert.strictEqual(status, 200)
        assert.strictEqual(header("x-target"), `/${i}`)
        assert.strictEqual(text, i % 2 === 0 ? "" : body)
      }
      assert.strictEqual(relay.events().filter(({ _tag }) => _tag === "ServerConnected").length, 1)
    }).pipe(Effect.scoped),
  )
}
