/**
 * An application that is asked whether it is there.
 */
import { once } from "node:events"
import { createServer } from "node:net"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import * as OriginProbe from "../../../src/cli/serve/OriginProbe.ts"
import { fixedPort } from "../../support/FixedPort.ts"

it.effect("is told of once while nothing listens, and again when it does", () =>
  Effect.gen(function* () {
    const server = createServer((socket) => socket.destroy())
    const port = yield* Effect.promise(() => fixedPort())
    const told: Array<string> = []
    let wasDown: () => void = () => {}
    const log = {
      watch: (handler: never) => handler,
      cut: () => {},
      down: ({ detail }: { readonly detail: string }) => {
        told.push(detail)
        wasDown()
      },
      up: () => told.push("up"),
    }
    const down = new Promise<void>((resolve) => {
      wasDown = resolve
    })
    const place = { host: "127.0.0.1", port, name: `127.0.0.1:${port}` }
    const probe = yield* Effect.forkChild(OriginProbe.untilUp(place, log as never))
    yield* Effect.promise(() => down)
    assert.deepStrictEqual(told, [`nothing answers at 127.0.0.1:${port} (ECONNREFUSED)`])
    server.listen(port, "127.0.0.1")
    yield* Effect.promise(() => once(server, "listening"))
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(probe)
    assert.strictEqual(told.at(-1), "up")
    server.close()
  }),
)
