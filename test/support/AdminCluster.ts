/**
 * Relays that serve as one, each with its administrator's side, in one process.
 *
 *     const [a, b] = yield* AdminCluster.start(["a", "b"], AdminCluster.attic)
 *     yield* AdminCluster.visited([a, b])
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { Peers, type PeersShape } from "../../src/cluster/Peers.ts"
import { tripcodeOfText } from "../../src/domain/ApiKey.ts"
import type { ServerName } from "../../src/domain/ServerName.ts"
import * as AdminControl from "../../src/protocol/peer/AdminControl.ts"
import { type AdminRelay, adminRelay } from "./AdminHarness.ts"
import * as Harness from "./Harness.ts"
import { MemoryNetwork } from "./MemoryNetwork.ts"

/** Authenticates scripts at all relays. */
export const token = "a-token-for-the-administrator"

const config = `admin_listen = "127.0.0.1:0"
admin_token = "${tripcodeOfText(token)}"
access_log = "off"
`

/** Configuration of a server whose requests are inspected. */
export const attic = `[[servers]]
name = "attic"
tripcode = "${tripcodeOfText(Harness.keyOf("attic"))}"
inspect = true
`

/** A relay of several. */
export interface AdminPeer extends AdminRelay {
  readonly id: string
  readonly peers: PeersShape
  readonly kill: Effect.Effect<void>
  /** It stays connected, and answers no administrator at another relay any more. */
  readonly fallSilent: Effect.Effect<void>
}

/**
 * Starts relays that know each other. The machine is what stands before the dot
 * of an id; relay `c` has another configuration than the others.
 *
 * @param text added to the configuration of each
 * @param absent ids of relays that are expected and never come
 */
export const start = Effect.fnUntraced(function* (
  ids: ReadonlyArray<string>,
  text: string,
  absent: ReadonlyArray<string> = [],
) {
  const network = new MemoryNetwork()
  const members = [...ids, ...absent].map((id) => ({ at: Harness.peerAt(id) }))
  const relays = yield* Effect.forEach(ids, (id) =>
    Effect.gen(function* () {
      const { kill, peers, scope } = yield* Harness.clusterMember(network, members, id, {
        program: "9.9.9",
        digest: () => (id === "c" ? "another" : "same"),
      })
      const relay = yield* adminRelay(config + text).pipe(
        Effect.provideService(Peers, peers),
        Scope.provide(scope),
      )
      const fallSilent = Effect.sync(() => peers.onControl(AdminControl.report, () => Effect.never))
      const peer: AdminPeer = { ...relay, id, peers, kill, fallSilent }
      return peer
    }),
  )
  yield* Harness.knowEachOther(relays)
  return relays as unknown as readonly [AdminPeer, AdminPeer, AdminPeer]
})

/** A server with its link at the first relay, and a request at each. */
export const visited = Effect.fnUntraced(function* (relays: ReadonlyArray<AdminPeer>) {
  const [first] = relays as [AdminPeer]
  yield* Harness.serverAt(first.relay.url, "attic", Harness.echo, {
    transport: "stream",
    connections: 1,
  })
  for (const relay of relays) {
    yield* Harness.until("it knows the link", () => {
      const held = relay.peers.holders("attic" as ServerName).length
      return relay === first || held === 1
    })
    yield* Harness.visit(relay.relay, `/servers/attic/at-${relay.id}`, {
      method: "POST",
      body: "hello",
    })
  }
})
