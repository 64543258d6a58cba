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
import type { TunnelState } from "./uplink/TunnelState.ts"
import { throttledRate } from "./uplink/Uplink.ts"

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
  const { apiKey, name, onStart, onState, responseMillis } = options
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const shared = Latch.makeUnsafe(false)
  const apart = Latch.makeUnsafe(true)
  /** Open once the relay has refused to serve the name on the other links. */
  const refused = Latch.makeUnsafe(false)
  const requests = RunningRequests.of(options.handler)
  const guarded = HandlerGuard.guard(requests.handler, {
    rate: options.throttle === true ? throttledRate : undefined,
  })
  let url: string | undefined
  /** What pages call the name. */
  let site: string = name
  let isShared = false
  const state = (): TunnelState => {
    const links = names.linksOf(name)
    return links === 0
      ? { _tag: "Connecting" }
      : { _tag: "Connected", transport: "stream", links, roundTrip: undefined }
  }

  const onChange = (answer: Served | undefined): void => {
    const wasShared = isShared
    isShared = answer !== undefined
    if (isShared || wasShared) onState?.(state)
    if (answer === undefined) {
      refused.openUnsafe()
      shared.closeUnsafe()
      apart.openUnsafe()
      return
    }
    site = answer.displayName ?? name
    const address = answer.url ?? `${options.relayUrl}/servers/${name}/`
    const isNew = address !== url
    url = address
    apart.closeUnsafe()
    shared.openUnsafe()
    onStart?.(() => ({
      state: state(),
      url,
      requests: requests.count(),
      lastFailure: undefined,
    }))
    if (isNew)
      fork(
        Effect.logInfo(onState === undefined ? `connected: ${address}` : "connected").pipe(
          Effect.annotateLogs({ transport: "stream" }),
          Effect.andThen(options.onConnected?.(address, site) ?? Effect.void),
        ),
      )
  }
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      names.add({
        name,
        apiKey,
        responseMillis,
        handler: (head, body, reply) =>
          guarded(head, body, new NamedReply(reply, head, () => site)),
        onChange,
      }),
    ),
    (leave) => Effect.sync(leave),
  )
  onState?.(state)
  const own = Effect.scoped(
    Server.run({
      ...options,
      // Links of its own that end because the others carry the name say nothing of its state.
      ...(onState === undefined
        ? {}
        : {
            onState: (read) => {
              if (!isShared) onState(read)
            },
          }),
      // Its key is registered now, so that the other links may serve it too.
      onConnected: (at, called) =>
        Effect.andThen(
          Effect.sync(() => {
            url = at
            names.ask(name)
          }),
          options.onConnected?.(at, called) ?? Effect.void,
        ),
    }),
  )
  return yield* Effect.forever(
    Effect.raceFirst(
      shared.await,
      Effect.raceFirst(refused.await, Effect.sleep(patienceMillis)),
    ).pipe(
      Effect.andThen(Effect.raceFirst(shared.await, own)),
      Effect.andThen(apart.await),
      Effect.andThen(Effect.sync(() => refused.closeUnsafe())),
    ),
  )
})

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
