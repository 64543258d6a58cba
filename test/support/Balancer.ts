/**
 * Balancers in front of several relays, as operators have them: one passes each
 * connection on to some relay, the other each request.
 */
import * as http from "node:http"
import * as net from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { listeningUrl } from "./LocalServer.ts"
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
    const url = yield* listeningUrl(server)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        for (const socket of sockets) socket.destroy()
      }),
    )
    return { targets, url }
  })

/** Starts one that passes each request to the next relay in turn, and no upgrades. */
export const requestBalancer = (
  targets: ReadonlyArray<{ readonly url: string }>,
): Effect.Effect<{ readonly url: string }, never, Scope.Scope> =>
  Effect.gen(function* () {
    let turn = 0
    const server = http.createServer((request, response) => {
      const { headers, method, url = "/" } = request
      const target = targets[turn++ % targets.length]?.url ?? ""
      const onward = http.request(target + url, { method, headers, agent: false })
      onward.on("response", (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        response.flushHeaders()
        answer.on("error", () => response.destroy()).pipe(response)
      })
      onward.on("error", () => response.destroy())
      response.on("close", () => onward.destroy())
      request.on("error", () => onward.destroy()).pipe(onward)
    })
    return { url: yield* listeningUrl(server) }
  })
