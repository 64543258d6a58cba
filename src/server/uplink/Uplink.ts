/**
 * What a server's transports share: the way to the relay, what runs, what has
 * been said, and how long to wait after a failure.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Random from "effect/Random"
import { tripcode } from "../../domain/ApiKey.ts"
import { entry } from "../../domain/ErrorRegistry.ts"
import * as RequestId from "../../domain/RequestId.ts"
import { prefix } from "../../protocol/Wire.ts"
import type { Cancel, Handler } from "../../transport/body/Handler.ts"
import * as NodeClient from "../../transport/net/NodeClient.ts"
import { elapsedMillis } from "../../transport/runtime/Deadlines.ts"
import { ReusableMap } from "../../transport/runtime/ReusableMap.ts"
import * as Backoff from "./Backoff.ts"
import * as HandlerGuard from "./HandlerGuard.ts"
import type { ListenError } from "./ListenError.ts"
import type { Announced } from "./RelayAddresses.ts"
import type { ServerOptions } from "./ServerOptions.ts"

/** The longest wait of a server that waits for approval, in milliseconds: somebody looks on. */
const refusedMillis = 4_000
/** The first wait of a link for which there is no room, unless the relay says one, and the longest; in milliseconds. */
const crowdedMillis = 5_000
const lastCrowdedMillis = 120_000
/** After so long without a refusal for lack of room the next one is the first again; in milliseconds. */
const crowdedSpan = 600_000
/** A relay that has been there for so long, in milliseconds, has not sent the server away at once. */
const steadyMillis = 5_000
const throttledRate = 1024 * 1024
const defaultGrace = 30_000

/** See the file's header. */
export class Uplink {
  readonly options: ServerOptions
  readonly client: NodeClient.Client
  /** Path of the relay's backend API, the prefix included. */
  readonly basePath: string
  /** Names this process to the relay. */
  readonly instance: string
  readonly handler: Handler
  /** Waits for what runs within the grace period, and cuts the rest; whether there was any. */
  readonly drain: Effect.Effect<boolean>
  private readonly base: URL
  private readonly clock: Clock.Clock
  private readonly idle = Latch.makeUnsafe(true)
  private readonly running = new ReusableMap<number, Cancel>()
  private begun = 0
  private readonly atEnd = new Set<() => void>()
  private said = ""
  private failures = 0
  /** Since when the relay has been there; `undefined` while it is not. */
  private goodSince: number | undefined
  /** How often in a row there was no room for a link, and when last. */
  private crowdings = 0
  private lastCrowded = 0
  /** When the first failure since the relay was last there was, by a clock that is never put. */
  private awaySince = 0

  constructor(options: ServerOptions, clock: Clock.Clock) {
    this.options = options
    this.clock = clock
    this.base = new URL(options.relayUrl)
    this.basePath = this.base.pathname.replace(/\/+$/, "") + prefix
    this.instance = RequestId.make(clock.currentTimeMillisUnsafe())
    this.client = NodeClient.make({
      origin: this.base,
      ca: options.ca,
      proxies: options.proxies !== false,
    })
    this.handler = HandlerGuard.serve(options.handler, {
      rate: options.throttle === true ? throttledRate : undefined,
    })
    this.drain = this.idle.await.pipe(
      Effect.timeoutOption(options.graceMillis ?? defaultGrace),
      Effect.map(() => this.cut()),
    )
  }

  /** Something to be closed at the end, after what runs; the returned function takes it back. */
  own(close: () => void): () => void {
    this.atEnd.add(close)
    return () => this.atEnd.delete(close)
  }

  /** An exchange runs until the returned function is called. */
  begin(cancel: Cancel): () => void {
    const number = this.begun++
    this.running.set(number, cancel)
    this.idle.closeUnsafe()
    return () => {
      if (this.running.delete(number) && this.running.size === 0) this.idle.openUnsafe()
    }
  }

