/**
 * Repeats work that needs the engine: at once whenever it is connected, when
 * it is asked for, and after a time. While the engine is away it waits.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { Complaints } from "./Complaints.ts"
import { Engine, type EngineUnavailable } from "./Engine.ts"

/** See the file's header. */
export interface EngineLoopOptions<R> {
  /** What it does, for a message if the engine refuses it. */
  readonly what: string
  /** The time between two runs that nothing else asks for, in milliseconds; asked anew each time. */
  readonly everyMillis: () => number
  readonly run: Effect.Effect<void, EngineUnavailable, R>
}

/** Starts the loop, which ends with the Scope. The returned function asks for a run; several before it begins are one. */
export const make = Effect.fnUntraced(function* <R>({
  everyMillis,
  run,
  what,
}: EngineLoopOptions<R>): Effect.fn.Return<() => void, never, R | Scope.Scope> {
  const engine = yield* Engine
  if (engine.status().state === "off") return () => {}
  const complaints = new Complaints()
  const requests = yield* Queue.sliding<void>(1)
  const request = (): void => {
    Queue.offerUnsafe(requests, undefined)
  }
  const end = engine.onStatus(({ state }) => {
    if (state === "connected") request()
  })
  yield* Effect.addFinalizer(() => Effect.sync(end))
  const runIfConnected = Effect.suspend(() =>
    engine.status().state === "connected" ? run : Effect.void,
  ).pipe(
    Effect.catch(({ isRefusal, reason }) =>
      isRefusal ? complaints.log(what, `the engine refuses it (${reason})`) : Effect.void,
    ),
  )
  request()
  yield* Effect.suspend(() => Effect.timeoutOption(Queue.take(requests), everyMillis())).pipe(
    Effect.andThen(runIfConnected),
    Effect.forever,
    Effect.forkScoped,
  )
  return request
})
