/**
 * The server's side of stream: keeps several links to the relay and opens each
 * again when it breaks, for as long as the relay speaks stream.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type { Deadlines } from "../../transport/runtime/Deadlines.ts"
import type { RunningClock } from "../../transport/runtime/RunningClock.ts"
import { ListenError } from "../uplink/ListenError.ts"
import type { Uplink } from "../uplink/Uplink.ts"
import { keep, type StreamConnectionOptions } from "./StreamConnection.ts"

const defaultConnections = 2
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
  /** Open while a link works, so that further links are not tried in vain. */
  private readonly works = Latch.makeUnsafe(false)

  constructor(uplink: Uplink, deadlines: Deadlines, clock: RunningClock) {
    this.uplink = uplink
    this.deadlines = deadlines
    this.clock = clock
    const count = uplink.options.connections ?? defaultConnections
    const more = Array.from({ length: count - 1 }, (_, i) => Effect.forever(this.further(i + 1)))
    const links = Effect.all([Effect.forever(this.first), ...more], { concurrency: "unbounded" })
    this.untilImpossible = links.pipe(
      Effect.andThen(Effect.never),
      Effect.catch((error) => Effect.succeed(error.detail)),
    )
    this.always = this.untilImpossible.pipe(
      Effect.flatMap((detail) => uplink.failed(new ListenError({ reason: "impossible", detail }))),
      Effect.forever,
    )
    this.probe = Effect.raceFirst(
      this.open(probeLink).pipe(Effect.catch(() => Effect.succeed(false))),
      this.works.await.pipe(Effect.as(true)),
    )
  }

  /** Keeps the first link; fails if the relay does not speak stream. */
  private get first(): Effect.Effect<void, ListenError> {
    return this.open(0).pipe(
      Effect.catch((error) => {
        this.works.closeUnsafe()
        return error.reason === "impossible" ? Effect.fail(error) : this.uplink.failed(error)
      }),
    )
  }

  /** Keeps another link until it breaks. */
  private further(number: number): Effect.Effect<void> {
    return this.works.await.pipe(
      Effect.andThen(this.open(number)),
      Effect.catch((error) => this.uplink.failed(error)),
    )
  }

  private open(number: number): Effect.Effect<never, ListenError> {
    const { uplink } = this
    return Effect.gen({ self: this }, function* () {
      const context = yield* Effect.context<never>()
      const run = Effect.runForkWith(context)
      const { onState } = registration(uplink)
      return yield* keep({
        client: uplink.client,
        basePath: uplink.basePath,
        name: uplink.options.name,
        apiKey: uplink.options.apiKey,
        instance: uplink.instance,
        program: uplink.options.program,
        responseMillis: uplink.options.responseMillis,
        link: number,
        deadlines: this.deadlines,
        clock: this.clock,
        heartbeatMillis: uplink.options.heartbeatMillis ?? defaultHeartbeat,
        handler: uplink.handler,
        onAlive: (announced) => {
          this.works.openUnsafe()
          run(uplink.connected(announced, "stream", ""))
        },
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
      if (state === "open") disown = uplink.addFinalizer(close)
      else if (state === "draining" && done === idle) done = uplink.begin(close)
      else if (state === "closed") {
        disown()
        done()
      }
    },
  }
}
