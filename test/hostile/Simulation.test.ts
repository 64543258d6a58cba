/**
 * Relay, servers and visitors on a simulated network, by a clock that only the
 * test moves: every request is answered with its own body or an honest error,
 * reaches a handler at most once unless it may be repeated, ends by its deadline,
 * and leaves nothing behind. A failure names its seed.
 *
 *     PTTH_SEED=17 npx vitest run test/hostile/Simulation.test.ts
 *
 * runs that one alone and prints its course and its schedule; PTTH_TRANSPORT is
 * the failure's transport if it names one, and PTTH_SHRINK=1 leaves out what the
 * first complaint does not need, to be kept in `KeptSchedules.ts`. The long half
 * has more seeds.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { vi } from "vitest"
import type { TransportChoice } from "../../src/domain/config/ServerConfig.ts"
import { runSeeds, runTwice, TunnelModel } from "../support/model/TunnelModel.ts"
import { type Schedule, scheduleOf, shrink } from "../support/Schedule.ts"
import { seedsFrom } from "../support/Seeded.ts"
import { kept } from "./KeptSchedules.ts"

vi.mock("../../src/transport/runtime/Deadlines.ts", async (load) =>
  (await import("../support/CountedDeadlines.ts")).mock(load),
)

const only = process.env.PTTH_SEED

const complaintsOf = (schedule: Schedule): Promise<ReadonlyArray<string>> =>
  Effect.runPromise(new TunnelModel(schedule).run)

describe.skipIf(only !== undefined)("a simulated relay and its servers", () => {
  it.effect("answer everything while nothing goes wrong", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* runSeeds(seedsFrom(1, 12), { calm: true }), [])
    }),
  )

  for (const transport of ["stream", "classic", "auto"] as const)
    it.effect(`answer rightly or say so whatever goes wrong, by ${transport}`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* runSeeds(seedsFrom(1, 20), { transport }), [])
      }),
    )

  for (const { fault, schedule } of kept)
    it(`do not know any more that ${fault}`, async () => {
      assert.deepStrictEqual(await complaintsOf(schedule), [])
    })

  it.effect("take the same course for the same seed", () =>
    Effect.gen(function* () {
      for (const seed of [3, 4, 5, 6]) {
        const [first, second] = yield* runTwice(seed)
        assert.isNotEmpty(first)
        assert.deepStrictEqual(first, second)
      }
    }),
  )
})

describe.runIf(only !== undefined)("one seed", () => {
  it(`${only}`, async () => {
    const transport = process.env.PTTH_TRANSPORT as TransportChoice | undefined
    const made = scheduleOf(Number(only), transport === undefined ? {} : { transport })
    const [complaint] = await complaintsOf(made)
    // Numbers of requests change when one is left out.
    const kind = (text: string): string => text.replaceAll(/\d+/g, "")
    const schedule =
      process.env.PTTH_SHRINK === undefined || complaint === undefined
        ? made
        : await shrink(made, async (smaller) =>
            (await complaintsOf(smaller)).some((one) => kind(one) === kind(complaint)),
          )
    const model = new TunnelModel(schedule)
    const complaints = await Effect.runPromise(model.run)
    process.stdout.write(`${JSON.stringify(schedule)}\n${model.events.join("\n")}\n`)
    assert.deepStrictEqual(complaints, [])
  }, 600_000)
})
