/**
 * A TCP proxy between a server and its relay, for networks that delay or forget:
 * what the relay sends is held back and comes late, in order; or the connections
 * that are open fall silent for ever, as behind a NAT that has forgotten them.
 */
import { once } from "node:events"
import * as net from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { TestRelay } from "./Harness.ts"

/** See the file's header. */
export interface HeldProxy {
  /** `http://HOST:PORT`. */
  readonly url: string
  /** How many connections have come. */
  readonly connections: () => number
  /** How many bytes of the relay are held back. */
  readonly heldBytes: () => number
  /** Holds back what the relay sends from now on. */
  readonly hold: () => void
  /** Passes on what was held back, and what follows. */
  readonly release: () => void
  /** Silences the connections that are open; new ones work. */
  readonly forget: () => void
}

interface Passage {
  readonly near: net.Socket
  readonly far: net.Socket
}

/** Starts one on a free port. */
export const heldProxy = (relay: TestRelay): Effect.Effect<HeldProxy, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const passages = new Set<Passage>()
      let isHeld = false
      let count = 0
      let held: Array<() => void> = []
      let heldBytes = 0
      const server = net.createServer((near) => {
        const far = net.connect(relay.port, relay.host)
        const passage = { near, far }
        passages.add(passage)
        count += 1
        for (const socket of [near, far]) socket.on("error", () => {})
        near.on("data", (bytes: Buffer) => {
          if (passages.has(passage)) far.write(bytes)
        })
        near.on("close", () => {
          if (passages.has(passage)) far.destroy()
        })
        const later = (bytes: number, act: () => void): void => {
          if (!passages.has(passage)) return
          if (!isHeld) return act()
          heldBytes += bytes
          held.push(act)
        }
        far.on("data", (bytes: Buffer) => later(bytes.length, () => near.write(bytes)))
        far.on("close", () => later(0, () => near.destroy()))
      })
      server.listen(0, "127.0.0.1")
      await once(server, "listening")
      const { port } = server.address() as net.AddressInfo
      const all: Array<net.Socket> = []
      server.on("connection", (socket) => all.push(socket))
      const proxy: HeldProxy = {
        url: `http://127.0.0.1:${port}`,
        connections: () => count,
        heldBytes: () => heldBytes,
        hold: () => {
          isHeld = true
        },
        release: () => {
          isHeld = false
          heldBytes = 0
          for (const act of held.splice(0)) act()
        },
        forget: () => passages.clear(),
      }
      return {
        proxy,
        close: () => {
          held = []
          for (const { far } of passages) far.destroy()
          for (const socket of all) socket.destroy()
          server.close()
        },
      }
    }),
    ({ close }) => Effect.sync(close),
  ).pipe(Effect.map(({ proxy }) => proxy))
