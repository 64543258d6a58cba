/**
 * A relay of several as the pages and the API show it.
 */
import { isExpected, type PeersShape, type PeerView } from "../../cluster/Peers.ts"
import type { RelayReport } from "../../protocol/peer/AdminControl.ts"
import type { RelayAnswers } from "./Relays.ts"

/** See the file's header. */
export interface RelayView {
  readonly id: string
  readonly machine: string
  readonly worker: number | undefined
  /** Where others reach it; `undefined` for the one that tells this. */
  readonly address: string | undefined
  /** The version of its program. */
  readonly program: string
  /** Since when it is in this state, in milliseconds since 1970; for the one that tells this, since its start. */
  readonly since: number
  /** In milliseconds; `undefined` as above, or without a connection. */
  readonly roundTrip: number | undefined
  /** `silent`: it is connected, and did not answer; `stopped`: it drained and ended. */
  readonly state: "self" | "up" | "draining" | "silent" | "dialling" | "gone" | "stopped"
  /** Links of servers that it has. */
  readonly links: number
  /** Whether its configuration is another one than that of the relay that tells this. */
  readonly differs: boolean
  /** Whether no request hops to it, since it has no version of the hop in common. */
  readonly isApart: boolean
  /** `undefined` if it did not answer. */
  readonly engine: RelayReport["engine"] | undefined
  /** What is wrong with the files of its configuration. */
  readonly problem: string | undefined
}

const stateOf = (
  { isDraining, state }: PeerView,
  report: RelayReport | undefined,
): RelayView["state"] => {
  if (state !== "up") return state === "gone" && isDraining ? "stopped" : state
  if (report === undefined) return "silent"
  return isDraining ? "draining" : "up"
}

const linksOf = ({ servers }: RelayReport): number =>
  servers.reduce((sum, { transports }) => sum + transports.length, 0)

const peerView = (peer: PeerView, report: RelayReport | undefined, digest: string): RelayView => ({
  id: peer.id,
  machine: peer.machine,
  worker: peer.worker,
  address: peer.address,
  program: peer.program,
  since: peer.since,
  roundTrip: peer.state === "up" ? peer.roundTrip : undefined,
  state: stateOf(peer, report),
  links: report === undefined ? peer.links : linksOf(report),
  differs: peer.digest !== digest,
  isApart: peer.state === "up" && !peer.takesHops,
  engine: report?.engine,
  problem: report?.config.problem?.message,
})

const ownView = (report: RelayReport): RelayView => ({
  id: report.id,
  machine: report.machine,
  worker: report.worker,
  address: undefined,
  program: report.program,
  since: report.startedAt,
  roundTrip: undefined,
  state: "self",
  links: linksOf(report),
  differs: false,
  isApart: false,
  engine: report.engine,
  problem: report.config.problem?.message,
})

/** All relays, this one first. */
export const viewRelays = (
  { answers }: RelayAnswers<RelayReport>,
  peers: PeersShape,
): ReadonlyArray<RelayView> => {
  const reports = new Map(answers.map(({ relay, value }) => [relay.id, value]))
  const own = reports.get(peers.self.id)
  const digest = peers.self.digest()
  return [
    ...(own === undefined ? [] : [ownView(own)]),
    ...peers
      .list()
      .filter(isExpected)
      .map((peer) => peerView(peer, reports.get(peer.id), digest))
      .sort((one, other) => (one.id < other.id ? -1 : 1)),
  ]
}
