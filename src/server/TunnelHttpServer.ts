/**
 * An Effect HttpServer that receives its requests through a relay instead of a
 * port. Apps need no change.
 *
 *     HttpRouter.serve(Routes).pipe(
 *       Layer.provide(TunnelHttpServer.layer({ name: "demo", apiKey, relayUrl })),
 *       Layer.launch
 *     )
 */
import * as NodeHttpPlatform from "@effect/platform-node/NodeHttpPlatform"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Etag from "effect/http/Etag"
import type * as HttpPlatform from "effect/http/HttpPlatform"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as ApiKey from "../domain/ApiKey.ts"
import { type ConfigError, single } from "../domain/config/ConfigError.ts"
import { parseRelayUrl } from "../domain/config/ServerKeys.ts"
import { isConfidential } from "../domain/ListenAddress.ts"
import { isServerName } from "../domain/ServerName.ts"
import * as EffectApp from "../transport/app/EffectApp.ts"
import * as Server from "./Server.ts"

/** The options of a server, as a library takes them. */
export interface TunnelOptions extends Omit<Server.ServerOptions, "name" | "apiKey" | "handler"> {
  /** The name that is registered at the relay. */
  readonly name: string
  /** The key whose tripcode the relay has registered. */
  readonly apiKey: string | Redacted.Redacted<string>
  /** Whether the key may be shown to a network by plain `http`, beyond this machine; `false` unless it is said. */
  readonly insecure?: boolean
}

const invalid = (where: string, detail: string, remedy: string): ConfigError =>
  single({ code: "PTTH_CONFIG_INVALID", where, detail, remedy })

const check = Effect.fnUntraced(function* (options: TunnelOptions) {
  const { apiKey, insecure, name, relayUrl, ...rest } = options
  const base = parseRelayUrl(relayUrl)
  const key = typeof apiKey === "string" ? apiKey : Redacted.value(apiKey)
  if (!isServerName(name))
    return yield* invalid(
      "name",
      `${JSON.stringify(name)} is not a server's name`,
      "Use 1 to 63 of the characters A-Z a-z 0-9 - _.",
    )
  if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(key))
    return yield* invalid("apiKey", "it is not a key", "Make one with `ptth keygen`.")
  if (base === undefined)
    return yield* invalid(
      "relayUrl",
      `${JSON.stringify(relayUrl)} is not the address of a relay`,
      'Use an address such as "https://relay.example.com".',
    )
  if (insecure !== true && !isConfidential(base))
    return yield* single({
      code: "PTTH_INSECURE_RELAY",
      where: base,
      detail: "plain http would show the key to the network",
      remedy: "Use https, or `insecure: true` if the network in between is trusted.",
    })
  return { ...rest, name, apiKey: ApiKey.make(key), relayUrl: base }
})

/**
 * An HttpServer on a relay. It connects when something is served with it, and
 * stays connected until that Scope is closed; then no more requests are taken,
 * running requests may go on for `graceMillis`, and the rest is interrupted. Its
 * `address` is `ptth/NAME`, which stands for no socket.
 *
 * Fails when the options cannot be used; a relay that cannot be reached is
 * tried again and again, and logged.
 */
export const make: (
  options: TunnelOptions,
) => Effect.Effect<HttpServer.HttpServer["Service"], ConfigError> = Effect.fnUntraced(function* (
  options: TunnelOptions,
) {
  const checked = yield* check(options)
  return HttpServer.make({
    address: NetAddress.unixPathAddress(`ptth/${checked.name}`),
    serve: Effect.fnUntraced(function* (app, middleware) {
      const serving = yield* Effect.scope
      const requests = Scope.forkUnsafe(serving, "parallel")
      const handler = yield* EffectApp.toHandler(app, { scope: requests, middleware })
      yield* Effect.forkIn(Effect.scoped(Server.run({ ...checked, handler })), serving)
    }),
  })
})

/** What apps need besides an HttpServer: files, entity tags, Node's services. */
export const layerHttpServices: Layer.Layer<
  NodeServices.NodeServices | HttpPlatform.HttpPlatform | Etag.Generator
> = Layer.mergeAll(NodeHttpPlatform.layer, Etag.layerWeak, NodeServices.layer)

/** The HttpServer alone; see {@link make}. */
export const layerServer = (
  options: TunnelOptions,
): Layer.Layer<HttpServer.HttpServer, ConfigError> =>
  Layer.effect(HttpServer.HttpServer, make(options))

/**
 * The HttpServer and all that `NodeHttpServer.layer` provides beside it, in
 * whose place it can be put; see {@link make}.
 */
export const layer = (
  options: TunnelOptions,
): Layer.Layer<
  HttpServer.HttpServer | NodeServices.NodeServices | HttpPlatform.HttpPlatform | Etag.Generator,
  ConfigError
> => Layer.mergeAll(layerServer(options), layerHttpServices)
