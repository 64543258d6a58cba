/**
 * A server that answers everything with the same 1 KiB, at one of the two
 * levels of the contract: run by `bench/levels.ts` with the relay's address,
 * the number of an idle server whose name and key it takes, and the level.
 */
import * as Effect from "effect/Effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import * as Layer from "effect/Layer"
import { make } from "../src/domain/ApiKey.ts"
import type { ServerName } from "../src/domain/ServerName.ts"
import * as Server from "../src/server/Server.ts"
import * as TunnelHttpServer from "../src/server/TunnelHttpServer.ts"
import { fromBytes } from "../src/transport/body/Body.ts"
import { idleKey, idleName } from "./IdleNames.ts"

const [relayUrl = "", number = "0", level = ""] = process.argv.slice(2)
const bytes = new Uint8Array(1024).fill(120)
const name = idleName(Number(number))
const key = idleKey(Number(number))

const byCallbacks = Effect.scoped(
  Server.run({
    name: name as ServerName,
    apiKey: make(key),
    relayUrl,
    handler: (_head, _body, reply) => {
      reply.respond({ status: 200, headers: [["Content-Type", "text/plain"]] }, fromBytes(bytes))
      return () => {}
    },
  }),
)

const byEffect = HttpRouter.serve(
  HttpRouter.use((router) =>
    router.add(
      "*",
      "/*",
      Effect.sync(() => HttpServerResponse.uint8Array(bytes, { contentType: "text/plain" })),
    ),
  ),
  { disableLogger: true },
).pipe(Layer.provide(TunnelHttpServer.layer({ name, apiKey: key, relayUrl })), Layer.launch)

process.on("SIGTERM", () => process.exit(0))
Effect.runFork(level === "effect" ? byEffect : byCallbacks)
