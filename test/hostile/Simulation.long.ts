/**
 * The same model test as in `Simulation.test.ts` by many more seeds: PTTH_SEEDS of
 * them (5000), from PTTH_FIRST_SEED (1000) on. It says how many ran in a minute.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { vi } from "vitest"
import { runSeeds } from "../support/model/TunnelModel.ts"
import { seedsFrom } from "../support/Seeded.ts"

vi.mock("../../src/transport/runtime/Deadlines.ts", async (load) =>
  (await import("../support/CountedDeadlines.ts")).mock(load),
)

const count = Number(process.env.PTTH_SEEDS ?? 5_000)
const first = Number(process.env.PTTH_FIRST_SEED ?? 1_000)

describe("a simulated relay and its servers", () => {
  it.effect(
    `answer rightly or say so in ${count} runs`,
    () =>
      Effect.gen(function* () {
        const since = process.hrtime.bigint()
        const { system, user } = process.threadCpuUsage()
        assert.deepStrictEqual(yield* runSeeds(seedsFrom(first, count)), [])
        const minutes = Number(process.hrtime.bigint() - since) / 6e10
        const used = process.threadCpuUsage()
        const busy = (used.user + used.system - user - system) / 6e7
        process.stdout.write(
          `${Math.round(count / minutes)} runs a minute, ` +
            `${Math.round(count / busy)} in a minute of the processor\n`,
        )
      }),
    3_600_000,
  )
})
