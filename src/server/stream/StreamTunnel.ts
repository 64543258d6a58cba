/**
 * The server's side of stream: keeps links to the relay (`LinkSet.ts`) for as
 * long as the relay speaks stream.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import { entry } from "../../domain/ErrorRegistry.ts"
import { LineWindows } from "../../transport/mux/LineWindows.ts"
import type { Deadlines } from "../../transport/runtime/Deadlines.ts"
import type { RunningClock } from "../../transport/runtime/RunningClock.ts"
import * as BackendIdentity from "../uplink/BackendIdentity.ts"
import type { ListenError } from "../uplink/ListenError.ts"
import type { Uplink } from "../uplink/Uplink.ts"
import { keepAll, type LinkEvents } from "./LinkSet.ts"
import { keep, type StreamConnectionOptions } from "./StreamConnection.ts"

const defaultHeartbeat = 15_000

/** The number of a link that is only opened to find out whether the relay speaks stream. */
const probeLink = 1_000

/** See the file's header. */
export class StreamTunnel {
  /** Keeps the links until the relay does not speak stream; succeeds with the reason. */
  readonly untilImpossible: Effect.Effect<string>
  /** Keeps the links until it is interrupted. */
  readonly always: Effect.Effect<never>
  /** Whether the relay speaks stream now. */
  readonly probe: Effect.Effect<boolean>
  private readonly uplink: Uplink
  private readonly deadlines: Deadlines
  /** Shows how old a request is. */
  private readonly clock: RunningClock
  private readonly lines = new LineWindows()
  /** Whether a link has worked since the start: then WebSockets can reach the relay. */
  hasWorked = false
  /** Open while a link works. */
  private readonly works = Latch.makeUnsafe(false)
  /** What of TLS was last warned of; see {@link warnOfTls}. */
  private hasWarned: boolean | undefined

  constructor(uplink: Uplink, deadlines: Deadlines, clock: RunningClock) {
    this.uplink = uplink
    this.deadlines = deadlines
    this.clock = clock
    const keepLinks = keepAll({
      count: uplink.options.connections,
      open: (number, have, events) => this.open(number, have, events),
      failed: (error) => uplink.failed(error),
      now: deadlines.elapsed,
      works: this.works,
    })
    this.untilImpossible = Effect.map(keepLinks, ({ detail }) => detail)
    this.always = Effect.forever(Effect.flatMap(keepLinks, (error) => uplink.failed(error)))
    const onAlive = () => this.works.openUnsafe()
    this.probe = Effect.raceFirst(
      this.open(probeLink, [], { onAlive, onRelays: () => {} }).pipe(
        Effect.catch(() => Effect.succeed(false)),
      ),
      this.works.await.pipe(Effect.as(true)),
    )
  }

  /** Logs that visitors cannot reach the server as its owner means it, if relay and server do not agree. */
  private warnOfTls(isPassed: boolean): Effect.Effect<void> {
    const hasCertificate = this.uplink.connections !== undefined
    if (isPassed === hasCertificate || this.hasWarned === isPassed) return Effect.void
    this.hasWarned = isPassed
    return isPassed
      ? Effect.logError(
          `PTTH_NO_CERTIFICATE: the relay passes visitors' TLS on to this server. ${entry("PTTH_NO_CERTIFICATE").remedy}`,
        )
      : Effect.logWarning(
          'the relay ends visitors\' TLS itself, so that tls_cert and tls_key are not used; for end-to-end encryption its entry of this server needs tls = "passthrough"',
        )
  }

  private open(
    number: number,
    have: ReadonlyArray<string>,
    { onAlive, onRelays }: LinkEvents,
  ): Effect.Effect<never, ListenError> {
    const { uplink } = this
    return Effect.gen({ self: this }, function* () {
      const run = Effect.runForkWith(yield* Effect.context<never>())
      const { onState } = registration(uplink)
      return yield* keep({
        ...BackendIdentity.of(uplink),
        link: number,
        have,
        deadlines: this.deadlines,
        clock: this.clock,
        heartbeatMillis: uplink.options.heartbeatMillis ?? defaultHeartbeat,
        lines: this.lines,
        handler: uplink.handler,
        shared: uplink.options.shared,
        connections: uplink.connections,
        failed: uplink.failure,
        onAlive: (announced, link) => {
          this.hasWorked = true
          onAlive(link)
          const connected = uplink.connected(announced, "stream", "")
          run(Effect.andThen(connected, this.warnOfTls(link.passesConnections)))
        },
        onRelays,
        onState,
      })
    })
  }
}

/** Has the uplink wait for a connection that drains, and close one that is still open at the end. */
const registration = (uplink: Uplink): Pick<StreamConnectionOptions, "onState"> => {
  const idle = (): void => {}
  let disown: () => unknown = idle
  let done = idle
  return {
    onState: (multiplexer, state) => {
      const close = (): void => multiplexer.close("the server stops")
      if (state === "open") {
        uplink.watch.opened(multiplexer)
        disown = uplink.addFinalizer(close)
        return
      }
      uplink.watch.closed(multiplexer)
      if (state === "draining" && done === idle) done = uplink.begin(close)
      else if (state === "closed") {
        disown()
        done()
      }
    },
  }
}
