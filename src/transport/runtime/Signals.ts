/**
 * Signals that tell a running process something, such as SIGHUP, by which it is
 * told to load its configuration again.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** Calls the function on each signal while the Scope is open. */
export const onSignal = (
  signal: NodeJS.Signals,
  handle: () => void,
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => void process.on(signal, handle)),
    () => Effect.sync(() => void process.off(signal, handle)),
  )

/** Runs the effect on each SIGHUP while the Scope is open. */
export const onHangUp = (effect: Effect.Effect<unknown>): Effect.Effect<void, never, Scope.Scope> =>
  onSignal("SIGHUP", () => {
    Effect.runFork(effect)
  })
