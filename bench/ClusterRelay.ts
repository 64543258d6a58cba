/**
 * A relay with one peer, for benchmarks:
 *
 *     node ClusterRelay.ts ID OWN_ADDRESS PEER_ADDRESS TRIPCODE
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { Membership } from "../src/cluster/Membership.ts"
import * as PeerMesh from "../src/cluster/peers/PeerMesh.ts"
import * as PeerSockets from "../src/cluster/peers/PeerSockets.ts"
import { Relay } from "../src/relay/Relay.ts"
import * as RelayOptions from "../src/relay/RelayOptions.ts"

const [id = "", own = "", peer = "", tripcode = ""] = process.argv.slice(2)

const peers = PeerMesh.layer({
  id,
  machine: id,
  program: "bench",
  digest: () => "",
  slot: () => 0,
  network: PeerSockets.make([Redacted.make("a-key-of-the-benchmark-with-many-characters")]),
  listen: [own],
}).pipe(
  Layer.provide(
    Layer.succeed(
      Membership,
      Membership.of({
        members: Stream.concat(Stream.succeed([{ at: peer }]), Stream.never),
        leave: Effect.void,
      }),
    ),
  ),
)

const program = Effect.gen(function* () {
  const { host, port } = yield* Relay
  console.log(`Listening http://${host}:${port}`)
  return yield* Effect.never
}).pipe(
  Effect.provide(
    Relay.layer.pipe(
      Layer.provide(peers),
      Layer.provide(
        RelayOptions.layer({
          listen: "127.0.0.1:0",
          servers: [{ name: "bench", tripcode }],
          maxRequestsPerAddress: undefined,
          requestsPerSecondPerAddress: undefined,
        }),
      ),
    ),
  ),
  Effect.scoped,
)

process.once("SIGTERM", () => process.exit(0))
Effect.runFork(program)
