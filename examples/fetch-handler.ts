/**
 * A handler of `Request` and `Response`, as Hono, SvelteKit and others make
 * them, behind a relay. It prints its key's tripcode, and what becomes of it at
 * the relay.
 *
 *     RELAY_URL=http://127.0.0.1:4000 API_KEY=... node examples/fetch-handler.ts
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Console, Effect, Layer } from "effect"
import { HttpEffect, HttpServer } from "effect/http"
import { ApiKey, TunnelHttpServer } from "ptth/server"

const handler = async (request: Request): Promise<Response> => {
  const { pathname } = new URL(request.url)
  return Response.json({ youAskedFor: pathname, by: request.method })
}

const Tunnel = Layer.unwrap(
  Effect.gen(function* () {
    const relayUrl = yield* Config.String("RELAY_URL")
    const apiKey = yield* Config.String("API_KEY")
    const name = yield* Config.String("SERVER_NAME").pipe(Config.withDefault("demo"))
    yield* Console.log(`tripcode: ${ApiKey.tripcode(ApiKey.make(apiKey))}`)
    return TunnelHttpServer.layer({
      name,
      apiKey,
      relayUrl,
      onConnected: (url) => Console.log(`visitors find it at ${url}`),
      onRefused: Console.log("the relay does not know this key yet"),
    })
  }),
)

export const main = HttpServer.serve(HttpEffect.fromWebHandler(handler)).pipe(
  Layer.provide(Tunnel),
  Layer.launch,
)

if (import.meta.main) NodeRuntime.runMain(main)
