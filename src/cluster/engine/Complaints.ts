/**
 * Logs what is wrong in the engine once, however often it is read. Whoever can
 * write to the engine can write anything, so the number is bounded.
 */
import * as Effect from "effect/Effect"

/** The most different complaints that are logged. */
const most = 100

/** See the file's header. */
export class Complaints {
  private readonly logged = new Set<string>()

  /** Logs a warning, once for each `subject`. */
  log(subject: string, problem: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.logged.has(subject) || this.logged.size >= most) return Effect.void
      this.logged.add(subject)
      return Effect.logWarning(`${subject}: ${problem}`)
    })
  }
}
