/**
 * The server's end of the tunnel: it stays connected to its relay for as long
 * as it lives, gives every request to its handler, and sends the answers.
 * Whatever happens, it keeps trying. It speaks stream where the relay and
 * everything in between let it, and classic otherwise.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as ProcessMetrics from "../transport/observe/ProcessMetrics.ts"
import { Telemetry } from "../transport/observe/Telemetry.ts"
import { trace } from "../transport/observe/TracedHandler.ts"
import * as Deadlines from "../transport/runtime/Deadlines.ts"
import { ClassicTunnel } from "./classic/ClassicTunnel.ts"
import { StreamTunnel } from "./stream/StreamTunnel.ts"
import type { ServerOptions } from "./uplink/ServerOptions.ts"
import { Uplink } from "./uplink/Uplink.ts"

export type { ServerOptions } from "./uplink/ServerOptions.ts"

const firstRetry = 60_000
const lastRetry = 600_000

/**
 * Serves through the relay until it is interrupted; then it takes no more
 * requests, lets what runs finish within the grace period, and cuts the rest.
 */
export const run: (options: ServerOptions) => Effect.Effect<never, never, Scope.Scope> = Effect.fn(
  "Server.run",
)(function* (options: ServerOptions) {
  const clock = yield* Clock.Clock
  const deadlines = yield* Deadlines.make
  const telemetry = yield* Telemetry
  const handler = trace(options.handler, telemetry, { name: "serve", kind: "server" })
  if (telemetry !== undefined) yield* telemetry.metrics(ProcessMetrics.read)
  const uplink = new Uplink({ ...options, handler }, clock)
  const classic = new ClassicTunnel(uplink)
  const stream = new StreamTunnel(uplink, deadlines)
  const listening = yield* Scope.make()
  yield* Effect.addFinalizer(() =>
    classic.say("draining").pipe(
      Effect.andThen(Scope.close(listening, Exit.void)),
      Effect.andThen(uplink.drain),
      Effect.flatMap((wasCut) => (wasCut ? classic.say("gone") : Effect.void)),
      Effect.andThen(Effect.sync(() => uplink.close())),
    ),
  )
  yield* Effect.forkIn(tunnel(options, uplink, classic, stream, listening), listening)
  return yield* Effect.never
})

const tunnel = (
  options: ServerOptions,
  uplink: Uplink,
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
      return ladder(uplink, classic, stream, listening)
  }
}

/**
 * Stream as long as it is possible, else classic while stream is tried again
 * later (protocol.md, Stream). Classic ends only when nothing runs on it any
 * more, and stream does not wait for that.
 */
const ladder = Effect.fnUntraced(function* (
  uplink: Uplink,
  classic: ClassicTunnel,
  stream: StreamTunnel,
  listening: Scope.Scope,
) {
  let listens: Fiber.Fiber<never> | undefined
  let leaving: Fiber.Fiber<void> | undefined
  while (true) {
    const reason = yield* stream.untilImpossible
    yield* uplink.say(
      `no stream: ${reason}`,
      Effect.logWarning(
        `stream is not possible here (${reason}); using classic, which needs plain requests only`,
      ),
    )
    if (leaving !== undefined) yield* Fiber.interrupt(leaving)
    const running = listens ?? (yield* Effect.forkIn(classic.run(reason), listening))
    listens = running
    yield* again(stream, firstRetry)
    leaving = yield* classic.leave.pipe(
      Effect.andThen(Fiber.interrupt(running)),
      Effect.andThen(
        Effect.sync(() => {
          listens = undefined
        }),
      ),
      Effect.forkIn(listening),
    )
  }
})

/** Succeeds once stream is possible. */
const again = (stream: StreamTunnel, millis: number): Effect.Effect<void> =>
  Effect.sleep(millis).pipe(
    Effect.andThen(stream.probe),
    Effect.flatMap((possible) =>
      possible ? Effect.void : again(stream, Math.min(2 * millis, lastRetry)),
    ),
  )
