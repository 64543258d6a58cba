/**
 * Deadlines that are counted, across all relays and servers of a test. The real
 * ones are swept ten times a second; here each is a timer that fires when the
 * sweep would find it, so that simulated time can jump from event to event.
 *
 *     vi.mock("../../src/transport/runtime/Deadlines.ts", CountedDeadlines.mock)
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Deadlines from "../../src/transport/runtime/Deadlines.ts"

const open = new Map<object, number>()
const failures: Array<unknown> = []

/** Resets the count. */
export const reset = (): void => {
  open.clear()
  failures.length = 0
}

/** How many are open, by their length in milliseconds. */
export const count = (): ReadonlyMap<number, number> => {
  const counts = new Map<number, number>()
  for (const millis of open.values()) counts.set(millis, (counts.get(millis) ?? 0) + 1)
  return counts
}

/** Errors thrown by callbacks. */
export const failed = (): ReadonlyArray<unknown> => failures

class Counted implements Deadlines.Deadline {
  private timer: NodeJS.Timeout | undefined
  private readonly span: () => number
  private readonly isSwept: () => boolean
  private readonly onPassed: () => void

  constructor(millis: number, span: () => number, isSwept: () => boolean, onPassed: () => void) {
    this.span = span
    this.isSwept = isSwept
    this.onPassed = onPassed
    open.set(this, millis)
    this.timer = setTimeout(this.pass, span())
  }

  clear(): void {
    open.delete(this)
    clearTimeout(this.timer)
    this.timer = undefined
  }

  touch(): void {
    if (this.timer === undefined) return
    clearTimeout(this.timer)
    this.timer = setTimeout(this.pass, this.span())
  }

  private readonly pass = (): void => {
    if (!this.isSwept()) return
    this.clear()
    try {
      this.onPassed()
    } catch (error) {
      failures.push(error)
    }
  }
}

const make = (sweepMillis: number): typeof Deadlines.make =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const began = clock.currentTimeMillisUnsafe()
    let isSwept = true
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        isSwept = false
      }),
    )
    return {
      now: () => clock.currentTimeMillisUnsafe(),
      elapsed: () => clock.currentTimeMillisUnsafe(),
      set: (millis, onPassed) => {
        const span = (): number => {
          const passed = clock.currentTimeMillisUnsafe() - began
          return Math.ceil((passed + millis) / sweepMillis) * sweepMillis - passed
        }
        return new Counted(millis, span, () => isSwept, onPassed)
      },
    }
  })

/** The module with deadlines that are counted. */
export const mock = async (load: <A>() => Promise<A>): Promise<typeof Deadlines> => {
  const real = await load<typeof Deadlines>()
  return { ...real, make: make(real.sweepMillis) }
}
