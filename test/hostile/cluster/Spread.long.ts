/**
 * Fifty servers at three machines of two workers each, behind a balancer: after each
 * kill or restart of a machine, each server has links at two machines again, as seen by a
 * peer that only watches.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as ClusterKey from "../../../src/cluster/ClusterKey.ts"
import { Membership } from "../../../src/cluster/Membership.ts"
import { Peers } from "../../../src/cluster/Peers.ts"
import * as PeerMesh from "../../../src/cluster/peers/PeerMesh.ts"
import * as PeerSockets from "../../../src/cluster/peers/PeerSockets.ts"
import type { ServerName } from "../../../src/domain/ServerName.ts"
import { run } from "../../cli/Command.ts"
import * as Harness from "../../support/Harness.ts"
import { type Machines, machines } from "./Machines.ts"

const workers = 2
const names = Array.from({ length: 50 }, (_, i) => `server${i}`)

/** A peer without links of its own, which learns where those of the servers are. */
const observer = Effect.fnUntraced(function* ({ key, machines }: Machines) {
  const members = machines.flatMap(({ peerPort }) =>
    Array.from({ length: 2 * workers }, (_, i) => ({ at: `tcp:127.0.0.1:${peerPort + i}` })),
  )
  const mesh = PeerMesh.layer({
    id: "observer",
    machine: "observer",
    program: "test",
    digest: () => "",
    slot: () => 0,
    network: PeerSockets.make(() => Result.getOrThrow(ClusterKey.parse(key))),
    listen: [],
  }).pipe(Layer.provide(Membership.layerFixed(members)), Layer.provide(Harness.capture([])))
  const peers = Context.get(yield* Layer.build(mesh), Peers)
  peers.withdraw()
  return peers
})

describe.skipIf(process.platform === "win32")("fifty servers at three machines", () => {
  it.live("have links at two of them after every change", () =>
    Effect.gen(function* () {
      const cluster = yield* machines({ ids: ["a", "b", "c"], servers: names, workers })
      const { front, machine } = cluster
      const peers = yield* observer(cluster)
      for (const name of names)
        yield* Harness.serverAt(front.url, name, Harness.echo, { transport: "stream" })
      /** The machines with links of a server. */
      const machinesOf = (name: string): ReadonlyArray<string> => {
        const ids = peers.holders(name as ServerName).map(({ peer }) => peer.split(".")[0] ?? "")
        return [...new Set(ids)].sort()
      }
      const spread = Effect.fnUntraced(function* (change: string, up: ReadonlyArray<string>) {
        yield* Harness.until(`${change}: each server has links at two of ${up}`, () =>
          names.every((name) => machinesOf(name).filter((id) => up.includes(id)).length >= 2),
        )
      })
      const all = ["a", "b", "c"]
      yield* spread("at the start", all)
      for (const id of all) {
        front.targets.delete(machine(id))
        yield* Harness.promised(() => machine(id).kill())
        yield* spread(
          `${id} was killed`,
          all.filter((other) => other !== id),
        )
        yield* Harness.promised(() => machine(id).start())
        front.targets.add(machine(id))
        yield* Harness.promised(() => machine(id).drain(front))
        yield* spread(
          `${id} was stopped`,
          all.filter((other) => other !== id),
        )
        yield* Harness.promised(() => machine(id).start())
        front.targets.add(machine(id))
        yield* spread(`${id} is back`, all)
      }
      const { configPath, folder } = machine("a")
      const rolled = yield* Harness.promised(() =>
        run(["relay", "roll", "--config-path", configPath], { env: { XDG_RUNTIME_DIR: folder } }),
      )
      assert.strictEqual(rolled.stdout, "replaced 2 workers\n")
      yield* spread("the workers of a were replaced", all)
    }).pipe(Effect.scoped),
  )
})
