/**
 * A balancer in front of several relays, as operators have them: it passes each
 * connection on to one of those that it finds in order.
 */
import * as net from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Seeded } from "./Seeded.ts"

/** See the file's header. */
export interface Balancer {
  /** `http://HOST:PORT`. */
  readonly url: string
  /** Where connections go: any of these, none to those that are removed. */
  readonly targets: Set<{ readonly host: string; readonly port: number }>
}

/** Starts one on a free port. */
export const balancer = (seed = 1): Effect.Effect<Balancer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const random = new Seeded(seed)
    const targets: Balancer["targets"] = new Set()
    const sockets = new Set<net.Socket>()
    const server = net.createServer((socket) => {
      const all = [...targets]
      const target = all[random.int(0, all.length - 1)]
      socket.on("error", () => {})
      if (target === undefined) return void socket.destroy()
      const onward = net.connect(target)
      for (const [one, other] of [
        [socket, onward],
        [onward, socket],
      ] as const) {
        sockets.add(one)
        one.on("error", () => other.destroy())
        one.on("close", () => {
          sockets.delete(one)
          other.destroy()
        })
        one.pipe(other)
      }
    })
    yield* Effect.acquireRelease(
      Effect.promise(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))),
      () =>
        Effect.sync(() => {
          server.close()
          for (const socket of sockets) socket.destroy()
        }),
    )
    const { port } = server.address() as net.AddressInfo
    return { targets, url: `http://127.0.0.1:${port}` }
  })
