/**
 * Stream, from the server: several links that are opened anew when they
 * break, for as long as the relay takes them.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type { Deadlines } from "../transport/Deadlines.ts"
import type { Cancel, Handler } from "../transport/Handler.ts"
import type { Multiplexer } from "../transport/Multiplexer.ts"
import { ListenError } from "./ListenError.ts"
import { keep } from "./StreamConnection.ts"
import type { Uplink } from "./Uplink.ts"

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
    const more = Array.from({ length: count - 1 }, (_, i) =>
      this.works.await.pipe(Effect.andThen(this.link(i + 1)), Effect.forever),
    )
    const links = Effect.all([Effect.forever(this.link(0)), ...more], { concurrency: "unbounded" })
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

  /** Keeps a link as long as it lasts; fails only if stream is not possible. */
  private link(number: number): Effect.Effect<void, ListenError> {
    return this.open(number).pipe(
      Effect.catch((error) => {
        this.works.closeUnsafe()
        return error.reason === "impossible" ? Effect.fail(error) : this.uplink.failed(error)
      }),
    )
  }

  private open(number: number): Effect.Effect<never, ListenError> {
    const { uplink } = this
    return Effect.gen({ self: this }, function* () {
      const context = yield* Effect.context<never>()
      const run = Effect.runForkWith(context)
      let disown = (): void => {}
      return yield* keep({
        client: uplink.client,
        basePath: uplink.basePath,
        name: uplink.options.name,
        apiKey: uplink.options.apiKey,
        instance: uplink.instance,
        link: number,
        deadlines: this.deadlines,
        heartbeatMillis: uplink.options.heartbeatMillis ?? defaultHeartbeat,
        handler: counting(uplink),
        onAlive: (publicUrl) => {
          this.works.openUnsafe()
          run(uplink.good(publicUrl, "stream", ""))
        },
        onMultiplexer: (multiplexer: Multiplexer, open) => {
          if (open) disown = uplink.own(() => multiplexer.close("the server stops"))
          else disown()
        },
      })
    })
  }
}

/** The uplink's handler, each of its exchanges counted as running until its answer has been sent or given up. */
const counting =
  (uplink: Uplink): Handler =>
  (head, body, reply) => {
    let cancel: Cancel = () => {}
    const done = uplink.begin(() => cancel())
    const inner = uplink.handler(head, body, {
      fail: (error) => {
        done()
        reply.fail(error)
      },
      respond: (answer, out, sent) =>
        reply.respond(answer, out, () => {
          done()
          sent?.()
        }),
    })
    cancel = () => {
      done()
      inner()
    }
    return cancel
  }
