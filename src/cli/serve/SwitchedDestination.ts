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

/** A destination that is open, and what is wrong with the application behind it. */
interface Opened {
  readonly options: Destination.DestinationOptions
  readonly destination: Destination.Destination
  readonly scope: Scope.Closeable
  problem: string | undefined
}

/** Makes it; what it opens lives as long as the Scope. */
export const make = Effect.fnUntraced(function* (options: Destination.DestinationOptions) {
  const parent = yield* Effect.scope
  let current: Opened | undefined

  /** Opens a destination in a Scope of its own. Problems are told of the current one only. */
  const open = Effect.fnUntraced(function* (options: Destination.DestinationOptions) {
    const scope = yield* Scope.fork(parent)
    let opened: Opened | undefined
    let problem: string | undefined
    const onProblem = (next: string | undefined): void => {
      problem = next
      if (opened === undefined) return
      opened.problem = next
      if (opened === current) options.onProblem?.(next)
    }
    const destination = yield* Destination.make({ ...options, onProblem }).pipe(
      Effect.provideService(Scope.Scope, scope),
      Effect.onError(() => Scope.close(scope, Exit.void)),
    )
    opened = { options, destination, scope, problem }
    return opened
  })

  const use = (opened: Opened): void => {
    current = opened
    opened.options.onProblem?.(opened.problem)
  }

  const first = yield* open(options)
  use(first)
  const now = (): Destination.Destination => (current ?? first).destination
  const handler: Handler = (head, body, reply) => now().handler(head, body, reply)
  return {
    handler,
    rows: (): Destination.Destination["rows"] => now().rows,
    /** Opens another destination; running the inner effect puts it in the place of this one. */
    replace: (next: Destination.DestinationOptions) =>
      Effect.map(open(next), (opened) =>
        Effect.suspend(() => {
          const { scope } = current ?? first
          use(opened)
          return Scope.close(scope, Exit.void).pipe(
            Effect.delay(grace),
            Effect.forkIn(parent),
            Effect.asVoid,
          )
        }),
      ),
  }
})
