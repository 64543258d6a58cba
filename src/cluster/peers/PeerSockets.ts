/**
 * Connections between relays over sockets: unix sockets between the workers of a
 * machine.
 */
import { rmSync } from "node:fs"
import * as net from "node:net"
import * as Effect from "effect/Effect"
import { type PeerNetwork, PeerNetworkError } from "./PeerNetwork.ts"

/** The path of `unix:/path/to.sock`. */
const pathOf = (at: string): string | undefined =>
  at.startsWith("unix:") ? at.slice("unix:".length) : undefined

const unsupported = (at: string): PeerNetworkError =>
  new PeerNetworkError({ at, detail: "it is no unix socket" })

/** Connects, and calls `done` once unless that is cancelled before. */
const connect: PeerNetwork["connect"] = (at, done) => {
  const path = pathOf(at)
  if (path === undefined) {
    done(unsupported(at))
    return () => {}
  }
  const socket = net.connect(path)
  const onError = (error: Error): void => done(new PeerNetworkError({ at, detail: error.message }))
  socket.once("error", onError)
  socket.once("connect", () => {
    socket.off("error", onError)
    done(socket)
  })
  return () => {
    socket.off("error", onError)
    socket.on("error", () => {})
    socket.destroy()
  }
}

const listen: PeerNetwork["listen"] = (at, accept) => {
  const path = pathOf(at)
  if (path === undefined) return Effect.fail(unsupported(at))
  return Effect.acquireRelease(
    Effect.callback<net.Server, PeerNetworkError>((resume) => {
      const server = net.createServer((socket) => accept({ socket, host: "" }))
      server.once("error", (error) =>
        resume(Effect.fail(new PeerNetworkError({ at, detail: error.message }))),
      )
      // Left by a process that was killed.
      rmSync(path, { force: true })
      // Nobody but this user may connect.
      const mask = process.umask(0o077)
      server.listen(path, () => resume(Effect.succeed(server)))
      process.umask(mask)
    }),
    (server) => Effect.sync(() => server.close()),
  ).pipe(Effect.as(at))
}

/** See the file's header. */
export const network: PeerNetwork = { connect, listen }
