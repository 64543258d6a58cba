/**
 * Waiting for an event in a test: every wait ends as soon as its condition holds,
 * and fails with its description when it never does.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { patienceMillis } from "../Watch.ts"

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** After so many turns something else than this process is waited for, which may need the processor. */
const manyTurns = 1_000

const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

/** Waits until `holds`, looking once per turn of the event loop, later at times; dies when it never does. */
export const until = (what: string, holds: () => boolean): Effect.Effect<void> =>
  Effect.promise(async () => {
    const start = performance.now()
    for (let turns = 0; !holds(); turns++) {
      if (performance.now() - start > patienceMillis)
        throw new Error(`this never came true: ${what}`)
      await (turns < manyTurns ? turn() : rest())
    }
  })

/** Lets sockets do what they can do by themselves: so many turns of the event loop. */
export const turns = (count: number): Effect.Effect<void> =>
  Effect.promise(async () => {
    for (let i = 0; i < count; i++) await turn()
  })

/** Moves the TestClock in steps until `holds`; dies when it never does. */
export const advanceUntil = Effect.fnUntraced(function* (
  what: string,
  holds: () => boolean,
  step: Duration.Input = "100 millis",
) {
  const start = performance.now()
  while (!holds()) {
    if (performance.now() - start > patienceMillis)
      return yield* Effect.die(new Error(`this never came true: ${what}`))
    yield* TestClock.adjust(step)
    yield* turns(5)
  }
})

/** A promise as an Effect; its rejection is a defect. */
export const promised = <A>(make: () => Promise<A>): Effect.Effect<A> => Effect.promise(make)
