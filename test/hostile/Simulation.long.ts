/**
 * The same tempests as in `Simulation.test.ts` by many more seeds: PTTH_SEEDS of
 * them (1000), from PTTH_FIRST_SEED (1000) on.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { vi } from "vitest"
import { rage, seedsFrom } from "../support/Tempest.ts"

vi.mock("../../src/transport/Deadlines.ts", async (load) =>
  (await import("../support/CountedDeadlines.ts")).mock(load),
)

const count = Number(process.env.PTTH_SEEDS ?? 1_000)
const first = Number(process.env.PTTH_FIRST_SEED ?? 1_000)

describe("a simulated relay and its servers", () => {
  it.effect(
    `answer rightly or say so in ${count} tempests`,
    () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* rage(seedsFrom(first, count)), [])
      }),
    3_600_000,
  )
})
