/**
 * What the file server tells its owner in the log. Visitors cause these
 * messages, so the same one is logged once in ten minutes, and a hundred in
 * that time at most: nobody can fill the log.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Deadlines from "../transport/runtime/Deadlines.ts"

/** How long a message is not repeated, in milliseconds. */
export const interval = 600_000
/** The most messages in that time. */
export const maxMessages = 100

/** Gives the function that logs. */
export const make = Effect.gen(function* () {
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const clock = yield* Clock.Clock
  const logged = new Set<string>()
  let began = Number.NEGATIVE_INFINITY
  return (message: string): void => {
    const now = Deadlines.elapsedMillis(clock)
    if (now - began >= interval) {
      logged.clear()
      began = now
    }
    if (logged.has(message) || logged.size >= maxMessages) return
    logged.add(message)
    run(Effect.logWarning(message))
  }
})
