import { once } from "node:events"
import * as http from "node:http"
import type { Duplex } from "node:stream"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { type RawData, WebSocket } from "ws"
import * as EffectApp from "../../../src/transport/app/EffectApp.ts"
import * as Harness from "../../support/Harness.ts"

/** Echoes every message, or every byte where the protocol is its own. */
const app = Effect.gen(function* () {
  const request = yield* HttpServerRequest
  const socket = yield* request.upgrade
  const { write } = yield* socket.writer
  const { pull } = yield* socket.reader
  yield* pull.pipe(
    Effect.flatMap((messages) => Effect.forEach(messages, write)),
    Effect.forever,
    Effect.ignore,
  )
  return HttpServerResponse.empty()
})

const served = Effect.gen(function* () {
  const relay = yield* Harness.relay({ servers: ["app"] })
  const handler = yield* EffectApp.toHandler(app, { scope: yield* Effect.scope })
  yield* Harness.server(relay, "app", handler, { transport: "stream" })
  return relay
})

describe("an Effect app behind the tunnel", () => {
  it.live("accepts a WebSocket, echoes it and hears it close", () =>
    Effect.gen(function* () {
      const relay = yield* served
      const url = `${relay.url.replace("http:", "ws:")}/servers/app/echo`
      yield* Effect.promise(async () => {
        const socket = new WebSocket(url)
        await once(socket, "open")
        const echo = async (message: string | Buffer): Promise<Buffer> => {
          socket.send(message)
          const [answer] = (await once(socket, "message")) as [RawData]
          return answer as Buffer
        }
        assert.strictEqual((await echo("hello")).toString(), "hello")
        const large = Buffer.alloc(2_000_000, "large")
        assert.isTrue((await echo(large)).equals(large))
        socket.close(1000)
        await once(socket, "close")
      })
    }).pipe(Effect.scoped),
  )

  it.live("changes to a protocol of its own and has the connection's bytes", () =>
    Effect.gen(function* () {
      const relay = yield* served
      yield* Effect.promise(async () => {
        const request = http.request(`${relay.url}/servers/app/raw`, {
          headers: { Connection: "Upgrade", Upgrade: "echo/1" },
        })
        request.end()
        const [response, connection] = (await once(request, "upgrade")) as [
          http.IncomingMessage,
          Duplex,
        ]
        assert.strictEqual(response.statusCode, 101)
        assert.strictEqual(response.headers.upgrade, "echo/1")
        connection.write("bytes")
        const [answer] = (await once(connection, "data")) as [Buffer]
        assert.strictEqual(answer.toString(), "bytes")
        connection.destroy()
      })
    }).pipe(Effect.scoped),
  )

  it.live("is refused an upgrade that the visitor did not ask for", () =>
    Effect.gen(function* () {
      const relay = yield* served
      const answer = yield* Harness.get(relay, "/servers/app/plain")
      assert.strictEqual(answer.status, 500)
    }).pipe(Effect.scoped),
  )
})
