/**
 * A destination that a reload can replace while requests run: each request keeps
 * the one that it began with.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Handler } from "../../transport/body/Handler.ts"
import * as Destination from "./Destination.ts"

/** How long the one before is kept for requests that run. */
const grace = Duration.minutes(5)

/** Opens a destination in a Scope of its own. */
const open = Effect.fnUntraced(function* (options: Destination.DestinationOptions) {
  const scope = yield* Effect.flatMap(Effect.scope, (parent) => Scope.fork(parent))
  const destination = yield* Destination.make(options).pipe(
    Effect.provideService(Scope.Scope, scope),
    Effect.onError(() => Scope.close(scope, Exit.void)),
  )
  return { destination, scope }
})

/** Makes it; what it opens lives as long as the Scope. */
export const make = Effect.fnUntraced(function* (options: Destination.DestinationOptions) {
  const parent = yield* Effect.scope
  let current = yield* open(options)
  const handler: Handler = (head, body, reply) => current.destination.handler(head, body, reply)
  return {
    handler,
    rows: (): Destination.Destination["rows"] => current.destination.rows,
    /** Opens another destination; running the inner effect puts it in the place of this one. */
    replace: (next: Destination.DestinationOptions) =>
      open(next).pipe(
        Effect.provideService(Scope.Scope, parent),
        Effect.map((opened) =>
          Effect.suspend(() => {
            const { scope } = current
            current = opened
            return Scope.close(scope, Exit.void).pipe(
              Effect.delay(grace),
              Effect.forkIn(parent),
              Effect.asVoid,
            )
          }),
        ),
      ),
  }
})
