/**
 * Relays that connect to each other in memory. A test can break the connections
 * of an address, hold back what they carry, and refuse new ones.
 *
 *     const network = new MemoryNetwork()
 *     PeerMesh.layer({ network: network.of("a"), listen: ["tcp:a:1"], … })
 *     network.cut("tcp:a:1")
 */
import { type Duplex, duplexPair } from "node:stream"
import * as Effect from "effect/Effect"
import {
  type AcceptedPeer,
  type PeerNetwork,
  PeerNetworkError,
} from "../../src/cluster/peers/PeerNetwork.ts"

interface Connection {
  /** The name of the relay that opened it. */
  readonly from: string
  readonly at: string
  readonly ends: ReadonlyArray<Duplex>
}

/** See the file's header. */
export class MemoryNetwork {
  private readonly listeners = new Map<string, (peer: AcceptedPeer) => void>()
  private readonly connections = new Set<Connection>()
  private readonly unreachable = new Set<string>()

  /** The network as the relay of this name uses it. */
  of(from: string): PeerNetwork {
    return {
      connect: (at, done) => this.connect(from, at, done),
      listen: (at, accept) => this.listen(at, accept),
    }
  }

  private connect(
    from: string,
    at: string,
    done: (socket: Duplex | PeerNetworkError) => void,
  ): () => void {
    let isWanted = true
    setImmediate(() => {
      if (!isWanted) return
      const accept = this.unreachable.has(at) ? undefined : this.listeners.get(at)
      if (accept === undefined)
        return done(new PeerNetworkError({ at, detail: "nobody listens there" }))
      const [near, far] = duplexPair()
      const connection = { from, at, ends: [near, far] }
      this.connections.add(connection)
      for (const end of connection.ends) {
        end.on("error", () => {})
        end.once("close", () => {
          this.connections.delete(connection)
          for (const other of connection.ends) other.destroy()
        })
      }
      accept({ socket: far, host: "" })
      done(near)
    })
    return () => {
      isWanted = false
    }
  }

  private listen(at: string, accept: (peer: AcceptedPeer) => void) {
    return Effect.acquireRelease(
      Effect.sync(() => {
        this.listeners.set(at, accept)
        return at
      }),
      () => Effect.sync(() => this.listeners.delete(at)),
    )
  }

  /** Breaks the connections to an address, and refuses new ones until {@link restore}. */
  cut(at: string): void {
    this.unreachable.add(at)
    for (const connection of [...this.connections])
      if (connection.at === at) for (const end of connection.ends) end.destroy()
  }

  /** Breaks the connections that a relay opened, by the name in its address. */
  leave(id: string): void {
    for (const connection of [...this.connections])
      if (connection.from === id) for (const end of connection.ends) end.destroy()
  }

  /** Delivers nothing in either direction of the connections to an address, until {@link release}. */
  hold(at: string): void {
    for (const connection of this.connections)
      if (connection.at === at) for (const end of connection.ends) end.pause()
  }

  /** Delivers what was held. */
  release(at: string): void {
    for (const connection of this.connections)
      if (connection.at === at) for (const end of connection.ends) end.resume()
  }

  /** Accepts connections to an address again. */
  restore(at: string): void {
    this.unreachable.delete(at)
  }
}
