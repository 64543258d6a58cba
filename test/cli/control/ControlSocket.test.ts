/**
 * Which relay listens on a socket for commands.
 */
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import * as ControlSocket from "../../../src/cli/control/ControlSocket.ts"
import * as RuntimeFolder from "../../../src/cli/control/RuntimeFolder.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "ptth-control-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true })),
)

it.effect("a relay says which configuration it has", () =>
  Effect.gen(function* () {
    const path = yield* folder
    yield* ControlSocket.serve(path, (question) => Effect.succeed({ config: `of ${question}` }))
    const socket = join(path, RuntimeFolder.controlName)
    assert.strictEqual(yield* ControlSocket.configOf(socket), "of about")
    assert.isUndefined(yield* ControlSocket.configOf(`${socket}.none`))
  }).pipe(Effect.scoped),
)

it.effect("a relay that is suspended is not waited for", () =>
  Effect.gen(function* () {
    const path = join(yield* folder, "silent.sock")
    const server = createServer().listen(path)
    const asked = once(server, "connection")
    const config = yield* Effect.forkChild(ControlSocket.configOf(path))
    const [socket] = (yield* Effect.promise(() => asked)) as [Socket]
    yield* TestClock.adjust("1 second")
    assert.isUndefined(yield* Fiber.join(config))
    socket.destroy()
    server.close()
  }).pipe(Effect.scoped),
)
