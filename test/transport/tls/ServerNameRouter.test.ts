/**
 * Connections that a listener gives away before it ends their TLS.
 */
import { once } from "node:events"
import * as net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ServerNameRouter from "../../../src/transport/tls/ServerNameRouter.ts"
import { listening } from "../../support/LocalServer.ts"

/** A listener that echoes what it does not give away. */
const routing = (routes: ServerNameRouter.ServerNameRoutes) => {
  const server = net.createServer((socket) => {
    socket.on("error", () => {})
    socket.pipe(socket)
  })
  ServerNameRouter.install(server, routes, 50)
  return listening(server)
}

/** What comes back until the connection is closed. */
const said = (port: number, bytes: string, end: boolean): Effect.Effect<string> =>
  Effect.promise(async () => {
    const socket = net.connect(port, "127.0.0.1")
    socket.on("error", () => {})
    const chunks: Array<Buffer> = []
    socket.on("data", (chunk) => chunks.push(chunk as Buffer))
    socket.write(bytes)
    if (end) socket.end()
    await once(socket, "close")
    return Buffer.concat(chunks).toString("latin1")
  })

const nobody: ServerNameRouter.ServerNameRoutes = { isWanted: () => true, take: () => false }

describe("a listener that looks at connections first", () => {
  it.live("goes on with what is no TLS, and loses no byte of it", () =>
    Effect.gen(function* () {
      const port = yield* routing(nobody)
      assert.strictEqual(yield* said(port, "GET / HTTP/1.1\r\n", true), "GET / HTTP/1.1\r\n")
    }).pipe(Effect.scoped),
  )

  it.live("closes those that do not say what they want in time", () =>
    Effect.gen(function* () {
      const port = yield* routing(nobody)
      assert.strictEqual(yield* said(port, "", false), "")
      assert.strictEqual(yield* said(port, "\x16\x03\x01\x01", false), "")
    }).pipe(Effect.scoped),
  )

  it.live("does not look if nothing can be given away", () =>
    Effect.gen(function* () {
      const port = yield* routing({ isWanted: () => false, take: () => true })
      assert.strictEqual(yield* said(port, "\x16\x03\x01\x01", true), "\x16\x03\x01\x01")
    }).pipe(Effect.scoped),
  )
})
