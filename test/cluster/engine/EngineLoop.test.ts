/** What a loop logs while the engine refuses its writes, and when it accepts them again. */
import { assert, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { TestClock } from "effect/testing"
import { Engine, EngineUnavailable } from "../../../src/cluster/engine/Engine.ts"
import * as EngineLoop from "../../../src/cluster/engine/EngineLoop.ts"
import { EngineStore, MemoryEngine } from "../../support/MemoryEngine.ts"

it.effect("work that the engine refuses is logged once, and so is that it works again", () => {
  const lines: Array<string> = []
  const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
    lines.push(`${logLevel} ${String(message)}`)
  })
  return Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const engine = new MemoryEngine(new EngineStore(() => clock.currentTimeMillisUnsafe()))
    let failure: EngineUnavailable | undefined = new EngineUnavailable({
      reason: "OOM command not allowed",
      isRefusal: true,
    })
    let runs = 0
    yield* EngineLoop.make({
      what: "sharing approvals",
      everyMillis: () => 1_000,
      run: Effect.suspend(() => {
        runs += 1
        return failure === undefined ? Effect.void : Effect.fail(failure)
      }),
    }).pipe(Effect.provideService(Engine, engine.shape))
    yield* TestClock.adjust("100 seconds")
    assert.deepStrictEqual(lines, [
      "Warn engine: sharing approvals fails: the engine refuses it (OOM command not allowed)",
    ])
    failure = undefined
    yield* TestClock.adjust("100 seconds")
    assert.deepStrictEqual(lines.slice(1), ["Info engine: sharing approvals works again"])
    assert.isAtLeast(runs, 200)
    failure = new EngineUnavailable({ reason: "it does not answer", isRefusal: false })
    yield* TestClock.adjust("100 seconds")
    assert.lengthOf(lines, 2)
  }).pipe(Effect.provide(Logger.layer([logger])), Effect.scoped)
})
