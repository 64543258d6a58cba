/**
 * A file server with a route of its own in front, behind a relay.
 *
 *     RELAY_URL=http://127.0.0.1:4000 API_KEY=... node examples/files-with-route.ts FOLDER
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { EffectApp, FileServer } from "ptth/fileserver"
import { TunnelHttpServer } from "ptth/server"

const Routes = HttpRouter.use((router) =>
  Effect.gen(function* () {
    const root = yield* Config.String("FOLDER").pipe(
      Config.withDefault(process.argv[2] ?? "examples/sample"),
    )
    const files = yield* FileServer.make({ root })
    let visits = 0
    yield* router.add(
      "GET",
      "/visits",
      Effect.sync(() => HttpServerResponse.jsonUnsafe({ visits: ++visits })),
    )
    yield* router.add("*", "/*", EffectApp.fromHandler(files))
  }),
)

const Tunnel = Layer.unwrap(
  Effect.gen(function* () {
    const relayUrl = yield* Config.String("RELAY_URL")
    const apiKey = yield* Config.Redacted("API_KEY")
    const name = yield* Config.String("SERVER_NAME").pipe(Config.withDefault("files"))
    return TunnelHttpServer.layer({ name, apiKey, relayUrl })
  }),
)

export const main = HttpRouter.serve(Routes).pipe(Layer.provide(Tunnel), Layer.launch)

if (import.meta.main) NodeRuntime.runMain(main)
