/**
 * The time that running requests have to end when something stops. What is
 * waited for, and for how long, is logged unless it is over at once.
 */
import * as Effect from "effect/Effect"

/** How long stopping may take before it is logged, in milliseconds. */
const noticeMillis = 250

/** Waits for the end of running requests, at most so many milliseconds. */
export const wait = (ended: Effect.Effect<void>, millis: number): Effect.Effect<void> => {
  const quiet = Math.min(millis, noticeMillis)
  const log = Effect.logInfo(
    `waiting up to ${Math.ceil(millis / 1000)} s for running requests to end`,
  )
  return Effect.raceFirst(
    ended,
    Effect.sleep(quiet).pipe(
      Effect.andThen(millis > quiet ? log : Effect.void),
      Effect.andThen(Effect.sleep(millis - quiet)),
    ),
  )
}
