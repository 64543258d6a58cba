/**
 * What the file server tells its owner in the log. Visitors cause these
 * messages, so the same one is logged once in ten minutes, and a hundred in
 * that time at most, of which the last says that there are more: nobody can fill
 * the log, or keep its owner from knowing that something is missing in it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Deadlines from "../transport/runtime/Deadlines.ts"

/** How long a message is not repeated, in milliseconds. */
export const interval = 600_000
/** The most messages in that time. */
export const maxMessages = 100

/** Behind the last message that is logged in that time. */
export const furtherLeftOut =
  "This was the hundredth message in ten minutes; others are left out until they are over."

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
    const isLast = logged.size === maxMessages - 1
    logged.add(message)
    run(Effect.logWarning(isLast ? `${message}\n${furtherLeftOut}` : message))
  }
})
