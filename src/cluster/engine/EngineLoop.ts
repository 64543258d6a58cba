/**
 * Repeats work that needs the engine: at once whenever it is connected, when
 * it is asked for, and after a time. While the engine is away it waits.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { Engine, type EngineUnavailable } from "./Engine.ts"

/** See the file's header. */
export interface EngineLoopOptions<R> {
  /** What it does, such as "sharing approvals", for messages when the engine refuses it and takes it again. */
  readonly what: string
  /** The time between two runs that nothing else asks for, in milliseconds; asked for each time. */
  readonly everyMillis: () => number
  readonly run: Effect.Effect<void, EngineUnavailable, R>
}

/** How often it is logged at most that the engine refuses the work, in milliseconds. */
const reportMillis = 60_000

/** Logs when the engine begins to refuse the work, as one that is full or read only does, and when it takes it again. */
const refusals = (work: string, now: () => number) => {
  let isReported = false
  let reportedAt = Number.NEGATIVE_INFINITY
  const refused = (reason: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (isReported || now() - reportedAt < reportMillis) return Effect.void
      isReported = true
      reportedAt = now()
      return Effect.logWarning(`engine: ${work} fails: the engine refuses it (${reason})`)
    })
  const taken = Effect.suspend(() => {
    if (!isReported) return Effect.void
    isReported = false
    return Effect.logInfo(`engine: ${work} works again`)
  })
  return { refused, taken }
}

/** Starts the loop, which ends with the Scope. The returned function asks for a run; several before it begins are one. */
export const make = Effect.fnUntraced(function* <R>({
  everyMillis,
  run,
  what,
}: EngineLoopOptions<R>): Effect.fn.Return<() => void, never, R | Scope.Scope> {
  const engine = yield* Engine
  if (engine.status().state === "off") return () => {}
  const clock = yield* Clock.Clock
  const { refused, taken } = refusals(what, () => clock.currentTimeMillisUnsafe())
  const requests = yield* Queue.sliding<void>(1)
  const request = (): void => {
    Queue.offerUnsafe(requests, undefined)
  }
  const end = engine.onStatus(({ state }) => {
    if (state === "connected") request()
  })
  yield* Effect.addFinalizer(() => Effect.sync(end))
  const runIfConnected = Effect.suspend(() =>
    engine.status().state === "connected" ? Effect.andThen(run, taken) : Effect.void,
  ).pipe(Effect.catch(({ isRefusal, reason }) => (isRefusal ? refused(reason) : Effect.void)))
  request()
  yield* Effect.suspend(() => Effect.timeoutOption(Queue.take(requests), everyMillis())).pipe(
    Effect.andThen(runIfConnected),
    Effect.forever,
    Effect.forkScoped,
  )
  return request
})
