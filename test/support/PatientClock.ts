/**
 * A clock that runs eight times slower than that of the machine. A test with
 * real sockets gives it to what it tests, so that nothing counts as late only
 * because the machine is busy.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

const slower = 8

const make = (inner: Clock.Clock): Clock.Clock => {
  const startMillis = inner.currentTimeMillisUnsafe()
  const startNanos = inner.currentTimeNanosUnsafe()
  const millis = (): number =>
    startMillis + Math.floor((inner.currentTimeMillisUnsafe() - startMillis) / slower)
  const nanos = (): bigint =>
    startNanos + (inner.currentTimeNanosUnsafe() - startNanos) / BigInt(slower)
  return Object.assign(Object.create(inner) as Clock.Clock, {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    sleep: (duration: Duration.Duration) => inner.sleep(Duration.times(duration, slower)),
  })
}

/** Runs an effect, and what it starts, with such a clock. */
export const patiently = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Clock.Clock, (clock) => Effect.provideService(effect, Clock.Clock, make(clock)))
