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

/** Makes it; what it opens lives as long as the Scope. */
export const make = Effect.fnUntraced(function* (options: Destination.DestinationOptions) {
  const parent = yield* Effect.scope

  /** Opens a destination in a Scope of its own. Problems of the application behind it are reported while it is current. */
  const open = Effect.fnUntraced(function* (options: Destination.DestinationOptions) {
    const scope = yield* Scope.fork(parent)
    let problem: string | undefined
    let isCurrent = false
    const onProblem = (next: string | undefined): void => {
      problem = next
      if (isCurrent) options.onProblem?.(next)
    }
    const destination = yield* Destination.make({ ...options, onProblem }).pipe(
      Effect.provideService(Scope.Scope, scope),
      Effect.onError(() => Scope.close(scope, Exit.void)),
    )
    const setCurrent = (value: boolean): void => {
      isCurrent = value
      if (isCurrent) options.onProblem?.(problem)
    }
    return { destination, scope, setCurrent }
  })

  let current = yield* open(options)
  current.setCurrent(true)
  const handler: Handler = (head, body, reply) => current.destination.handler(head, body, reply)
  return {
    handler,
    current: (): Destination.Destination => current.destination,
    /** Opens another destination; running the inner effect puts it in the place of this one. */
    replace: (next: Destination.DestinationOptions) =>
      Effect.map(open(next), (opened) =>
        Effect.suspend(() => {
          const before = current
          current = opened
          before.setCurrent(false)
          opened.setCurrent(true)
          return Scope.close(before.scope, Exit.void).pipe(
            Effect.delay(grace),
            Effect.forkIn(parent),
            Effect.asVoid,
          )
        }),
      ),
  }
})
