/**
 * The relays of other machines, as `ptth relay peers` shows them.
 */
import type { PeersShape, PeerView } from "../../cluster/Peers.ts"
import type * as ControlSocket from "./ControlSocket.ts"

const withoutScheme = (at: string): string => at.replace(/^tcp:/, "")

const viewOf = (view: PeerView): ControlSocket.Peer => ({
  id: view.id,
  address: withoutScheme(view.address),
  version: view.program,
  state: view.state === "up" && view.isDraining ? "draining" : view.state,
  since: view.since,
  links: view.links,
  ...(view.state === "up" ? { roundTrip: view.roundTrip } : {}),
})

/** Those that were ever connected, by their ids, then the addresses of those that were never reached. */
export const list = (peers: PeersShape): ReadonlyArray<ControlSocket.Peer> => [
  ...peers
    .list()
    .filter(({ machine }) => machine !== peers.self.machine)
    .sort((one, other) => (one.id < other.id ? -1 : 1))
    .map(viewOf),
  ...peers
    .unreached()
    .map((at) => ({ id: "-", address: withoutScheme(at), version: "", state: "unreached" })),
]
