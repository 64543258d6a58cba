/**
 * Counts the deadlines that are set and have neither passed nor been cleared,
 * in all of a test's relays and servers:
 *
 *     vi.mock("../../src/transport/Deadlines.ts", CountedDeadlines.mock)
 */
import * as Effect from "effect/Effect"
import type * as Deadlines from "../../src/transport/Deadlines.ts"

const open = new Map<symbol, number>()

/** Forgets what has been counted. */
export const reset = (): void => open.clear()

/** How many are open, by their length in milliseconds. */
export const count = (): ReadonlyMap<number, number> => {
  const counts = new Map<number, number>()
  for (const millis of open.values()) counts.set(millis, (counts.get(millis) ?? 0) + 1)
  return counts
}

const counted = (deadlines: Deadlines.Deadlines): Deadlines.Deadlines => ({
  now: () => deadlines.now(),
  elapsed: () => deadlines.elapsed(),
  set: (millis, onPassed) => {
    const mark = Symbol()
    open.set(mark, millis)
    const deadline = deadlines.set(millis, () => {
      open.delete(mark)
      onPassed()
    })
    return {
      clear: () => {
        open.delete(mark)
        deadline.clear()
      },
      touch: () => deadline.touch(),
    }
  },
})

/** The module with deadlines that are counted. */
export const mock = async (load: <A>() => Promise<A>): Promise<typeof Deadlines> => {
  const real = await load<typeof Deadlines>()
  return { ...real, make: Effect.map(real.make, counted) }
}
