/**
 * Counts the requests that hop between this relay and its peers, by peer.
 */

import type { HopFailure } from "../../cluster/Peers.ts"

/** Why a hop has no response, as metrics name it. */
export type HopFailureReason = HopFailure | "failed" | "cancelled"

/** The hops between this relay and one peer since the relay started. */
export interface PeerHops {
  /** Requests of visitors of this relay that hopped to the peer. */
  out: number
  /** Requests of the peer's visitors that hopped here. */
  in: number
  /** Of those that hopped to the peer, how many had no response, by reason. */
  readonly failures: Map<HopFailureReason, number>
}

/** How many peers are counted; beyond that the one that was counted first is forgotten. */
const maxPeers = 256

/** See the file's header. */
export class HopCounters {
  private readonly byPeer = new Map<string, PeerHops>()

  /** All peers to or from which a request has hopped. */
  get peers(): ReadonlyMap<string, Readonly<PeerHops>> {
    return this.byPeer
  }

  /** A request hops to a peer. */
  sent(peer: string): void {
    this.of(peer).out += 1
  }

  /** A peer's request hopped here. */
  received(peer: string): void {
    this.of(peer).in += 1
  }

  /** A request that hopped to a peer has no response. */
  failed(peer: string, reason: HopFailureReason): void {
    const { failures } = this.of(peer)
    failures.set(reason, (failures.get(reason) ?? 0) + 1)
  }

  private of(peer: string): PeerHops {
    let hops = this.byPeer.get(peer)
    if (hops !== undefined) return hops
    hops = { out: 0, in: 0, failures: new Map() }
    this.byPeer.set(peer, hops)
    if (this.byPeer.size > maxPeers) this.byPeer.delete(this.byPeer.keys().next().value as string)
    return hops
  }
}
