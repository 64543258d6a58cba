/**
 * The server's end of the tunnel: it listens to its relay for as long as it
 * lives, gives every request to its handler, and sends the answers. Whatever
 * happens, it keeps trying.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { type ApiKey, tripcode } from "../domain/ApiKey.ts"
import * as RequestId from "../domain/RequestId.ts"
import type { ServerName } from "../domain/ServerName.ts"
import { maxAcks, prefix } from "../protocol/Wire.ts"
import type { Cancel, Handler } from "../transport/Handler.ts"
import * as NodeClient from "../transport/NodeClient.ts"
import * as Backoff from "./Backoff.ts"
import * as ClassicExchange from "./ClassicExchange.ts"
import { type ListenError, type Listened, listen } from "./ClassicListen.ts"

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
}

const throttledRate = 1024 * 1024
const listeners = 4
const defaultGrace = 30_000

/**
 * Serves through the relay until it is interrupted; then it takes no more
 * requests, lets what runs finish within the grace period, and cuts the rest.
 */
export const run: (options: ServerOptions) => Effect.Effect<never, never, Scope.Scope> = Effect.fn(
  "Server.run",
)(function* (options: ServerOptions) {
  const base = new URL(options.relayUrl)
  const client = NodeClient.make({
    origin: base,
    ca: options.ca,
    proxies: options.proxies !== false,
  })
  const clock = yield* Clock.Clock
  const server = new Tunnel(options, client, base, clock)
  yield* Effect.addFinalizer(() => server.drain)
  const extra = Array.from({ length: listeners - 1 }, () =>
    server.parallel.await.pipe(Effect.andThen(server.listenOnce), Effect.forever),
  )
  return yield* Effect.all([Effect.forever(server.listenOnce), ...extra], {
    concurrency: "unbounded",
  }).pipe(Effect.andThen(Effect.never))
})

class Tunnel {
  /** Open while the relay lets a server have several listens. */
  readonly parallel = Latch.makeUnsafe(false)
  readonly listenOnce: Effect.Effect<void>
  readonly drain: Effect.Effect<void>
  private readonly options: ServerOptions
  private readonly client: NodeClient.Client
  private readonly base: URL
  private readonly basePath: string
  private readonly instance: string
  private readonly running = new Map<string, Cancel>()
  private readonly idle = Latch.makeUnsafe(true)
  private acks: Array<string> = []
  private said = ""
  private failures = 0
  private lastGood: number
  private readonly clock: Clock.Clock

  constructor(options: ServerOptions, client: NodeClient.Client, base: URL, clock: Clock.Clock) {
    this.options = options
    this.client = client
    this.base = base
    this.clock = clock
    this.basePath = base.pathname.replace(/\/+$/, "") + prefix
    this.lastGood = clock.currentTimeMillisUnsafe()
    this.instance = RequestId.make(this.lastGood)
    this.listenOnce = this.poll().pipe(
      Effect.matchEffect({
        onSuccess: (listened) => this.onListened(listened),
        onFailure: (error) => this.onFailed(error),
      }),
    )
    this.drain = this.idle.await.pipe(
      Effect.timeoutOption(options.graceMillis ?? defaultGrace),
      Effect.andThen(
        Effect.sync(() => {
          for (const cancel of [...this.running.values()]) cancel()
          client.close()
        }),
      ),
    )
  }

  private poll(): Effect.Effect<Listened, ListenError> {
    return Effect.suspend(() =>
      listen({
        client: this.client,
        basePath: this.basePath,
        name: this.options.name,
        apiKey: this.options.apiKey,
        instance: this.instance,
        acks: this.acks.splice(0, maxAcks),
      }),
    )
  }

  private onListened(listened: Listened): Effect.Effect<void> {
    if (listened.dialect === "classic 2") this.parallel.openUnsafe()
    else this.parallel.closeUnsafe()
    this.lastGood = this.clock.currentTimeMillisUnsafe()
    this.failures = 0
    for (const entry of listened.entries) {
      if (entry._tag === "Cancel") this.running.get(entry.id)?.()
      else this.answer(entry, listened.dialect)
    }
    const path = listened.dialect === "classic 1" ? "/frontend/servers/" : "/servers/"
    const place = (listened.publicUrl ?? this.base.href).replace(/\/+$/, "")
    return this.say(
      "connected",
      Effect.annotateLogs(Effect.logInfo(`connected: ${place}${path}${this.options.name}/`), {
        transport: listened.dialect,
      }),
    )
  }

  private answer(
    offer: Parameters<typeof ClassicExchange.start>[0],
    dialect: Listened["dialect"],
  ): void {
    this.acks.push(offer.id)
    this.idle.closeUnsafe()
    let over = false
    const cancel = ClassicExchange.start(offer, {
      client: this.client,
      basePath: this.basePath,
      apiKey: this.options.apiKey,
      dialect,
      handler: this.options.handler,
      rate: this.options.throttle === true ? throttledRate : undefined,
      onOver: () => {
        over = true
        this.running.delete(offer.id)
        if (this.running.size === 0) this.idle.openUnsafe()
      },
    })
    if (!over) this.running.set(offer.id, cancel)
  }

  private onFailed(error: ListenError): Effect.Effect<void> {
    this.parallel.closeUnsafe()
    this.failures += 1
    const outage = this.clock.currentTimeMillisUnsafe() - this.lastGood
    return Random.next.pipe(
      Effect.map((random) => Backoff.wait(this.failures, outage, random)),
      Effect.tap(() => this.say(error.reason, this.complaint(error))),
      Effect.flatMap((millis) => Effect.sleep(millis)),
    )
  }

  private complaint(error: ListenError): Effect.Effect<void> {
    const relay = this.base.origin
    switch (error.reason) {
      case "unreachable":
        return Effect.logWarning(`cannot reach the relay ${relay}: ${error.detail}; trying again`)
      case "shutting down":
        return Effect.logWarning(`the relay ${relay} is shutting down; trying again`)
      case "unexpected":
        return Effect.logWarning(
          `${relay} does not answer like a relay: ${error.detail}; trying again`,
        )
      case "refused":
        return Effect.logError(
          `PTTH_KEY_REFUSED: the relay ${relay} does not know this server (${error.detail}). ` +
            `Register name = "${this.options.name}", tripcode = "${tripcode(this.options.apiKey)}" there; trying again`,
        )
    }
  }

  /** Says something once, until there is something else to say. */
  private say(what: string, line: Effect.Effect<void>): Effect.Effect<void> {
    if (this.said === what) return Effect.void
    this.said = what
    return line
  }
}
