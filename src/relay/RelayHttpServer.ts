/**
 * A relay and an Effect HTTP app at one address: the relay answers for its
 * servers and its pages below `/servers` and `/frontend`, the app for
 * everything else.
 *
 *     HttpRouter.serve(Routes).pipe(
 *       Layer.provide(RelayHttpServer.layer),
 *       Layer.provide(RelayOptions.layer({ listen: "127.0.0.1:4000", servers })),
 *       Layer.launch
 *     )
 */
import * as NodeHttpPlatform from "@effect/platform-node/NodeHttpPlatform"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Etag from "effect/http/Etag"
import type * as HttpPlatform from "effect/http/HttpPlatform"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { ExchangeError } from "../protocol/Exchange.ts"
import * as EffectApp from "../transport/app/EffectApp.ts"
import type { Handler } from "../transport/body/Handler.ts"
import { refuse } from "../transport/body/Replies.ts"
import type { BindError } from "../transport/front/NodeFront.ts"
import type { AuditLog } from "./audit/AuditLog.ts"
import type { Rendezvous } from "./dispatch/Rendezvous.ts"
import type { Inspector } from "./inspect/Inspector.ts"
import { Relay } from "./Relay.ts"
import type { Servers } from "./registry/Servers.ts"
import { RelaySettings } from "./settings/RelaySettings.ts"
import type { Traffic } from "./traffic/Traffic.ts"
import { AppBeside } from "./visitors/AppBeside.ts"

/** Which handler answers for the app; it changes when the app starts and stops. */
interface AppSlot {
  handler: Handler
}

const refusing =
  (error: ExchangeError): Handler =>
  (_head, body, reply) =>
    refuse(body, reply, error)

const notServedYet = refusing(
  new ExchangeError({ code: "PTTH_NOT_FOUND", detail: "nothing is served here yet" }),
)

const shuttingDown = refusing(
  new ExchangeError({
    code: "PTTH_DRAINING",
    detail: "the application is shutting down",
    retryAfter: 5,
  }),
)

const addressOf = ({ host, port }: Relay["Service"]): NetAddress.SocketAddress =>
  Result.getOrElse(NetAddress.inetAddressFromIpString(host, port), () =>
    NetAddress.unixPathAddress(host),
  )

const make = Effect.fnUntraced(function* (slot: AppSlot) {
  const relay = yield* Relay
  const settings = yield* RelaySettings
  return HttpServer.make({
    address: addressOf(relay),
    serve: Effect.fnUntraced(function* (app, middleware) {
      const serving = yield* Effect.scope
      const requests = Scope.forkUnsafe(serving, "parallel")
      const running = yield* EffectApp.run(app, { scope: requests, middleware })
      yield* Effect.addFinalizer(() =>
        Effect.suspend(() => {
          if (slot.handler === running.handler) slot.handler = shuttingDown
          const grace = Duration.toMillis(settings.current().shutdownGrace)
          return Effect.timeoutOption(running.idle, grace)
        }),
      )
      slot.handler = running.handler
    }),
  })
})

/**
 * The relay, and an HttpServer for the app beside it, with all that
 * `NodeHttpServer.layer` provides. Requests that run when the app stops may
 * continue for the relay's `shutdownGrace`. The app receives the same header
 * fields about its visitors as a server: `X-Forwarded-For` and the like.
 *
 * Fails if the address of the settings cannot be bound.
 */
export const layer: Layer.Layer<
  | HttpServer.HttpServer
  | NodeServices.NodeServices
  | HttpPlatform.HttpPlatform
  | Etag.Generator
  | Relay
  | Rendezvous
  | Servers
  | AuditLog
  | Traffic
  | Inspector,
  BindError,
  RelaySettings
> = Layer.suspend(() => {
  const slot: AppSlot = { handler: notServedYet }
  const app: Handler = (head, body, reply) => slot.handler(head, body, reply)
  return Layer.mergeAll(
    Layer.effect(HttpServer.HttpServer, make(slot)).pipe(
      Layer.provideMerge(Layer.fresh(Relay.layer)),
      Layer.provide(Layer.succeed(AppBeside, app)),
    ),
    NodeHttpPlatform.layer,
    Etag.layerWeak,
    NodeServices.layer,
  )
})
