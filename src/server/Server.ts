/**
 * The server's end of the tunnel: stays connected to its relay, gives every
 * request to its handler and sends the responses. It speaks stream where the
 * relay and the network allow it, and classic otherwise.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { Handler } from "../transport/body/Handler.ts"
import * as ProcessMetrics from "../transport/observe/ProcessMetrics.ts"
import { Telemetry } from "../transport/observe/Telemetry.ts"
import { trace } from "../transport/observe/TracedHandler.ts"
import * as Deadlines from "../transport/runtime/Deadlines.ts"
import { RunningClock } from "../transport/runtime/RunningClock.ts"
import { ClassicTunnel } from "./classic/ClassicTunnel.ts"
import * as PassedConnections from "./passthrough/PassedConnections.ts"
import { StreamTunnel } from "./stream/StreamTunnel.ts"
import type { ServerOptions } from "./uplink/ServerOptions.ts"
import { defaultGrace, Uplink } from "./uplink/Uplink.ts"

export type { ServerOptions } from "./uplink/ServerOptions.ts"

/** When stream is tried again from classic, in milliseconds: first, first if it has worked before, and at the longest. */
const firstRetry = 60_000
const firstReturn = 5_000
const longestRetry = 600_000

/** If stream has worked for less than this, in milliseconds, the next wait is longer. */
const steadyMillis = 60_000

/**
 * Serves through the relay until it is interrupted; then it takes no more
 * requests, lets running exchanges finish within the grace period, and cancels
 * the rest. A relay that cannot be reached is tried again until then.
 */
export const run: (options: ServerOptions) => Effect.Effect<never, never, Scope.Scope> = Effect.fn(
  "Server.run",
)(function* (options: ServerOptions) {
  const clock = yield* Clock.Clock
  const deadlines = yield* Deadlines.make
  const telemetry = yield* Telemetry
  const handler = trace(options.handler, telemetry, { name: "serve", kind: "server" })
  const passed = yield* Scope.make()
  const connections = yield* Effect.provideService(
    connectionsOf(handler, options),
    Scope.Scope,
    passed,
  )
  if (telemetry !== undefined) yield* telemetry.metrics(ProcessMetrics.read)
  const uplink = new Uplink({ ...options, handler }, clock, connections)
  options.onStart?.(() => uplink.status)
  const running = yield* Effect.acquireRelease(
    Effect.sync(() => new RunningClock(deadlines)),
    (clock) => Effect.sync(() => clock.close()),
  )
  const classic = new ClassicTunnel(uplink, deadlines, running)
  const stream = new StreamTunnel(uplink, deadlines, running)
  const listening = yield* Scope.make()
  yield* Effect.addFinalizer(() =>
    classic.farewell("draining").pipe(
      Effect.andThen(Scope.close(listening, Exit.void)),
      // Idle connections of visitors would otherwise be waited for.
      Effect.andThen(
        Effect.all([uplink.drain, Scope.close(passed, Exit.void)], { concurrency: "unbounded" }),
      ),
      Effect.map(([wasCut]) => wasCut),
      Effect.flatMap((wasCut) => (wasCut ? classic.farewell("gone") : Effect.void)),
      Effect.andThen(Effect.sync(() => uplink.close())),
    ),
  )
  yield* Effect.forkIn(tunnel(options, classic, stream, listening), listening)
  return yield* Effect.never
})

/** What answers connections that are passed on, if there is a certificate for them. */
const connectionsOf = (
  handler: Handler,
  { graceMillis = defaultGrace, tls }: ServerOptions,
): Effect.Effect<Handler | undefined, never, Scope.Scope> =>
  tls === undefined
    ? Effect.succeed(undefined)
    : PassedConnections.make({ handler, hosts: tls, graceMillis })

const tunnel = (
  options: ServerOptions,
  classic: ClassicTunnel,
  stream: StreamTunnel,
  listening: Scope.Scope,
): Effect.Effect<never> => {
  switch (options.transport ?? "auto") {
    case "classic":
      return classic.run("")
    case "stream":
      return stream.always
    case "auto":
      return streamElseClassic(classic, stream, listening)
  }
}

/**
 * Stream while it is possible, else classic while stream is tried again now and
 * then (protocol.md, Stream). When stream is back, classic ends once its
 * exchanges are over; stream does not wait for that.
 */
const streamElseClassic = Effect.fnUntraced(function* (
  classic: ClassicTunnel,
  stream: StreamTunnel,
  listening: Scope.Scope,
) {
  let listens: Fiber.Fiber<never> | undefined
  let leaving: Fiber.Fiber<void> | undefined
  let wait = firstReturn
  const clock = yield* Clock.Clock
  while (true) {
    const since = Deadlines.elapsedMillis(clock)
    const reason = yield* stream.untilImpossible
    const wasSteady = Deadlines.elapsedMillis(clock) - since >= steadyMillis
    wait = wasSteady || leaving === undefined ? firstReturn : Math.min(2 * wait, longestRetry)
    if (leaving !== undefined) yield* Fiber.interrupt(leaving)
    const running = listens ?? (yield* Effect.forkIn(classic.run(reason), listening))
    listens = running
    yield* untilPossible(stream, stream.hasWorked ? wait : firstRetry)
    // If stream becomes impossible between the two, classic would not be started again.
    const end = Effect.uninterruptible(
      Effect.suspend(() => {
        listens = undefined
        return Fiber.interrupt(running)
      }),
    )
    leaving = yield* Effect.forkIn(Effect.andThen(classic.leave, end), listening)
  }
})

/** Succeeds once stream is possible. */
const untilPossible = (stream: StreamTunnel, millis: number): Effect.Effect<void> =>
  Effect.sleep(millis).pipe(
    Effect.andThen(stream.probe),
    Effect.flatMap((possible) =>
      possible ? Effect.void : untilPossible(stream, Math.min(2 * millis, longestRetry)),
    ),
  )
