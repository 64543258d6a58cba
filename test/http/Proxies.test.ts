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
import * as Upstream from "../../src/server/upstream/Upstream.ts"
import * as Harness from "../support/Harness.ts"
import * as Proxies from "../support/Proxies.ts"

const sha = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

/** An application: echoes bodies and WebSocket messages, and tells what it saw of its visitor. */
const application = Effect.acquireRelease(
  Effect.promise(async () => {
    const server = http.createServer((req, res) => {
      res.setHeader("X-Proto", `${req.headers["x-forwarded-proto"]}`)
      res.setHeader("X-For", `${req.headers["x-forwarded-for"]}`)
      res.setHeader("X-Prefix", `${req.headers["x-forwarded-prefix"] ?? "none"}`)
      res.setHeader("X-Steps", `${req.headers.forwarded}`)
      res.setHeader("X-User", `${req.headers["x-forwarded-user"]}`)
      res.setHeader("X-Cookies", `${req.headers.cookie}`)
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

const visit = (
  url: string,
  ca: string,
  body?: Buffer,
  headers: http.OutgoingHttpHeaders = {},
): Effect.Effect<Answer> =>
  Effect.promise(async () => {
    const request = https.request(url, {
      ca,
      agent: false,
      headers,
      // Not everybody's resolver knows what is below localhost.
      lookup: (_host, options, done) =>
        options.all === true
          ? done(null, [{ address: "127.0.0.1", family: 4 }])
          : done(null, "127.0.0.1", 4),
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
              config: { trustedProxies: loopback, domain: Proxies.domain },
            })
            const port = yield* start(relay.port, made)
            const url = `https://localhost:${port}`
            const origin = Upstream.make({ origin: yield* application })
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
            const spoofed = yield* visit(
              `https://app.${Proxies.domain}:${port}/y`,
              made.pem,
              body,
              {
                "X-Forwarded-For": "192.0.2.1",
                "X-Forwarded-Prefix": "/spoofed",
                Forwarded: "for=192.0.2.1",
              },
            )
            assert.strictEqual(sha(spoofed.body), sha(body))
            assert.strictEqual(spoofed.headers["x-for"], "127.0.0.1, 127.0.0.1")
            assert.strictEqual(spoofed.headers["x-prefix"], "none")
            assert.notInclude(spoofed.headers["x-steps"], "192.0.2.1")
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

/** Stands for oauth2-proxy: whoever has its cookie has signed in. */
const signIn = Effect.acquireRelease(
  Effect.promise(async () => {
    const server = http.createServer((req, res) => {
      const user = /(?:^|; )_oauth2_proxy=(\w+)/.exec(req.headers.cookie ?? "")?.[1]
      if (req.url !== "/oauth2/auth") res.end("sign in here")
      else if (user === undefined) res.writeHead(401).end()
      else res.writeHead(202, { "X-Auth-Request-Email": `${user}@example.com` }).end()
    })
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    return server
  }),
  (server) =>
    Effect.sync(() => {
      server.close()
      server.closeAllConnections()
    }),
).pipe(Effect.map((server) => (server.address() as AddressInfo).port))

const noNginx = !hasOpenssl
  ? " (skipped: openssl is not installed)"
  : Proxies.isInstalled("nginx")
    ? ""
    : " (skipped: nginx is not installed)"

describe.skipIf(noNginx !== "")(
  `with nginx that asks visitors to sign in, as deploy/ has it${noNginx}`,
  () => {
    it.live("only who has signed in gets in, and servers see nothing of it", () =>
      Effect.gen(function* () {
        const made = yield* Proxies.certificate
        const rules = { users: [], tokens: [], userHeader: "x-forwarded-user", allow: undefined }
        const relay = yield* Harness.relay({
          servers: ["app", { name: "few", auth: { ...rules, allow: ["ann@example.com"] } }],
          config: {
            trustedProxies: loopback,
            domain: Proxies.domain,
            privateCookies: ["_oauth2_proxy"],
            frontendAuth: rules,
          },
        })
        const port = yield* Proxies.nginxWithSignIn(relay.port, made, yield* signIn)
        const url = `https://localhost:${port}`
        const origin = Upstream.make({ origin: yield* application })
        yield* Effect.addFinalizer(() => Effect.sync(origin.close))
        for (const name of ["app", "few"]) {
          const server = yield* Harness.serverAt(url, name, origin.handler, {
            transport: name === "app" ? "stream" : "classic",
            ca: made.pem,
          })
          yield* Harness.until(`${name} is connected`, () =>
            server.lines.some((line) => line.startsWith("connected")),
          )
        }
        const own = `https://app.${Proxies.domain}:${port}`
        const ask = (address: string, cookie?: string, body?: Buffer) =>
          visit(address, made.pem, body, {
            "X-Forwarded-User": "spoofed@example.com",
            "X-Auth-Request-Email": "spoofed@example.com",
            ...(cookie === undefined ? {} : { Cookie: cookie }),
          })

        for (const address of [`${url}/servers/app/x`, `${url}/frontend/servers/`, `${own}/x?y`]) {
          const { pathname, search } = new URL(address)
          const answer = yield* ask(address)
          assert.strictEqual(answer.status, 302)
          assert.strictEqual(
            answer.headers.location,
            `https://relay.localhost/oauth2/start?rd=${new URL(address).origin}${pathname}${search}`,
          )
        }
        assert.include(`${(yield* ask(`${own}/oauth2/start`)).body}`, "sign in here")

        const body = Buffer.alloc(300_000, "signed in")
        for (const address of [`${url}/servers/app/x`, `${own}/x`]) {
          const answer = yield* ask(address, "a=1; _oauth2_proxy=ann; _oauth2_proxy_1=x", body)
          assert.strictEqual(answer.status, 200)
          assert.strictEqual(sha(answer.body), sha(body))
          assert.strictEqual(answer.headers["x-user"], "undefined")
          assert.strictEqual(answer.headers["x-cookies"], "a=1")
        }
        const few = `https://few.${Proxies.domain}:${port}/`
        assert.strictEqual((yield* ask(few, "_oauth2_proxy=ann")).status, 200)
        assert.strictEqual((yield* ask(few, "_oauth2_proxy=bob")).status, 403)

        // nginx asks nobody here, so the relay must not take the visitor's word.
        for (const path of ["/7ZSFUKGV/x", "/scraper/x"])
          assert.strictEqual((yield* ask(own + path)).status, 403)
        assert.strictEqual((yield* ask(`${url}/healthz`)).status, 200)
      }).pipe(Effect.scoped),
    )
  },
)

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

describe("stream to a relay without TLS, through a proxy for outgoing connections", () => {
  const connected = Effect.fnUntraced(function* (proxyPort: number) {
    const relay = yield* Harness.relay({ servers: ["app"] })
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        process.env.HTTP_PROXY = `http://127.0.0.1:${proxyPort}`
      }),
      () =>
        Effect.sync(() => {
          delete process.env.HTTP_PROXY
        }),
    )
    const server = yield* Harness.serverAt(
      `http://127.0.0.1:${relay.port}`,
      "app",
      Harness.handler(() => ({ body: "hello" })),
      { transport: "stream", proxies: true },
    )
    yield* Harness.until("it is connected", () =>
      server.lines.some((line) => line.startsWith("connected")),
    )
    assert.strictEqual((yield* Harness.visit(relay, "/servers/app/")).text, "hello")
    return `127.0.0.1:${relay.port}`
  })

  it.live("uses CONNECT, since many proxies do not pass a change of protocol on", () =>
    Effect.gen(function* () {
      const proxy = yield* Proxies.connectProxy
      const place = yield* connected(proxy.port)
      assert.deepStrictEqual([...new Set(proxy.seen)], [place])
    }).pipe(Effect.scoped),
  )

  it.live("is asked as for any other request where CONNECT is refused", () =>
    Effect.gen(function* () {
      const proxy = yield* Proxies.upgradingProxy
      const place = yield* connected(proxy.port)
      assert.deepStrictEqual([...new Set(proxy.seen)], [`CONNECT ${place}`, `GET ${place}`])
    }).pipe(Effect.scoped),
  )
})
