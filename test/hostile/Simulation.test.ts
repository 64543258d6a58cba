/**
 * Relay, servers and visitors on a simulated network, by a clock that only the
 * test moves: every request is answered with its own body or an honest error,
 * reaches a handler at most once unless it may be repeated, ends by its deadline,
 * and leaves nothing behind. A failure names its seed.
 *
 *     PTTH_SEED=17 npx vitest run test/hostile/Simulation.test.ts
 *
 * runs that one alone and prints its course. The long half has more seeds.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { vi } from "vitest"
import { rage, seedsFrom, Tempest } from "../support/Tempest.ts"

vi.mock("../../src/transport/Deadlines.ts", async (load) =>
  (await import("../support/CountedDeadlines.ts")).mock(load),
)

/** Seeds that have shown a fault once: a doubt about a link outlived it. */
const kept: ReadonlyArray<number> = [43, 115]

const only = process.env.PTTH_SEED

describe.skipIf(only !== undefined)("a simulated relay and its servers", () => {
  it.effect("answer everything while nothing goes wrong", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* rage(seedsFrom(1, 8), { calm: true }), [])
    }),
  )

  for (const transport of ["stream", "classic", "auto"] as const)
    it.effect(`answer rightly or say so whatever goes wrong, by ${transport}`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* rage(seedsFrom(1, 10), { transport }), [])
      }),
    )

  it.effect("have nothing left of the faults that were found by a seed", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* rage(kept), [])
    }),
  )

  it.effect("take the same course for the same seed", () =>
    Effect.gen(function* () {
      for (const seed of [3, 4]) {
        const [first, second] = [new Tempest({ seed }), new Tempest({ seed })]
        yield* first.rage
        yield* second.rage
        assert.isNotEmpty(first.events)
        assert.deepStrictEqual(first.events, second.events)
      }
    }),
  )
})

describe.runIf(only !== undefined)("one seed", () => {
  it.effect(`${only}`, () =>
    Effect.gen(function* () {
      const tempest = new Tempest({ seed: Number(only) })
      const complaints = yield* tempest.rage
      process.stdout.write(`${tempest.transport}\n${tempest.events.join("\n")}\n`)
      assert.deepStrictEqual(complaints, [])
    }),
  )
})
