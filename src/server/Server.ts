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
import type { ApiKey } from "../domain/ApiKey.ts"
import type { TransportChoice } from "../domain/config/ServerConfig.ts"
import type { ServerName } from "../domain/ServerName.ts"
import * as Deadlines from "../transport/runtime/Deadlines.ts"
import type { Handler } from "../transport/body/Handler.ts"
import * as ProcessMetrics from "../transport/observe/ProcessMetrics.ts"
import { Telemetry } from "../transport/observe/Telemetry.ts"
import { trace } from "../transport/observe/TracedHandler.ts"
import { ClassicTunnel } from "./classic/ClassicTunnel.ts"
import { StreamTunnel } from "./stream/StreamTunnel.ts"
import { Uplink } from "./uplink/Uplink.ts"

/** How a server reaches its relay, and what it serves. */
export interface ServerOptions {
  readonly name: ServerName
  readonly apiKey: ApiKey
  /** The relay's address without the prefix of its backend API. */
  readonly relayUrl: string
  readonly handler: Handler
  /** Holds each response body to a mebibyte a second. */
  readonly throttle?: boolean
  /** PEM certificates to trust besides the usual ones. */
  readonly ca?: string
  /** Whether the proxies that the environment names are used; they are unless this is `false`. */
  readonly proxies?: boolean
  /** How long running exchanges may go on once the Scope is closed, in milliseconds; 30 s. */
  readonly graceMillis?: number
  /** Which transport is spoken; `auto` unless it is said. */
  readonly transport?: TransportChoice
  /** How many stream links are kept; 2 unless it is said. */
  readonly connections?: number
  /** How long a stream link may be silent before it is asked, and again before it is given up, in milliseconds; 15 s. */
  readonly heartbeatMillis?: number
  /** What the relay shows as this server's program and version, such as `ptth/0.1.0`; visible ASCII. */
  readonly program?: string
  /** What is done when the relay turns out not to know the key, instead of a line in the log. */
  readonly onRefused?: Effect.Effect<void>
  /** What is done when the relay's certificate is not trusted, besides a line in the log; with Node's code for it. */
  readonly onUntrusted?: (detail: string) => Effect.Effect<void>
  /** What is done when a transport connects, besides a line in the log; `url` is where visitors come. */
  readonly onConnected?: (url: string) => Effect.Effect<void>
}

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
