/**
 * The simulation of `../Simulation.test.ts` with three relays that serve as one,
 * behind a load balancer that gives each connection to any of them: visitor, links
 * of a stream server and each message of a classic one are at different relays.
 * Relays die at each moment of a request, and everything else goes wrong as well.
 *
 *     PTTH_SEED=17 npx vitest run test/hostile/cluster/Simulation.test.ts
 *
 * runs one seed alone and prints its course, by PTTH_TRANSPORT if that is set. A
 * relay dies every 180 ms of a request, or every PTTH_STEP ms. These are 57 runs, in
 * about five seconds; the long half has 1,000 by other seeds, and 7,560 in which a
 * relay dies, one for every millisecond.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { vi } from "vitest"
import type { TransportChoice } from "../../../src/domain/config/ServerConfig.ts"
import { moments, relayFaults, runMoments } from "../../support/model/ClusterMoments.ts"
import { runSeeds, runTwice, TunnelModel } from "../../support/model/TunnelModel.ts"
import { scheduleOf } from "../../support/Schedule.ts"
import { seedsFrom } from "../../support/Seeded.ts"

vi.mock("../../../src/transport/runtime/Deadlines.ts", async (load) =>
  (await import("../../support/CountedDeadlines.ts")).mock(load),
)

const only = process.env.PTTH_SEED

describe.skipIf(only !== undefined)("three simulated relays that serve as one", () => {
  it.effect("answer everything while nothing goes wrong", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* runSeeds(seedsFrom(1, 2), { relays: 3, calm: true }), [])
    }),
  )

  it.effect("answer every GET whose own relay stays, whichever others die or stop", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* runSeeds(seedsFrom(1, 3), { relays: 3, kinds: relayFaults }),
        [],
      )
    }),
  )

  for (const transport of ["stream", "classic", "auto"] as const)
    it.effect(`answer rightly or say so whatever goes wrong, by ${transport}`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* runSeeds(seedsFrom(1, 2), { relays: 3, transport }), [])
      }),
    )

  it.effect("answer a request rightly, or say so, when one of them dies at a moment of it", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* runMoments(moments(Number(process.env.PTTH_STEP ?? 180))), [])
    }),
  )

  it.effect("take the same course for the same seed", () =>
    Effect.gen(function* () {
      // In 256 a key is revoked while its server has several requests.
      for (const seed of [3, 256]) {
        const [first, second] = yield* runTwice(seed, { relays: 3 })
        assert.isNotEmpty(first)
        assert.deepStrictEqual(first, second)
      }
    }),
  )
})

describe.runIf(only !== undefined)("one seed", () => {
  it(`${only}`, async () => {
    const transport = process.env.PTTH_TRANSPORT as TransportChoice | undefined
    const options = { relays: 3, ...(transport === undefined ? {} : { transport }) }
    const model = new TunnelModel(scheduleOf(Number(only), options))
    const complaints = await Effect.runPromise(model.run)
    process.stdout.write(`${model.events.join("\n")}\n`)
    assert.deepStrictEqual(complaints, [])
  }, 600_000)
})
