/**
 * The same as in `Simulation.test.ts` by many more seeds, PTTH_SEEDS of them (500)
 * from PTTH_FIRST_SEED (1000) on, and each of three relays dying at every moment
 * of a request.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { vi } from "vitest"
import { moments, relayFaults, runMoments } from "../../support/model/ClusterMoments.ts"
import { runSeeds } from "../../support/model/TunnelModel.ts"
import { seedsFrom } from "../../support/Seeded.ts"

vi.mock("../../../src/transport/runtime/Deadlines.ts", async (load) =>
  (await import("../../support/CountedDeadlines.ts")).mock(load),
)

const count = Number(process.env.PTTH_SEEDS ?? 500)
const first = Number(process.env.PTTH_FIRST_SEED ?? 1_000)
const seeds = seedsFrom(first, count)

describe("three simulated relays that serve as one", () => {
  it.effect(
    `answer rightly or say so in ${count} runs`,
    () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* runSeeds(seeds, { relays: 3 }), [])
      }),
    3_600_000,
  )

  it.effect(
    `answer every GET whose own relay stays in ${count} runs`,
    () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* runSeeds(seeds, { relays: 3, kinds: relayFaults }), [])
      }),
    3_600_000,
  )

  it.effect(
    "answer a request rightly, or say so, when one of them dies at any moment of it",
    () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* runMoments(moments(1)), [])
      }),
    3_600_000,
  )
})
