/**
 * The connections between relays that serve as one, on a simulated network.
 */
import * as Effect from "effect/Effect"
import { type PeerNetwork, PeerNetworkError } from "../../src/cluster/peers/PeerNetwork.ts"
import type { SimulatedNetwork } from "./SimulatedNetwork.ts"

/** The address of a relay that listens for the others on a port. */
export const addressOf = (port: number): string => `tcp:relay:${port}`

const portOf = (at: string): number => Number(at.slice(at.lastIndexOf(":") + 1))

/** The network as the relay of this host uses it. */
export const peerNetwork = (network: SimulatedNetwork, host: string): PeerNetwork => ({
  connect: (at, done) => {
    const socket = network.connect(host, portOf(at))
    let isWanted = true
    socket.on("error", () => {})
    setImmediate(() => {
      if (!isWanted) return
      if (socket.destroyed) done(new PeerNetworkError({ at, detail: "ECONNREFUSED" }))
      else done(socket)
    })
    return () => {
      isWanted = false
      socket.destroy()
    }
  },
  listen: (at, accept) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const stop = network.listenAt(portOf(at), (socket) => accept({ socket, host: "" }))
        return { at, stop }
      }),
      ({ stop }) => Effect.sync(stop),
    ).pipe(Effect.map(({ at }) => at)),
})
