/**
 * What the transports of a server share: the client for the relay, the running
 * exchanges, what was logged last, and the wait after a failure.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Random from "effect/Random"
import { entry } from "../../domain/ErrorRegistry.ts"
import * as RequestId from "../../domain/RequestId.ts"
import type { TransportName } from "../../protocol/TransportName.ts"
import { prefix } from "../../protocol/Wire.ts"
import type { Cancel, Handler } from "../../transport/body/Handler.ts"
import * as NodeClient from "../../transport/client/NodeClient.ts"
import type { FailureResponse } from "../../transport/mux/ServerStream.ts"
import { elapsedMillis } from "../../transport/runtime/Deadlines.ts"
import * as GracePeriod from "../../transport/runtime/GracePeriod.ts"
import { ReusableMap } from "../../transport/runtime/ReusableMap.ts"
import { span } from "../../web/Format.ts"
import * as ConnectFault from "./ConnectFault.ts"
import * as FailureLog from "./FailureLog.ts"
import * as HandlerGuard from "./HandlerGuard.ts"
import type { ListenError } from "./ListenError.ts"
import type { Announced } from "./RelayAddresses.ts"
import { RetryDelay } from "./RetryDelay.ts"
import type { ServerOptions } from "./ServerOptions.ts"
import { UplinkWatch } from "./UplinkState.ts"
import type { LastFailure, UplinkStatus } from "./UplinkStatus.ts"

/** The rate of a throttled response body, in bytes per second. */
export const throttledRate = 1024 * 1024

/** How long running exchanges may go on by default, in milliseconds. */
export const defaultGrace = 30_000

/** See the file's header. */
export class Uplink {
  readonly options: ServerOptions
  readonly client: NodeClient.Client
  /** Path of the relay's backend API, with its prefix. */
  readonly basePath: string
  /** Identifies this process to the relay. */
  readonly instance: string
  readonly handler: Handler
  /** Answers connections that are passed on, if the server takes any. */
  readonly connections: Handler | undefined
  /** Follows the state of the connection. */
  readonly watch: UplinkWatch
  /** Waits for running exchanges within the grace period and cancels the rest; whether there were any. */
  readonly drain: Effect.Effect<boolean>
  /** Makes the response to a failure of the handler. */
  readonly failure: FailureResponse
  /** What pages call the server: its name, until the relay announces another. */
  private site: string
  private readonly relayUrl: URL
  private readonly idle = Latch.makeUnsafe(true)
  private readonly running = new ReusableMap<number, Cancel>()
  private nextNumber = 0
  private readonly finalizers = new Set<() => void>()
  private lastLogged = ""
  private readonly failureLog: FailureLog.FailureLog
  /** Whether a failure was logged since the last connection was. */
  private loggedOutage = false
  private readonly retry: RetryDelay
  private readonly clock: Clock.Clock
  private openUrl: string | undefined
  private lastFailure: LastFailure | undefined

  /** @param connections answers the connections that the relay passes on; without it none are taken */
  constructor(options: ServerOptions, clock: Clock.Clock, connections?: Handler) {
    this.options = options
    this.clock = clock
    this.retry = new RetryDelay(clock)
    this.failureLog = new FailureLog.FailureLog(options)
    this.relayUrl = new URL(options.relayUrl)
    this.basePath = this.relayUrl.pathname.replace(/\/+$/, "") + prefix
    this.instance = RequestId.make(clock.currentTimeMillisUnsafe())
    this.client = NodeClient.make({
      origin: this.relayUrl,
      ca: options.ca,
      proxies: options.proxies !== false,
    })
    const rate = options.throttle === true ? throttledRate : undefined
    this.handler = HandlerGuard.guard(options.handler, { rate })
    this.connections = connections && HandlerGuard.guard(connections, { rate })
    this.watch = new UplinkWatch(() => elapsedMillis(clock), options.onState)
    this.site = options.name
    this.failure = (request, error) => HandlerGuard.failure(request, error, this.site)
    const graceMillis = options.graceMillis ?? defaultGrace
    this.drain = Effect.map(GracePeriod.wait(this.idle.await, graceMillis), () => this.cancelAll())
  }

  /** Whether the relay has been reached at any time. */
  private hasConnected = false

  /** The ticket, until it is not needed any more. */
  get ticket(): string | undefined {
    return this.hasConnected ? undefined : this.options.ticket
  }

  /** How the connection is. */
  get status(): UplinkStatus {
    return {
      state: this.watch.read(),
      url: this.openUrl,
      requests: this.running.size + this.watch.requests,
      lastFailure: this.lastFailure,
    }
  }

  /** Has `close` called at the end, after the exchanges; the returned function takes that back. */
  addFinalizer(close: () => void): () => void {
    this.finalizers.add(close)
    return () => this.finalizers.delete(close)
  }

