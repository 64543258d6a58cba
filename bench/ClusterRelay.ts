/**
 * A relay with one peer, for the cost of a hop: run by `bench/cluster.ts` with its
 * id, the address where it listens for its peer, its peer's address and the
 * tripcode of the server. Unlike `ptth relay` it takes unix sockets as addresses,
 * so that a hop over one can be measured without a supervisor that spreads
 * visitors. CLUSTER_KEY is the key of TLS.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { apply as limitHeap } from "../src/cli/HeapPolicy.ts"
import { Membership } from "../src/cluster/Membership.ts"
import * as PeerMesh from "../src/cluster/peers/PeerMesh.ts"
import * as PeerSockets from "../src/cluster/peers/PeerSockets.ts"
import { Relay } from "../src/relay/Relay.ts"
import * as RelayOptions from "../src/relay/RelayOptions.ts"
import { RelaySettings } from "../src/relay/settings/RelaySettings.ts"

limitHeap()
const [id = "", own = "", other = "", tripcode = ""] = process.argv.slice(2)
const key = Redacted.make(process.env.CLUSTER_KEY ?? "")

const peers = PeerMesh.layer({
  id,
  machine: id,
  program: "bench",
  digest: () => "",
  slot: () => 0,
  network: PeerSockets.make(() => [key]),
  listen: [own],
}).pipe(
  Layer.provide(
    Layer.succeed(
      Membership,
      Membership.of({
        members: Stream.concat(Stream.succeed([{ at: other }]), Stream.never),
        leave: Effect.void,
      }),
    ),
  ),
)

const run = Effect.gen(function* () {
  const config = yield* RelayOptions.toConfig({
    listen: "127.0.0.1:0",
    servers: [{ name: "bench", tripcode }],
    lameDuck: Duration.zero,
    shutdownGrace: Duration.zero,
  })
  yield* Effect.gen(function* () {
    const { host, port } = yield* Relay
    process.stdout.write(`Listening http://${host}:${port}\n`)
    return yield* Effect.never
  }).pipe(
    Effect.provide(
      Relay.layer.pipe(Layer.provide(peers), Layer.provide(RelaySettings.layerStatic(config))),
    ),
  )
})

process.on("SIGTERM", () => process.exit(0))
Effect.runFork(run)
