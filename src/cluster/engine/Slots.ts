/**
 * The number of a relay within its cluster, 0 to 1023, which request ids carry.
 * With an engine it is claimed there. Without one, and until the engine can be
 * reached, it follows from the machine's name and the worker's number.
 */
import { createHash } from "node:crypto"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Engine, type EngineUnavailable } from "./Engine.ts"
import * as EngineLoop from "./EngineLoop.ts"

/** How many slots there are: two characters of base32. */
export const slotCount = 1_024

/** After how many milliseconds without a renewal a slot is free again. */
export const slotMillis = 60_000

/** How often it is renewed, in milliseconds. */
const renewMillis = 20_000

/** The slot that follows from a machine's name; its workers have those after it, so that no two have the same. */
export const slotOf = (machine: string, worker = 0): number =>
  (createHash("sha256").update(machine).digest().readUInt16BE(0) + worker) % slotCount

const keyOf = (slot: number): string => `slot:${slot}`

/**
 * Claims a slot and keeps it while the Scope is open; returns which it is now.
 *
 * @param first the one that is tried first
 * @param owner the relay's id, with a part that each process has of its own
 */
export const make = Effect.fn("Slots.make")(function* (
  first: number,
  owner: string,
): Effect.fn.Return<() => number, never, Scope.Scope> {
  const engine = yield* Engine
  let slot = first

  const claim: Effect.Effect<void, EngineUnavailable> = Effect.gen(function* () {
    for (let tried = 0; tried < slotCount; tried++) {
      const next = (slot + tried) % slotCount
      if (!(yield* engine.claim(keyOf(next), owner, slotMillis))) continue
      slot = next
      return
    }
    yield* Effect.logWarning("engine: the cluster has more relays than slots")
  })

  yield* EngineLoop.make({
    what: "claiming a slot",
    everyMillis: () => renewMillis,
    run: claim,
  })
  yield* Effect.addFinalizer(() => Effect.ignore(engine.release(keyOf(slot), owner)))
  return () => slot
})
