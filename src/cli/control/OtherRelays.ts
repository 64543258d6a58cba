/**
 * The relays of other machines, as `ptth relay peers` shows them.
 */
import type { PeersShape, PeerView } from "../../cluster/Peers.ts"
import type * as ControlSocket from "./ControlSocket.ts"

const withoutScheme = (at: string): string => at.replace(/^tcp:/, "")

const problemOf = (peers: PeersShape, at: string): { readonly problem?: string } => {
  const problem = peers.failure(at)
  return problem === undefined ? {} : { problem }
}

const viewOf = (peers: PeersShape, view: PeerView): ControlSocket.Peer => ({
  id: view.id,
  address: withoutScheme(view.address),
  version: view.program,
  state: view.state === "up" && view.isDraining ? "draining" : view.state,
  since: view.since,
  links: view.links,
  ...(view.state === "up" ? { roundTrip: view.roundTrip } : problemOf(peers, view.address)),
})

/** Those that were ever connected, by their ids, then the addresses of those that were never reached. */
export const list = (peers: PeersShape): ReadonlyArray<ControlSocket.Peer> => [
  ...peers
    .list()
    .filter(({ machine }) => machine !== peers.self.machine)
    .sort((one, other) => (one.id < other.id ? -1 : 1))
    .map((view) => viewOf(peers, view)),
  ...peers.unreached().map((at) => ({
    id: "-",
    address: withoutScheme(at),
    version: "",
    state: "unreached",
    ...problemOf(peers, at),
  })),
]
