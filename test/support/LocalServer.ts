/**
 * Servers of a test's own, on free ports of this machine.
 */
import { once } from "node:events"
import type { AddressInfo, Server } from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/**
 * Has a server listen until the Scope is closed, which also ends the connections of an HTTP server;
 * gives its port.
 */
export const listening = (
  server: Server & { closeAllConnections?: () => void },
): Effect.Effect<number, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      server.listen(0, "127.0.0.1")
      await once(server, "listening")
      return (server.address() as AddressInfo).port
    }),
    () =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections?.()
      }),
  )

/** Has a server listen as {@link listening} does; gives its address, `http://127.0.0.1:PORT`. */
export const listeningUrl = (
  server: Parameters<typeof listening>[0],
): Effect.Effect<string, never, Scope.Scope> =>
  Effect.map(listening(server), (port) => `http://127.0.0.1:${port}`)
