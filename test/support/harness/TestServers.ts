/**
 * Servers for tests: PTTH's own, and classic 1 ones that share no code with it.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { make as makeKey } from "../../../src/domain/ApiKey.ts"
import type { TransportChoice } from "../../../src/domain/config/ServerConfig.ts"
import type { ServerName } from "../../../src/domain/ServerName.ts"
import * as Server from "../../../src/server/Server.ts"
import type { Handler } from "../../../src/transport/body/Handler.ts"
import type { Certificate } from "../../../src/transport/net/Certificate.ts"
import * as TlsHandshake from "../../../src/transport/net/TlsHandshake.ts"
import { ClassicRelayPeer } from "../ClassicRelayPeer.ts"
import type { ClassicServerPeerOptions } from "../ClassicServerPeer.ts"
import { ClassicServerPeer } from "../ClassicServerPeer.ts"
import { capture, type Lines } from "./LogLines.ts"
import { keyOf, type TestRelay } from "./TestRelay.ts"
import { until } from "./Waiting.ts"

/** What a server is started with beside its name and handler. */
export interface ServerOptions {
  /** Another key than {@link keyOf} its name. */
  readonly key?: string
  readonly throttle?: boolean
  /** How long its relay should wait for a response, in milliseconds. */
  readonly responseMillis?: number
  /** `classic` unless given. */
  readonly transport?: TransportChoice
  /** How many stream links it keeps. */
  readonly connections?: number
  /** How long it lets running exchanges go on when it stops; 0 unless given. */
  readonly grace?: Duration.Input
  /** For connections that the relay passes on. */
  readonly certificate?: Certificate
  /** The same, by hosts. */
  readonly tls?: TlsHandshake.TlsHosts
  /** Certificates to trust besides the usual ones. */
  readonly ca?: string
  /** Whether it uses the proxies that the environment names; it does not unless this is `true`. */
  readonly proxies?: boolean
  readonly onStart?: Server.ServerOptions["onStart"]
}

/** A server that runs. */
export interface TestServer {
  readonly lines: Lines
  /** Stops it, as SIGTERM does. */
  readonly stop: Effect.Effect<void>
}

/** Starts a server, connected or not, at a relay's address. */
export const serverAt: (
  relayUrl: string,
  name: string,
  handler: Handler,
  options?: ServerOptions,
) => Effect.Effect<TestServer, never, Scope.Scope> = Effect.fnUntraced(function* (
  relayUrl: string,
  name: string,
  handler: Handler,
  options: ServerOptions = {},
) {
  const lines: Array<string> = []
  const { certificate } = options
  const run = Server.run({
    name: name as ServerName,
    apiKey: makeKey(options.key ?? keyOf(name)),
    relayUrl,
    handler,
    proxies: options.proxies === true,
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    ...(certificate === undefined ? {} : { tls: TlsHandshake.always(() => certificate) }),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    graceMillis: Duration.toMillis(Duration.fromInputUnsafe(options.grace ?? 0)),
    transport: options.transport ?? "classic",
    ...(options.connections === undefined ? {} : { connections: options.connections }),
    ...(options.responseMillis === undefined ? {} : { responseMillis: options.responseMillis }),
    ...(options.throttle === undefined ? {} : { throttle: options.throttle }),
    ...(options.onStart === undefined ? {} : { onStart: options.onStart }),
  })
  const fiber = yield* Effect.scoped(run).pipe(
    Effect.provide(capture(lines)),
    Effect.forkIn(yield* Effect.scope),
  )
  return { lines, stop: Fiber.interrupt(fiber).pipe(Effect.asVoid) }
})

/** Starts a server and waits until it is connected. */
export const server: (
  relay: TestRelay,
  name: string,
  handler: Handler,
  options?: ServerOptions,
) => Effect.Effect<TestServer, never, Scope.Scope> = Effect.fnUntraced(function* (
  relay: TestRelay,
  name: string,
  handler: Handler,
  options: ServerOptions = {},
) {
  const started = yield* serverAt(relay.url, name, handler, options)
  yield* until(`${name} is connected`, () =>
    started.lines.some((line) => line.startsWith("connected")),
  )
  return started
})

/** A classic 1 server that shares no code with ours; it listens only when it is told to. */
export const classicServer = (
  relay: TestRelay,
  name: string,
  options: Partial<ClassicServerPeerOptions> = {},
): Effect.Effect<ClassicServerPeer, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(
      () =>
        new ClassicServerPeer({
          relayUrl: `${relay.url}/7ZSFUKGV`,
          name,
          key: keyOf(name),
          ...options,
        }),
    ),
    (peer) => Effect.sync(() => peer.close()),
  )

/** A classic 1 server that listens, again and again, as the original does. */
export const runningClassicServer = (
  relay: TestRelay,
  name: string,
  options: Partial<ClassicServerPeerOptions> = {},
): Effect.Effect<ClassicServerPeer, never, Scope.Scope> =>
  Effect.tap(classicServer(relay, name, options), (peer) => {
    void peer.run()
    return until(`${name} is connected`, () => relay.status(name).transports.length > 0)
  })

/** A classic 1 relay that shares no code with ours, for a server of this name. */
export const classicRelay = (name: string): Effect.Effect<ClassicRelayPeer, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() => ClassicRelayPeer.start({ key: keyOf(name) })),
    (peer) => Effect.promise(() => peer.down()),
  )
