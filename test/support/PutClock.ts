/**
 * A clock whose time of day can be put forward and back, while the time that
 * passes stays what TestClock says.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** See the file's header. */
export interface PutClock {
  readonly clock: Clock.Clock
  /** Puts it so many milliseconds away from what TestClock says. */
  readonly put: (millis: number) => void
}

/** A clock on top of the test's own. */
export const make: Effect.Effect<PutClock> = Effect.map(Clock.Clock, (inner) => {
  let away = 0
  const millis = (): number => inner.currentTimeMillisUnsafe() + away
  const clock: Clock.Clock = Object.assign(Object.create(inner) as Clock.Clock, {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
  })
  return {
    clock,
    put: (to) => {
      away = to
    },
  }
})
