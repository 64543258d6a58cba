import { assert, it } from "@effect/vitest"
import * as WorkerMessage from "../../../src/cli/workers/WorkerMessage.ts"
import type { PeerView } from "../../../src/cluster/Peers.ts"

const relay: PeerView = {
  id: "m2",
  machine: "m2",
  worker: undefined,
  address: "tcp:10.0.0.2:4002",
  program: "1.0.0",
  since: 1,
  roundTrip: 0.5,
  state: "up",
  isDraining: false,
  digest: "d",
  takesHops: true,
  slot: 1,
  links: 2,
}

it("a worker tells of relays of one process and of workers of other machines", () => {
  const peers = [relay, { ...relay, id: "m3.1", machine: "m3", worker: 1 }]
  const message = {
    kind: "peers",
    peers,
    unreached: ["tcp:10.0.0.4:4002"],
    failures: { "tcp:10.0.0.4:4002": "ECONNREFUSED" },
  }
  // As the IPC channel carries it.
  const received = WorkerMessage.fromWorker(JSON.parse(JSON.stringify(message)))
  assert.deepStrictEqual<unknown>(received, message)
})
