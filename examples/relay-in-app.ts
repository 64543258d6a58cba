/**
 * A relay inside an app with routes of its own, one of which asks a server of
 * the relay. Visitors reach the server itself at `/servers/demo/`.
 *
 *     API_KEY=... LISTEN=127.0.0.1:4000 node examples/relay-in-app.ts
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { RelayHttpClient, RelayHttpServer, RelayOptions } from "ptth/relay"

const Routes = HttpRouter.use((router) =>
  Effect.gen(function* () {
    const demo = yield* RelayHttpClient.make("demo")
    yield* router.add("GET", "/", HttpServerResponse.text("the app's own page\n"))
    yield* router.add(
      "GET",
      "/asked",
      demo.get("/greetings/app").pipe(
        Effect.flatMap((answer) => answer.text),
        Effect.map((text) => HttpServerResponse.text(`the server says: ${text}\n`)),
        Effect.catch((error) =>
          Effect.succeed(HttpServerResponse.text(`${error.message}\n`, { status: 502 })),
        ),
      ),
    )
  }),
)

const Settings = Layer.unwrap(
  Effect.gen(function* () {
    const listen = yield* Config.String("LISTEN").pipe(Config.withDefault("127.0.0.1:4000"))
    const apiKey = yield* Config.Redacted("API_KEY")
    return RelayOptions.layer({ listen, servers: [{ name: "demo", apiKey }] })
  }),
)

export const main = HttpRouter.serve(Routes).pipe(
  Layer.provide(RelayHttpServer.layer),
  Layer.provide(Settings),
  Layer.launch,
)

if (import.meta.main) NodeRuntime.runMain(main)
