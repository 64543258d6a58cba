/**
 * Stream, from the server: several links that are opened anew when they
 * break, for as long as the relay takes them.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type { Deadlines } from "../../transport/runtime/Deadlines.ts"
import { ListenError } from "../uplink/ListenError.ts"
import type { Uplink } from "../uplink/Uplink.ts"
import { keep, type StreamConnectionOptions } from "./StreamConnection.ts"

const defaultConnections = 2
const defaultHeartbeat = 15_000

/** The number of the link that only finds out whether stream is possible. */
const probeLink = 1_000

/** See the file's header. */
export class StreamTunnel {
  /** Keeps links until the relay does not take them; succeeds with the reason. */
  readonly untilImpossible: Effect.Effect<string>
  /** Keeps links for ever. */
  readonly always: Effect.Effect<never>
  /** Whether a link can be had now. */
  readonly probe: Effect.Effect<boolean>
  private readonly uplink: Uplink
  private readonly deadlines: Deadlines
  private readonly works = Latch.makeUnsafe(false)

  constructor(uplink: Uplink, deadlines: Deadlines) {
    this.uplink = uplink
    this.deadlines = deadlines
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

  /** Keeps the link that decides whether stream is possible; fails if it is not. */
  private get first(): Effect.Effect<void, ListenError> {
    return this.open(0).pipe(
      Effect.catch((error) => {
        this.works.closeUnsafe()
        return error.reason === "impossible" ? Effect.fail(error) : this.uplink.failed(error)
      }),
    )
  }

  /** Keeps another link as long as it lasts. */
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
      const { onState } = connection(uplink)
      return yield* keep({
        client: uplink.client,
        basePath: uplink.basePath,
        name: uplink.options.name,
        apiKey: uplink.options.apiKey,
        instance: uplink.instance,
        program: uplink.options.program,
        link: number,
        deadlines: this.deadlines,
        heartbeatMillis: uplink.options.heartbeatMillis ?? defaultHeartbeat,
        handler: uplink.handler,
        onAlive: (announced) => {
          this.works.openUnsafe()
          run(uplink.good(announced, "stream", ""))
        },
        onState,
      })
    })
  }
}

/** Has the uplink wait for a connection that drains, and close one that is still there at the end. */
const connection = (uplink: Uplink): Pick<StreamConnectionOptions, "onState"> => {
  const idle = (): void => {}
  let disown: () => unknown = idle
  let done = idle
  return {
    onState: (multiplexer, state) => {
      const close = (): void => multiplexer.close("the server stops")
      if (state === "open") disown = uplink.own(close)
      else if (state === "draining" && done === idle) done = uplink.begin(close)
      else if (state === "closed") {
        disown()
        done()
      }
    },
  }
}
