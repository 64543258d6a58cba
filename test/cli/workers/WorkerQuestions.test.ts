/**
 * How a supervisor asks its workers, and other relays through them.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import type { WorkerView } from "../../../src/cli/workers/Supervisor.ts"
import type * as WorkerMessage from "../../../src/cli/workers/WorkerMessage.ts"
import { WorkerQuestions } from "../../../src/cli/workers/WorkerQuestions.ts"
import type { PeerView } from "../../../src/cluster/Peers.ts"
import { controlKind } from "../../../src/protocol/peer/PeerControl.ts"

const double = controlKind("double", Schema.Finite, Schema.Finite)

const peerOf = (id: string, machine: string, state: PeerView["state"]): PeerView => ({
  id,
  machine,
  worker: undefined,
  address: "tcp:127.0.0.1:1",
  program: "1",
  since: 0,
  roundTrip: 2,
  state,
  isDraining: false,
  digest: "d",
  takesHops: true,
  slot: 1,
  links: 3,
})

const workerOf = (number: number, state: WorkerView["state"]): WorkerView => ({
  number,
  pid: 100 + number,
  since: 0,
  state,
})

/** A supervisor of these workers, and what it has sent to each. */
const supervising = (workers: ReadonlyArray<WorkerView>) => {
  const sent: Array<readonly [number, WorkerMessage.ToWorker]> = []
  const questions = new WorkerQuestions({
    self: {
      id: "m",
      machine: "m",
      worker: undefined,
      slot: () => 0,
      program: "1",
      digest: () => "d",
    },
    folder: "/run/ptth",
    workers: () => workers,
    versionOf: () => "1",
    send: (number, message) => sent.push([number, message]),
  })
  return { questions, sent }
}

describe("a supervisor's questions", () => {
  it.effect("go to the worker itself, and to another machine by a worker that is connected", () =>
    Effect.gen(function* () {
      const { questions, sent } = supervising([workerOf(0, "ready"), workerOf(1, "ready")])
      questions.onMessage(0, {
        kind: "peers",
        peers: [peerOf("n", "n", "gone")],
        unreached: ["x", "y"],
      })
      questions.onMessage(1, {
        kind: "peers",
        peers: [peerOf("n", "n", "up")],
        unreached: ["y"],
        failures: { y: "ECONNREFUSED" },
      })
      const { peers } = questions
      assert.deepStrictEqual(
        peers.list().map(({ id, state }) => [id, state]),
        [
          ["m.0", "up"],
          ["m.1", "up"],
          ["n", "up"],
        ],
      )
      assert.deepStrictEqual(peers.unreached(), ["y"])
      assert.deepStrictEqual(["x", "y"].map(peers.failure), [undefined, "ECONNREFUSED"])
      for (const [to, by] of [
        ["m.0", 0],
        ["n", 1],
      ] as const) {
        const asking = yield* Effect.forkChild(peers.ask(to, double, 2, 1_000))
        yield* Effect.yieldNow
        const [number, message] = sent.at(-1) ?? []
        assert.strictEqual(number, by)
        assert.deepInclude(message, { kind: "ask", to, what: "double", body: 2 })
        const id = message?.kind === "ask" ? message.id : 0
        questions.onMessage(1 - by, { kind: "answer", id, body: 5 })
        questions.onMessage(by, { kind: "answer", id, body: 4 })
        assert.strictEqual(yield* Fiber.join(asking), 4)
      }
    }),
  )

  it.effect("are forgotten once they are answered", () =>
    Effect.gen(function* () {
      const { questions, sent } = supervising([workerOf(0, "ready")])
      const open: ReadonlyMap<number, unknown> = Reflect.get(questions, "questions")
      const asking = yield* Effect.forkChild(questions.peers.ask("m.0", double, 2, 1_000))
      yield* Effect.yieldNow
      assert.strictEqual(open.size, 1)
      const [, message] = sent.at(-1) ?? []
      const id = message?.kind === "ask" ? message.id : 0
      questions.onMessage(0, { kind: "answer", id, body: 4 })
      yield* Fiber.join(asking)
      assert.strictEqual(open.size, 0)
    }),
  )

  it.effect("fail when the worker ends, refuses, or does not answer in time", () =>
    Effect.gen(function* () {
      const { questions, sent } = supervising([workerOf(0, "ready"), workerOf(1, "starting")])
      const reasonOf = (then: Effect.Effect<void>) =>
        Effect.gen(function* () {
          const asking = yield* Effect.forkChild(questions.peers.ask("m.0", double, 2, 1_000))
          yield* Effect.yieldNow
          yield* then
          return yield* Effect.map(Fiber.await(asking), (exit) =>
            Exit.isFailure(exit) ? JSON.stringify(exit.cause) : "",
          )
        })
      assert.include(yield* reasonOf(Effect.sync(() => questions.ended(0))), "lost")
      const refuse = Effect.sync(() => {
        const [, message] = sent.at(-1) ?? []
        if (message?.kind === "ask")
          questions.onMessage(0, { kind: "answer", id: message.id, error: "no" })
      })
      assert.include(yield* reasonOf(refuse), "failed")
      assert.include(yield* reasonOf(TestClock.adjust("1 second")), "timeout")
      const unknown = yield* Effect.flip(questions.peers.ask("m.1", double, 2, 1_000))
      assert.strictEqual(unknown.reason, "unknown")
    }),
  )
})
