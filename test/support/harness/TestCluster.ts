/**
 * Relays that serve as one: real relays on real sockets for visitors and servers,
 * which know each other over connections in memory that a test can break.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { type Member, Membership } from "../../../src/cluster/Membership.ts"
import { Peers, type PeersShape } from "../../../src/cluster/Peers.ts"
import * as PeerMesh from "../../../src/cluster/peers/PeerMesh.ts"
import type { PeerNetworkError } from "../../../src/cluster/peers/PeerNetwork.ts"
import type { ServerName } from "../../../src/domain/ServerName.ts"
import type { BindError } from "../../../src/transport/front/NodeFront.ts"
import { MemoryNetwork } from "../MemoryNetwork.ts"
import { type RelayOptions, relay, type TestRelay } from "./TestRelay.ts"
import { until } from "./Waiting.ts"

/** One relay of a cluster. */
export interface ClusterRelay extends TestRelay {
  readonly id: string
  readonly peers: PeersShape
  /** Ends it at once, as if its process were killed. */
  readonly kill: Effect.Effect<void>
}

/** See the file's header. */
export interface TestCluster {
  readonly network: MemoryNetwork
  readonly relays: ReadonlyArray<ClusterRelay>
  /** Starts another one, or one of the same id again. */
  readonly start: (
    id: string,
    more?: Partial<PeerMesh.PeerMeshOptions>,
  ) => Effect.Effect<ClusterRelay, BindError | PeerNetworkError, Scope.Scope>
}

/** The address of a relay in the cluster's network. */
export const peerAt = (id: string): string => `tcp:${id}:1`

/**
 * What a relay of a cluster has of the others, in a Scope of its own that `kill` closes; the machine
 * of `a.0` is `a`.
 */
export const clusterMember = Effect.fnUntraced(function* (
  network: MemoryNetwork,
  members: ReadonlyArray<Member>,
  id: string,
  more: Partial<PeerMesh.PeerMeshOptions> = {},
) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const mesh = PeerMesh.layer({
    id,
    machine: id.split(".")[0] ?? id,
    program: "test",
    digest: () => "",
    slot: () => 0,
    network: network.of(id),
    listen: [peerAt(id)],
    ...more,
  }).pipe(Layer.provide(Membership.layerFixed(members)))
  const peers = Context.get(yield* Layer.buildWithScope(mesh, scope), Peers)
  const kill = Effect.suspend(() => {
    network.cut(peerAt(id))
    network.leave(id)
    return Scope.close(scope, Exit.void)
  })
  return { scope, peers, kill }
})

/** Waits until each relay is connected to all others. */
export const knowEachOther = (
  relays: ReadonlyArray<{ readonly peers: PeersShape }>,
): Effect.Effect<void> =>
  until("the relays know each other", () =>
    relays.every(
      ({ peers }) =>
        peers.list().filter(({ state }) => state === "up").length === relays.length - 1,
    ),
  )

/** Starts relays that know each other. */
export const cluster = Effect.fnUntraced(function* (
  ids: ReadonlyArray<string>,
  options: RelayOptions | ((id: string) => RelayOptions) = {},
) {
  const network = new MemoryNetwork()
  const members = ids.map((id) => ({ id, at: peerAt(id) }))
  const start: TestCluster["start"] = Effect.fnUntraced(function* (id, more = {}) {
    const slot = () => ids.indexOf(id) + 1
    const { kill, peers, scope } = yield* clusterMember(network, members, id, { slot, ...more })
    const started = yield* relay(typeof options === "function" ? options(id) : options).pipe(
      Effect.provideService(Peers, peers),
      Scope.provide(scope),
    )
    return { ...started, id, peers, kill }
  })
  const relays = yield* Effect.forEach(ids, (id) => start(id))
  yield* knowEachOther(relays)
  const made: TestCluster = { network, relays, start }
  return made
})

/** Waits until a relay knows that others have so many links of a server. */
export const knowsLinks = (relay: ClusterRelay, name: string, count: number): Effect.Effect<void> =>
  until(
    `${relay.id} knows of ${count} links of ${name}`,
    () => relay.peers.holders(name as ServerName).flatMap(({ links }) => links).length === count,
  )
