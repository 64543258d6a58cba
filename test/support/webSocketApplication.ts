/**
 * An application on a port of its own that accepts every WebSocket, and the
 * handler that forwards to it as `--to` does.
 */
import { once } from "node:events"
import type { IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import * as Effect from "effect/Effect"
import { type WebSocket, WebSocketServer } from "ws"
import * as Upstream from "../../src/server/upstream/Upstream.ts"

/** Sends every message back. */
export const echo = (socket: WebSocket): void => {
  socket.on("message", (message, binary) => socket.send(message, { binary }))
}

/**
 * The handler, while the Scope is open.
 *
 * @param onConnection gets each WebSocket and the request that opened it
 */
export const webSocketApplication = Effect.fnUntraced(function* (
  onConnection: (socket: WebSocket, request: IncomingMessage) => void = echo,
) {
  const server = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const acceptor = new WebSocketServer({ port: 0, host: "127.0.0.1" })
      acceptor.on("connection", onConnection)
      await once(acceptor, "listening")
      return acceptor
    }),
    (acceptor) => Effect.sync(() => acceptor.close()),
  )
  const { port } = server.address() as AddressInfo
  const upstream = Upstream.make({ origin: new URL(`http://127.0.0.1:${port}`) })
  yield* Effect.addFinalizer(() => Effect.sync(upstream.close))
  return upstream.handler
})
