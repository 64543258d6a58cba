/**
 * The quick half of the smuggling tests: some hundred mixtures on each way.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Harness from "../support/Harness.ts"
import { canary } from "./Mixture.ts"
import { describeMixtures, transports, way } from "./Smuggling.ts"

const canaryRequest = `GET /servers/app/${canary} HTTP/1.1\r\nHost: app.test\r\n\r\n`

describe.each(transports)(
  "requests in every mixture of legal and illegal, over %s",
  (transport) => {
    describeMixtures(transport, 1, { directly: 250, nginx: 200 })

    it.live("nothing that follows an upgrade runs when the origin answers without one", () =>
      Effect.gen(function* () {
        const { connect, origin } = yield* way(transport, "nothing")
        yield* Harness.promised(async () => {
          for (const protocol of ["websocket", "x", "h2c", "TLS/1.0", "HTTP/2.0"]) {
            const visitor = await connect()
            await visitor.send(
              "GET /servers/app/upgrade HTTP/1.1",
              [
                ["Host", "app.test"],
                ["Connection", "Upgrade"],
                ["Upgrade", protocol],
                ["Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="],
                ["Sec-WebSocket-Version", "13"],
              ],
              protocol === "h2c" ? "" : canaryRequest,
            )
            const isRefused = transport === "classic" && protocol === "websocket"
            assert.strictEqual((await visitor.readResponse()).status, isRefused ? 501 : 200)
            if (protocol !== "h2c") assert.strictEqual((await visitor.readRest()).bytes.length, 0)
          }
          assert.isFalse(origin.seen.some(({ target }) => target.includes(canary)))
          assert.strictEqual(origin.seen.length, transport === "classic" ? 4 : 5)
        })
      }),
    )

    it.live("nothing of the rest of an upload runs that was refused early", () =>
      Effect.gen(function* () {
        const { connect, origin } = yield* way(transport, "nothing")
        origin.answer = ({ response }) => {
          response.writeHead(413, { "Content-Length": 3 })
          response.end("no\n")
        }
        yield* Harness.promised(async () => {
          for (const framing of ["Content-Length: 100000", "Transfer-Encoding: chunked"]) {
            const visitor = await connect()
            const start = framing.startsWith("T") ? "186a0\r\n" : ""
            await visitor.write(
              `POST /servers/app/early HTTP/1.1\r\nHost: app.test\r\n${framing}\r\n\r\n${start}${"x".repeat(50_000)}`,
            )
            assert.strictEqual((await visitor.readResponse()).status, 413)
            await visitor.write(canaryRequest)
            assert.strictEqual((await visitor.readRest()).bytes.length, 0)
          }
          assert.isFalse(origin.seen.some(({ target }) => target.includes(canary)))
        })
      }),
    )
  },
)
