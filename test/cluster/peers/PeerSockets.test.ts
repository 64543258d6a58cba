import { existsSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Duplex } from "node:stream"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { PeerNetworkError } from "../../../src/cluster/peers/PeerNetwork.ts"
import { network } from "../../../src/cluster/peers/PeerSockets.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const connect = (at: string): Effect.Effect<Duplex | PeerNetworkError> =>
  Effect.callback((resume) => {
    network.connect(at, (socket) => resume(Effect.succeed(socket)))
  })

const at = (name = "m1.0.sock"): { readonly path: string; readonly at: string } => {
  const path = join(temporaryFolder(), name)
  return { path, at: `unix:${path}` }
}

describe.skipIf(process.platform === "win32")("a unix socket between relays", () => {
  it.effect("carries bytes, and is gone at the end", () =>
    Effect.gen(function* () {
      const { at: address, path } = at()
      yield* Effect.gen(function* () {
        const taken = yield* network.listen(address, ({ host, socket }) => {
          assert.strictEqual(host, "")
          socket.pipe(socket)
        })
        assert.strictEqual(taken, address)
        const socket = (yield* connect(address)) as Duplex
        const answer = new Promise((resolve) => socket.once("data", (data) => resolve(`${data}`)))
        socket.write("hello")
        assert.strictEqual(yield* Effect.promise(() => answer), "hello")
        socket.destroy()
      }).pipe(Effect.scoped)
      assert.isFalse(existsSync(path))
      assert.instanceOf(yield* connect(address), PeerNetworkError)
    }),
  )

  it.effect("is for this user only, whatever the umask", () =>
    Effect.gen(function* () {
      const { at: address, path } = at()
      const mask = process.umask(0)
      yield* network.listen(address, ({ socket }) => socket.destroy())
      process.umask(mask)
      assert.strictEqual(statSync(path).mode & 0o077, 0)
    }).pipe(Effect.scoped),
  )

  it.effect("takes the place of one that a killed process left", () =>
    Effect.gen(function* () {
      const { at: address, path } = at()
      writeFileSync(path, "")
      yield* network.listen(address, ({ socket }) => socket.destroy())
      assert.isTrue(statSync(path).isSocket())
    }).pipe(Effect.scoped),
  )

  it.effect("cannot be made in a folder that does not exist", () =>
    Effect.gen(function* () {
      const { at: address } = at("missing/m1.0.sock")
      const error = yield* Effect.flip(network.listen(address, () => {}))
      assert.include(error.message, address)
    }).pipe(Effect.scoped),
  )
})