  /** The relay is there. */
  good({ openUrl, publicUrl }: Announced, transport: string, why: string): Effect.Effect<void> {
    this.goodSince ??= elapsedMillis(this.clock)
    const path = transport === "classic 1" ? "/frontend/servers/" : "/servers/"
    const place = (publicUrl ?? this.base.href).replace(/\/+$/, "")
    const url = openUrl ?? `${place}${path}${this.options.name}/`
    return this.say(
      `connected by ${transport}`,
      Effect.annotateLogs(
        Effect.logInfo(`connected: ${url}`),
        why === "" ? { transport } : { transport, why },
      ).pipe(Effect.andThen(this.options.onConnected?.(url) ?? Effect.void)),
    )
  }

  /** The relay is not there: says so and waits. */
  failed(error: ListenError): Effect.Effect<void> {
    if (error.reason === "crowded") return this.crowded(error)
    const now = elapsedMillis(this.clock)
    if (this.goodSince !== undefined && now - this.goodSince >= steadyMillis) this.failures = 0
    this.goodSince = undefined
    if (this.failures === 0) this.awaySince = now
    this.failures += 1
    const outage = now - this.awaySince
    return this.say(error.reason, this.complaint(error)).pipe(
      Effect.andThen(Random.next),
      Effect.flatMap((random) => {
        const millis = Backoff.wait(this.failures, outage, random)
        if (error.reason === "limited") return Effect.sleep((error.retryMillis ?? 0) + millis)
        return Effect.sleep(error.reason === "refused" ? Math.min(millis, refusedMillis) : millis)
      }),
    )
  }

  /** The relay is there, but takes no more links than there are: the others are none the worse for it. */
  private crowded(error: ListenError): Effect.Effect<void> {
    const now = elapsedMillis(this.clock)
    const isNew = this.crowdings === 0 || now - this.lastCrowded > crowdedSpan
    this.crowdings = isNew ? 1 : this.crowdings + 1
    this.lastCrowded = now
    const first = error.retryMillis ?? crowdedMillis
    const most = Math.min(first * 2 ** Math.min(this.crowdings - 1, 10), lastCrowdedMillis)
    return (isNew ? this.complaint(error) : Effect.void).pipe(
      Effect.andThen(Random.next),
      Effect.flatMap((random) => Effect.sleep(first + most * random)),
    )
  }

  /** Says something once, until there is something else to say. */
  say(what: string, line: Effect.Effect<void>): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.said === what) return Effect.void
      this.said = what
      return line
    })
  }

  private complaint(error: ListenError): Effect.Effect<void> {
    const relay = this.base.origin
    switch (error.reason) {
      case "unreachable":
        return Effect.logWarning(`cannot reach the relay ${relay}: ${error.detail}; trying again`)
      case "untrusted":
        return Effect.andThen(
          Effect.logWarning(
            `the certificate of the relay ${relay} is not trusted (${error.detail}); trying again`,
          ),
          this.options.onUntrusted?.(error.detail) ?? Effect.void,
        )
      case "limited": {
        const { retryMillis } = error
        return Effect.logWarning(
          `the relay ${relay} takes nothing more from this address for now (429: ${error.detail}); ` +
            (retryMillis === undefined
              ? "trying again"
              : `trying again in ${Math.ceil(retryMillis / 1000)} s`),
        )
      }
      case "crowded":
        return Effect.logWarning(
          `PTTH_TOO_MANY_LINKS: the relay ${relay} has as many links of this server as it takes. ` +
            `${entry("PTTH_TOO_MANY_LINKS").remedy} Trying again now and then`,
        )
      case "shutting down":
        return Effect.logWarning(`the relay ${relay} is shutting down; trying again`)
      case "unexpected":
      case "impossible":
        return Effect.logWarning(
          `${relay} does not answer like a relay: ${error.detail}; trying again`,
        )
      case "refused":
        if (this.options.onRefused !== undefined) return this.options.onRefused
        return Effect.logError(
          `PTTH_KEY_REFUSED: the relay ${relay} does not know this server (${error.detail}). ` +
            `Register name = "${this.options.name}", tripcode = "${tripcode(this.options.apiKey)}" there; trying again`,
        )
    }
  }

  private cut(): boolean {
    const left = this.running.all()
    for (const cancel of left) cancel()
    for (const close of [...this.atEnd]) close()
    return left.length > 0
  }

  /** Closes what is left of the way to the relay. */
  close(): void {
    this.client.close()
  }
}
