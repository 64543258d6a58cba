/**
 * A name that is served on the links of another one of the same process where
 * the relay and the transport allow it, and otherwise on links of its own.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import type { ExchangeError } from "../protocol/Exchange.ts"
import type { Served } from "../protocol/link/ServiceFrame.ts"
import type { RequestHead } from "../protocol/Message.ts"
import type { Reply } from "../transport/body/Handler.ts"
import { ReplyWrapper } from "../transport/body/ReplyWrapper.ts"
import * as Server from "./Server.ts"
import * as HandlerGuard from "./uplink/HandlerGuard.ts"
import * as RunningRequests from "./uplink/RunningRequests.ts"
import type { SharedNames } from "./uplink/SharedNames.ts"
import { throttledRate } from "./uplink/Uplink.ts"
import type { UplinkState } from "./uplink/UplinkState.ts"

/** How long the other name's links may take, before this one opens links of its own, in milliseconds. */
const patienceMillis = 2_000

/** Serves a name until it is interrupted. */
export const run: (
  options: Server.ServerOptions,
  names: SharedNames,
) => Effect.Effect<never, never, Scope.Scope> = Effect.fn("SharedTunnel.run")(function* (
  options: Server.ServerOptions,
  names: SharedNames,
) {
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const name = new SharedName(options, names, fork)
  const { apart, refused, shared } = name
  yield* name.join
  options.onState?.(name.state)
  return yield* Effect.forever(
    Effect.raceFirst(
      shared.await,
      Effect.raceFirst(refused.await, Effect.sleep(patienceMillis)),
    ).pipe(
      Effect.andThen(Effect.raceFirst(shared.await, name.ownLinks)),
      Effect.andThen(apart.await),
      Effect.andThen(Effect.sync(() => refused.closeUnsafe())),
    ),
  )
})

/** A name, and whether the other name's links carry it. */
class SharedName {
  /** Open while the other links carry the name. */
  readonly shared = Latch.makeUnsafe(false)
  /** Open while they do not. */
  readonly apart = Latch.makeUnsafe(true)
  /** Open once the relay has refused to serve the name on the other links. */
  readonly refused = Latch.makeUnsafe(false)
  private readonly options: Server.ServerOptions
  private readonly names: SharedNames
  private readonly fork: (effect: Effect.Effect<void>) => void
  private readonly requests: RunningRequests.RunningRequests
  private isShared = false
  private url: string | undefined
  /** What pages call the name. */
  private site: string

  constructor(
    options: Server.ServerOptions,
    names: SharedNames,
    fork: (effect: Effect.Effect<void>) => void,
  ) {
    this.options = options
    this.names = names
    this.fork = fork
    this.requests = RunningRequests.of(options.handler)
    this.site = options.name
  }

  /** The state on the other links. */
  readonly state = (): UplinkState => {
    const links = this.names.linksOf(this.options.name)
    return links === 0
      ? { _tag: "Connecting" }
      : { _tag: "Connected", transport: "stream", links, roundTrip: undefined }
  }

  /** Has the other links carry the name, as soon as the relay allows it, until the Scope is closed. */
  get join(): Effect.Effect<void, never, Scope.Scope> {
    const { apiKey, name, responseMillis, throttle } = this.options
    const guarded = HandlerGuard.guard(this.requests.handler, {
      rate: throttle === true ? throttledRate : undefined,
    })
    return Effect.acquireRelease(
      Effect.sync(() =>
        this.names.add({
          name,
          apiKey,
          responseMillis,
          handler: (head, body, reply) =>
            guarded(head, body, new NamedReply(reply, head, () => this.site)),
          onChange: (answer) => this.changed(answer),
        }),
      ),
      (leave) => Effect.sync(leave),
    )
  }

  /** Serves the name on links of its own until it is interrupted. */
  get ownLinks(): Effect.Effect<never> {
    const { onConnected, onState } = this.options
    return Effect.scoped(
      Server.run({
        ...this.options,
        // Links of its own that end because the others carry the name say nothing of its state.
        ...(onState === undefined
          ? {}
          : {
              onState: (read) => {
                if (!this.isShared) onState(read)
              },
            }),
        // Its key is registered now, so that the other links may serve it too.
        onConnected: (url, site) =>
          Effect.andThen(
            Effect.sync(() => {
              this.url = url
              this.names.ask(this.options.name)
            }),
            onConnected?.(url, site) ?? Effect.void,
          ),
      }),
    )
  }

  /** The relay has accepted the name on the other links, or they carry it no more. */
  private changed(answer: Served | undefined): void {
    const wasShared = this.isShared
    this.isShared = answer !== undefined
    if (this.isShared || wasShared) this.options.onState?.(this.state)
    if (answer !== undefined) return this.accepted(answer)
    this.refused.openUnsafe()
    this.shared.closeUnsafe()
    this.apart.openUnsafe()
  }

  private accepted({ displayName, url }: Served): void {
    const { name, onConnected, onStart, onState, relayUrl } = this.options
    this.site = displayName ?? name
    const address = url ?? `${relayUrl}/servers/${name}/`
    const isNew = address !== this.url
    this.url = address
    this.apart.closeUnsafe()
    this.shared.openUnsafe()
    onStart?.(() => ({
      state: this.state(),
      url: this.url,
      requests: this.requests.count(),
      lastFailure: undefined,
    }))
    if (!isNew) return
    this.fork(
      Effect.logInfo(onState === undefined ? `connected: ${address}` : "connected").pipe(
        Effect.annotateLogs({ transport: "stream" }),
        Effect.andThen(onConnected?.(address, this.site) ?? Effect.void),
      ),
    )
  }
}

/** A reply of which failures are pages that call the server by its own name, not by that of the link. */
class NamedReply extends ReplyWrapper {
  private readonly head: RequestHead
  private readonly site: () => string

  constructor(reply: Reply, head: RequestHead, site: () => string) {
    super(reply)
    this.head = head
    this.site = site
  }

  override fail(error: ExchangeError): void {
    super.respond(...HandlerGuard.failure(this.head, error, this.site()))
  }
}