  /** Counts an exchange as running until the returned function is called. */
  begin(cancel: Cancel): () => void {
    const number = this.nextNumber++
    this.running.set(number, cancel)
    this.idle.closeUnsafe()
    return () => {
      if (this.running.delete(number) && this.running.size === 0) this.idle.openUnsafe()
    }
  }

  /**
   * The relay was connected to.
   *
   * @param why why it is this transport, for the log
   */
  connected(
    { displayName, openUrl, publicUrl }: Announced,
    transport: TransportName,
    why: string,
  ): Effect.Effect<void> {
    this.retry.connected()
    this.hasConnected = true
    this.site = displayName ?? this.options.name
    this.watch.connected(transport)
    const path = transport === "classic 1" ? "/frontend/servers/" : "/servers/"
    const base = (publicUrl ?? this.relayUrl.href).replace(/\/+$/, "")
    const url = openUrl ?? `${base}${path}${this.options.name}/`
    this.openUrl = url
    const wasRefused = this.lastFailure?.error.reason === "refused"
    this.lastFailure = undefined
    return this.logOnce(`connected by ${transport}`, () => {
      const outage = this.recovery()
      // One that was only now approved is not back.
      const back = wasRefused ? undefined : outage
      const isShown = this.options.onState !== undefined
      const message = isShown
        ? (back ?? "connected")
        : `connected: ${url}${back === undefined ? "" : ` (${back})`}`
      const connected = Effect.annotateLogs(Effect.logInfo(message), {
        transport,
        ...(why === "" ? {} : { why }),
      })
      return (why === "" ? connected : Effect.andThen(notStream(transport, why), connected)).pipe(
        Effect.andThen(this.options.onConnected?.(url, this.site) ?? Effect.void),
      )
    })
  }

  /** What ended with this connection, for the log. */
  private recovery(): string | undefined {
    if (!this.loggedOutage) return undefined
    this.loggedOutage = false
    const { failures, millis } = this.retry.outage
    return `back after ${span(millis)}, ${failures} failed ${failures === 1 ? "try" : "tries"}`
  }

  /** There is no connection: logs it, and waits before the next attempt. */
  failed(error: ListenError): Effect.Effect<void> {
    if (error.reason === "crowded") return this.crowded(error)
    const at = this.clock.currentTimeMillisUnsafe()
    const delay = this.retry.afterFailure(error)
    const { outage } = this.retry
    // A relay that was reached before is not examined: that would delay the next try.
    const examination = this.hasConnected
      ? Effect.succeed(error)
      : ConnectFault.examine(error, this.relayUrl, this.client.proxy)
    return Effect.flatMap(Effect.zip(examination, Random.next), ([examined, random]) => {
      const millis = delay(random)
      this.lastFailure = { at, error: examined }
      this.watch.failed(examined, millis)
      const log = this.failureLog.line(examined, outage, millis)
      if (log === undefined) return Effect.sleep(millis)
      this.lastLogged = ""
      this.loggedOutage = true
      return Effect.andThen(log, Effect.sleep(millis))
    })
  }

  /** The relay takes no further link. The name has links, so this is not part of the series of failures. */
  private crowded(error: ListenError): Effect.Effect<void> {
    const at = this.clock.currentTimeMillisUnsafe()
    const { delay, isFirst } = this.retry.afterCrowding(error)
    return Effect.flatMap(Random.next, (random) => {
      const millis = delay(random)
      // All of them may be those of other processes.
      if (this.watch.read()._tag !== "Connected") {
        this.lastFailure = { at, error }
        this.watch.failed(error, millis)
      }
      const log = isFirst ? FailureLog.log(error, this.options, "", 0) : Effect.void
      return Effect.andThen(log, Effect.sleep(millis))
    })
  }

  /** Logs something, unless it was the last thing that was logged. */
  logOnce(key: string, log: () => Effect.Effect<void>): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.lastLogged === key) return Effect.void
      this.lastLogged = key
      return log()
    })
  }

  private cancelAll(): boolean {
    const exchanges = this.running.all()
    for (const cancel of exchanges) cancel()
    for (const close of [...this.finalizers]) close()
    return exchanges.length > 0
  }

  /** Closes the connections to the relay. */
  close(): void {
    this.client.close()
  }
}

/** Why it is not stream; said only once the relay was reached, so that it is certain that there is one. */
const notStream = (transport: string, why: string): Effect.Effect<void> =>
  Effect.logWarning(
    transport === "classic 1"
      ? `the relay speaks classic 1 only (${why}); using classic, which needs plain requests only`
      : `PTTH_NO_WEBSOCKETS: WebSockets do not reach the relay (${why}); using classic, which needs plain requests only. ${entry("PTTH_NO_WEBSOCKETS").remedy}`,
  )
