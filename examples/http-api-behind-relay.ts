/**
 * An HttpApi that is reached through a relay and has no port of its own.
 *
 *     RELAY_URL=http://127.0.0.1:4000 API_KEY=... node examples/http-api-behind-relay.ts
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Effect, Layer, Schema } from "effect"
import { HttpRouter } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { TunnelHttpServer } from "ptth/server"

const Greeting = Schema.Struct({ text: Schema.String })

export const Api = HttpApi.make("greetings").add(
  HttpApiGroup.make("greetings").add(
    HttpApiEndpoint.get("greet", "/greetings/:name", {
      params: { name: Schema.String },
      success: Greeting,
    }),
  ),
)

const Handlers = HttpApiBuilder.group(Api, "greetings", (handlers) =>
  handlers.handle("greet", ({ params }) => Effect.succeed({ text: `Hello, ${params.name}!` })),
)

const Routes = HttpApiBuilder.layer(Api).pipe(Layer.provide(Handlers))

const Tunnel = Layer.unwrap(
  Effect.gen(function* () {
    const relayUrl = yield* Config.String("RELAY_URL")
    const apiKey = yield* Config.Redacted("API_KEY")
    const name = yield* Config.String("SERVER_NAME").pipe(Config.withDefault("demo"))
    return TunnelHttpServer.layer({ name, apiKey, relayUrl })
  }),
)

export const main = HttpRouter.serve(Routes).pipe(Layer.provide(Tunnel), Layer.launch)

if (import.meta.main) NodeRuntime.runMain(main)
