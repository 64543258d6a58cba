/**
 * SIGHUP, by which a running process is told to load its configuration again.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** Runs the effect on each SIGHUP while the Scope is open. */
export const onHangUp = (effect: Effect.Effect<unknown>): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.sync(() => {
        const listener = (): void => {
          Effect.runFork(effect)
        }
        process.on("SIGHUP", listener)
        return listener
      }),
      (listener) => Effect.sync(() => process.off("SIGHUP", listener)),
    ),
  )
