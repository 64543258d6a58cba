/**
 * Relay and server with real reverse proxies between them, and with a proxy
 * for outgoing connections.
 */
import { createHash } from "node:crypto"
import { once } from "node:events"
import * as http from "node:http"
import * as https from "node:https"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as IpNetwork from "effect/net/IpNetwork"
import { type RawData, WebSocket, WebSocketServer } from "ws"
import * as Origin from "../../src/server/Origin.ts"
import * as Harness from "../support/Harness.ts"
import * as Proxies from "../support/Proxies.ts"

const sha = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

/** An application: echoes bodies and WebSocket messages, and tells what it saw of its visitor. */
const application = Effect.acquireRelease(
  Effect.promise(async () => {
    const server = http.createServer((req, res) => {
      res.setHeader("X-Proto", `${req.headers["x-forwarded-proto"]}`)
      res.setHeader("X-For", `${req.headers["x-forwarded-for"]}`)
      req.pipe(res)
    })
    new WebSocketServer({ server }).on("connection", (socket) =>
      socket.on("message", (message, binary) => socket.send(message, { binary })),
    )
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    return server
  }),
  (server) =>
    Effect.sync(() => {
      server.close()
      server.closeAllConnections()
    }),
).pipe(
  Effect.map((server) => new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)),
)

interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: Buffer
}

const visit = (url: string, ca: string, body?: Buffer): Effect.Effect<Answer> =>
  Effect.promise(async () => {
    const request = https.request(url, {
      ca,
      agent: false,
      method: body === undefined ? "GET" : "POST",
    })
    request.end(body)
    const [response] = (await once(request, "response")) as [http.IncomingMessage]
    const chunks: Array<Buffer> = []
    for await (const chunk of response) chunks.push(chunk as Buffer)
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: Buffer.concat(chunks),
    }
  })

const echoed = (url: string, ca: string, message: Buffer): Effect.Effect<Buffer> =>
  Effect.promise(async () => {
    const socket = new WebSocket(url.replace("https:", "wss:"), { ca })
    await once(socket, "open")
    socket.send(message)
    const [answer] = (await once(socket, "message")) as [RawData]
    socket.close()
    await once(socket, "close")
    return answer as Buffer
  })

const loopback = [IpNetwork.fromStringUnsafe("127.0.0.1/32")]

const fronts = [
  { name: "nginx", program: "nginx", start: Proxies.nginx },
  { name: "Caddy", program: "caddy", start: Proxies.caddy },
] as const

const hasOpenssl = Proxies.isInstalled("openssl")

for (const { name, program, start } of fronts) {
  const reason = !hasOpenssl
    ? "openssl is not installed"
    : Proxies.isInstalled(program)
      ? undefined
      : `${program} is not installed`
  describe.skipIf(reason !== undefined)(
    `with ${name} in front of the relay, as deploy/ has it${reason === undefined ? "" : ` (skipped: ${reason})`}`,
    () => {
      for (const transport of ["stream", "classic"] as const) {
        it.live(`${transport} carries uploads and downloads, and tells the visitor's address`, () =>
          Effect.gen(function* () {
            const made = yield* Proxies.certificate
            const relay = yield* Harness.relay({
              servers: ["app"],
              config: { trustedProxies: loopback },
            })
            const port = yield* start(relay.port, made)
            const url = `https://localhost:${port}`
            const origin = Origin.make({ origin: yield* application })
            yield* Effect.addFinalizer(() => Effect.sync(origin.close))
            const server = yield* Harness.serverAt(url, "app", origin.handler, {
              transport,
              ca: made.pem,
            })
            yield* Harness.until("it is connected", () =>
              server.lines.some((line) => line.startsWith("connected")),
            )
            assert.deepStrictEqual(
              [...new Set(relay.status("app").transports)],
              [transport === "stream" ? "stream" : "classic 2"],
            )
            const body = Buffer.alloc(3_000_000, "ptth")
            const answer = yield* visit(`${url}/servers/app/x`, made.pem, body)
            assert.strictEqual(answer.status, 200)
            assert.strictEqual(sha(answer.body), sha(body))
            assert.strictEqual(answer.headers["x-proto"], "https")
            assert.strictEqual(answer.headers["x-for"], "127.0.0.1, 127.0.0.1")
            if (transport === "classic") return
            const message = Buffer.alloc(1_000_000, "ws")
            const back = yield* echoed(`${url}/servers/app/ws`, made.pem, message)
            assert.strictEqual(sha(back), sha(message))
          }).pipe(Effect.scoped),
        )
      }
    },
  )
}

describe.skipIf(!hasOpenssl)(
  `through a proxy for outgoing connections${hasOpenssl ? "" : " (skipped: openssl is not installed)"}`,
  () => {
    for (const transport of ["stream", "classic"] as const) {
      it.live(`${transport} reaches the relay by CONNECT alone`, () =>
        Effect.gen(function* () {
          const made = yield* Proxies.certificate
          const relay = yield* Harness.relay({ servers: ["app"] })
          const port = yield* Proxies.terminator(relay.port, made)
          const proxy = yield* Proxies.connectProxy
          yield* Effect.acquireRelease(
            Effect.sync(() => {
              process.env.HTTPS_PROXY = `http://127.0.0.1:${proxy.port}`
            }),
            () =>
              Effect.sync(() => {
                delete process.env.HTTPS_PROXY
              }),
          )
          const server = yield* Harness.serverAt(
            `https://localhost:${port}`,
            "app",
            Harness.handler(() => ({ body: "hello" })),
            { transport, ca: made.pem, proxies: true },
          )
          yield* Harness.until("it is connected", () =>
            server.lines.some((line) => line.startsWith("connected")),
          )
          const answer = yield* visit(`https://localhost:${port}/servers/app/`, made.pem)
          assert.strictEqual(answer.body.toString(), "hello")
          assert.isAbove(proxy.seen.length, 0)
          assert.deepStrictEqual([...new Set(proxy.seen)], [`localhost:${port}`])
        }).pipe(Effect.scoped),
      )
    }
  },
)
