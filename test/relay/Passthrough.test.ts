/**
 * Visitors' TLS that ends at the server: the relay reads the name of the host
 * only, and passes all bytes on.
 */
import { createHash, X509Certificate } from "node:crypto"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import * as http2 from "node:http2"
import * as https from "node:https"
import * as net from "node:net"
import * as tls from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { WebSocket } from "ws"
import * as Certificate from "../../src/transport/net/Certificate.ts"
import * as Harness from "../support/Harness.ts"
import { listening } from "../support/LocalServer.ts"
import * as Proxies from "../support/Proxies.ts"
import { webSocketApplication } from "../support/webSocketApplication.ts"

const hasOpenssl = Proxies.isInstalled("openssl")
const reason = hasOpenssl ? "" : " (skipped: openssl is not installed)"

const made = Effect.scoped(
  Effect.map(Proxies.certificate, ({ key, pem }) => ({
    pem,
    certificate: Certificate.make(pem, readFileSync(key, "utf8")),
    fingerprint: new X509Certificate(pem).fingerprint256,
  })),
)

/** The relay's own certificate and that of its server, the same in all tests. */
const both = Effect.runSync(Effect.cached(Effect.all([made, made])))

const domain = "relay.example"
const attic = `attic.${domain}`

/** A relay, and the two certificates. */
const siteOf = Effect.fnUntraced(function* (options: Harness.RelayOptions = {}) {
  const [own, servers] = yield* both
  const relay = yield* Harness.relay({
    servers: [{ name: "attic", tls: "passthrough" }, "shop"],
    ...options,
    config: { domain, tls: own.certificate, ...options.config },
  })
  const url = `https://localhost:${relay.port}`
  const connect = Effect.fnUntraced(function* (
    name: string,
    handler: Parameters<typeof Harness.serverAt>[2],
    more: Harness.ServerOptions = {},
  ) {
    const server = yield* Harness.serverAt(url, name, handler, {
      transport: "stream",
      ca: own.pem,
      ...more,
    })
    yield* Harness.until(`${name} is connected`, () =>
      server.lines.some((line) => line.startsWith("connected")),
    )
    return server
  })
  return { relay, own, servers, connect }
})

/** Opens a connection to the relay as the client of a host. */
const secure = (
  { port }: { readonly port: number },
  servername: string,
): Effect.Effect<tls.TLSSocket, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const socket = tls.connect({ host: "127.0.0.1", port, servername, rejectUnauthorized: false })
      await once(socket, "secureConnect")
      socket.on("error", () => {})
      return socket
    }),
    (socket) => Effect.sync(() => socket.destroy()),
  )

/** A connection with HTTP/2 as the client of a host. */
const http2Session = (
  { port }: { readonly port: number },
  servername: string,
): Effect.Effect<http2.ClientHttp2Session, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() =>
      http2.connect(`https://${servername}`, {
        createConnection: () =>
          tls.connect({
            host: "127.0.0.1",
            port,
            servername,
            ALPNProtocols: ["h2"],
            rejectUnauthorized: false,
          }),
      }),
    ),
    (session) => Effect.sync(() => session.destroy()),
  )

/** What becomes of a connection that is not answered: the alert, or how it ended. */
const refusal = ({ port }: { readonly port: number }, servername: string): Effect.Effect<string> =>
  Effect.promise(async () => {
    const socket = tls.connect({ host: "127.0.0.1", port, servername, rejectUnauthorized: false })
    const [error] = await once(socket, "error")
    return String(error.code ?? error)
  })

interface Answer {
  readonly status: number
  readonly body: Buffer
  readonly fingerprint: string
  readonly location: string | undefined
}

const ask = (
  { port }: { readonly port: number },
  host: string,
  path: string,
  options: https.RequestOptions & { readonly content?: Buffer } = {},
): Effect.Effect<Answer> =>
  Effect.promise(async () => {
    const request = https.request({
      host: "127.0.0.1",
      port,
      path,
      servername: host,
      headers: { Host: host },
      rejectUnauthorized: false,
      agent: false,
      method: options.content === undefined ? "GET" : "POST",
      ...options,
    })
    request.end(options.content)
    const [response] = await once(request, "response")
    const { fingerprint256 } = response.socket.getPeerCertificate()
    const chunks: Array<Buffer> = []
    for await (const chunk of response) chunks.push(chunk as Buffer)
    return {
      status: response.statusCode ?? 0,
      body: Buffer.concat(chunks),
      fingerprint: fingerprint256,
      location: response.headers.location,
    }
  })

const sha = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

/** Says which fields it saw. */
const told = Harness.handler((call) => ({
  body: call.head.headers.map(([name, value]) => `${name.toLowerCase()}: ${value}`).join("\n"),
}))

describe.skipIf(!hasOpenssl)(`a server whose visitors' TLS ends there${reason}`, () => {
  it.live("shows its own certificate, beside others for which the relay shows one", () =>
    Effect.gen(function* () {
      const { connect, own, relay, servers } = yield* siteOf()
      yield* connect("attic", Harness.echo, { certificate: servers.certificate })
      yield* connect("shop", Harness.echo)
      const content = Buffer.alloc(3_000_000, "ptth")
      for (const [host, fingerprint] of [
        [attic, servers.fingerprint],
        [`shop.${domain}`, own.fingerprint],
      ] as const) {
        const answer = yield* ask(relay, host, "/x", { content })
        assert.strictEqual(answer.status, 200)
        assert.strictEqual(sha(answer.body), sha(content))
        assert.strictEqual(answer.fingerprint, fingerprint)
      }
      const unknown = yield* ask(relay, `unknown.${domain}`, "/")
      assert.strictEqual(unknown.fingerprint, own.fingerprint)
      assert.strictEqual(unknown.status, 404)
      const agent = new https.Agent({ keepAlive: true, maxSockets: 1 })
      for (let i = 0; i < 3; i++) {
        const again = yield* ask(relay, attic, "/y", { agent, content: Buffer.from(`${i}`) })
        assert.strictEqual(again.body.toString(), `${i}`)
      }
      agent.destroy()
    }).pipe(Effect.scoped),
  )

  it.live("knows its visitor's address, and nothing that the visitor claims", () =>
    Effect.gen(function* () {
      const { connect, relay, servers } = yield* siteOf()
      yield* connect("attic", told, { certificate: servers.certificate })
      const { body } = yield* ask(relay, attic, "/", {
        headers: {
          Host: attic,
          "X-Forwarded-For": "192.0.2.1",
          X_Real_IP: "192.0.2.1",
          "X-Forwarded-User": "admin",
          x_forwarded_groups: "admin",
        },
      })
      const text = body.toString()
      assert.include(text, "x-forwarded-for: 127.0.0.1\n")
      assert.include(text, "x-forwarded-proto: https\n")
      assert.include(text, `x-forwarded-host: ${attic}\n`)
      assert.include(text, `host: ${attic}\n`)
      assert.notInclude(text, "192.0.2.1")
      assert.notInclude(text, "admin")
      assert.notInclude(text, "connection: close")
    }).pipe(Effect.scoped),
  )

  it.live("speaks HTTP/2 with those who prefer it, many requests on one connection", () =>
    Effect.gen(function* () {
      const { connect, relay, servers } = yield* siteOf()
      yield* connect("attic", told, { certificate: servers.certificate })
      const session = yield* http2Session(relay, attic)
      const texts = yield* Effect.promise(() =>
        Promise.all(
          Array.from({ length: 20 }, async () => {
            const chunks: Array<Buffer> = []
            for await (const chunk of session.request({ ":path": "/" }))
              chunks.push(chunk as Buffer)
            return Buffer.concat(chunks).toString()
          }),
        ),
      )
      for (const text of texts) {
        assert.include(text, "x-forwarded-for: 127.0.0.1\n")
        assert.include(text, `host: ${attic}`)
      }
    }).pipe(Effect.scoped),
  )

  it.live("answers for no other host on a connection, whatever its certificate is good for", () =>
    Effect.gen(function* () {
      const { connect, relay, servers } = yield* siteOf()
      yield* connect("attic", told, { certificate: servers.certificate })
      const other = `shop.${domain}`
      const misdirected = yield* ask(relay, attic, "/", { headers: { Host: other } })
      assert.strictEqual(misdirected.status, 421)
      assert.include(misdirected.body.toString(), "PTTH_NOT_HERE")
      const spelled = yield* ask(relay, attic, "/", {
        headers: { Host: "ATTIC.relay.example.:443" },
      })
      assert.strictEqual(spelled.status, 200)
      const session = yield* http2Session(relay, attic)
      const statusAt = (authority: string) =>
        Effect.promise(async () => {
          const stream = session.request({ ":path": "/", ":authority": authority })
          const [fields] = await once(stream, "response")
          stream.resume()
          return fields[":status"]
        })
      assert.strictEqual(yield* statusAt(attic), 200)
      assert.strictEqual(yield* statusAt(other), 421)
      assert.strictEqual(yield* statusAt(attic), 200)
    }).pipe(Effect.scoped),
  )

  it.live("has WebSockets", () =>
    Effect.gen(function* () {
      const { connect, relay, servers } = yield* siteOf()
      const application = yield* webSocketApplication()
      yield* connect("attic", application, { certificate: servers.certificate })
      const socket = new WebSocket(`wss://127.0.0.1:${relay.port}/chat`, {
        headers: { Host: attic },
        rejectUnauthorized: false,
        createConnection: () =>
          tls.connect({
            host: "127.0.0.1",
            port: relay.port,
            servername: attic,
            rejectUnauthorized: false,
          }),
      })
      yield* Effect.promise(() => once(socket, "open"))
      socket.send("hello")
      const [message] = yield* Effect.promise(() => once(socket, "message"))
      assert.strictEqual(String(message), "hello")
      socket.terminate()
    }).pipe(Effect.scoped),
  )

  it.live("is counted by the relay, which learns neither addresses nor statuses", () =>
    Effect.gen(function* () {
      const { connect, relay, servers } = yield* siteOf({ config: { accessLog: "json" } })
      yield* connect("attic", Harness.echo, { certificate: servers.certificate })
      yield* ask(relay, attic, "/secret?token=secret", { content: Buffer.alloc(100_000) })
      yield* Harness.until(
        "the connection is over",
        () => relay.traffic.server("attic").inFlight === 0,
      )
      const { bytesIn, bytesOut, requests } = relay.traffic.server("attic")
      assert.strictEqual(requests, 1)
      assert.isAbove(bytesIn, 100_000)
      assert.isAbove(bytesOut, 100_000)
      assert.isFalse(relay.lines.some((line) => line.includes("secret")))
    }).pipe(Effect.scoped),
  )

  it.live("is reached over another relay of a cluster, too", () =>
    Effect.gen(function* () {
      const [own, servers] = yield* both
      const { relays } = yield* Harness.cluster(["a.0", "b.0"], {
        servers: [{ name: "attic", tls: "passthrough" }],
        config: { domain, tls: own.certificate },
      })
      const [first, second] = relays as [Harness.ClusterRelay, Harness.ClusterRelay]
      yield* Harness.serverAt(`https://localhost:${first.port}`, "attic", told, {
        transport: "stream",
        connections: 1,
        ca: own.pem,
        certificate: servers.certificate,
      })
      yield* Harness.knowsLinks(second, "attic", 1)
      const answer = yield* ask(second, attic, "/")
      assert.strictEqual(answer.fingerprint, servers.fingerprint)
      assert.include(answer.body.toString(), "x-forwarded-for: 127.0.0.1\n")
    }).pipe(Effect.scoped),
  )

  it.live("stops without waiting for idle connections, after the answers that are under way", () =>
    Effect.gen(function* () {
      const { connect, relay, servers } = yield* siteOf()
      const handler = Harness.handler((call) => ({
        body: call.head.target === "/slow" ? "slow" : "fast",
      }))
      const server = yield* connect("attic", handler, {
        certificate: servers.certificate,
        grace: "1 minute",
      })
      const socket = yield* secure(relay, attic)
      socket.write(`GET / HTTP/1.1\r\nHost: ${attic}\r\n\r\n`)
      const [bytes] = yield* Effect.promise(() => once(socket, "data"))
      assert.include(String(bytes), "fast")
      const closed = once(socket, "close")
      socket.resume()
      yield* server.stop
      yield* Effect.promise(() => closed)
    }).pipe(Effect.scoped),
  )
})

describe.skipIf(!hasOpenssl)(`a relay that passes connections on${reason}`, () => {
  it.live("refuses them with an alert if there is nobody who takes them", () =>
    Effect.gen(function* () {
      const { connect, relay } = yield* siteOf({ waitForServer: 0 })
      assert.strictEqual(yield* refusal(relay, attic), "ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR")
      const server = yield* connect("attic", Harness.echo)
      assert.isTrue(server.lines.some((line) => line.includes("PTTH_NO_CERTIFICATE")))
      assert.strictEqual(yield* refusal(relay, attic), "ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR")
      assert.isTrue(relay.traffic.server("attic").errors.has("PTTH_NO_PASSTHROUGH"))
      assert.include(relay.status("attic").reason, "takes no connections")
    }).pipe(Effect.scoped),
  )

  it.live("tells a server that speaks classic what it needs", () =>
    Effect.gen(function* () {
      const { own, relay, servers } = yield* siteOf()
      const url = `https://localhost:${relay.port}`
      const server = yield* Harness.serverAt(url, "attic", Harness.echo, {
        transport: "classic",
        ca: own.pem,
        certificate: servers.certificate,
      })
      yield* Harness.until("it is told", () =>
        server.lines.some((line) => line.includes("PTTH_NEEDS_STREAM")),
      )
    }).pipe(Effect.scoped),
  )

  it.live("tells a server that its certificate is not used", () =>
    Effect.gen(function* () {
      const { connect, servers } = yield* siteOf()
      const server = yield* connect("shop", Harness.echo, { certificate: servers.certificate })
      yield* Harness.until("it is told", () =>
        server.lines.some((line) => line.includes('tls = "passthrough"')),
      )
    }).pipe(Effect.scoped),
  )

  it.live("answers no request for such a server itself", () =>
    Effect.gen(function* () {
      const { connect, relay, servers } = yield* siteOf()
      yield* connect("attic", Harness.echo, { certificate: servers.certificate })
      const path = yield* ask(relay, domain, "/servers/attic/x?y")
      assert.strictEqual(path.status, 308)
      assert.strictEqual(path.location, `https://${attic}/x?y`)
      const fronted = yield* ask(relay, domain, "/", { headers: { Host: attic } })
      assert.strictEqual(fronted.status, 421)
      assert.include(fronted.body.toString(), "PTTH_NOT_HERE")
    }).pipe(Effect.scoped),
  )

  it.live(
    "knows hosts that are not below its domain, and reads nothing for their servers either",
    () =>
      Effect.gen(function* () {
        const host = "files.example"
        const { connect, relay, servers } = yield* siteOf({
          servers: [{ name: "attic", tls: "passthrough", hosts: [host] }],
          config: { domain: undefined },
        })
        yield* connect("attic", Harness.echo, { certificate: servers.certificate })
        assert.strictEqual((yield* ask(relay, host, "/")).fingerprint, servers.fingerprint)
        const path = yield* ask(relay, domain, "/servers/attic/x")
        assert.strictEqual(path.location, `https://${host}/x`)
        const fronted = yield* ask(relay, domain, "/", { headers: { Host: host } })
        assert.strictEqual(fronted.status, 421)
      }).pipe(Effect.scoped),
  )

  it.live("takes the first message of a client however it comes, and nothing else for one", () =>
    Effect.gen(function* () {
      const { connect, own, relay, servers } = yield* siteOf()
      yield* connect("attic", Harness.echo, { certificate: servers.certificate })
      // A proxy between client and relay that sends byte by byte.
      const slow = net.createServer((client) => {
        const relayed = net.connect(relay.port, "127.0.0.1")
        relayed.setNoDelay(true)
        client.on("data", (bytes) => {
          for (const byte of bytes) relayed.write(Buffer.from([byte]))
        })
        relayed.pipe(client)
        for (const socket of [client, relayed]) socket.on("error", () => {})
      })
      const port = yield* listening(slow)
      assert.strictEqual((yield* ask({ port }, attic, "/")).fingerprint, servers.fingerprint)
      assert.strictEqual((yield* ask({ port }, domain, "/healthz")).fingerprint, own.fingerprint)
      const garbage = (bytes: Buffer): Effect.Effect<Buffer> =>
        Effect.promise(async () => {
          const socket = net.connect(relay.port, "127.0.0.1")
          const chunks: Array<Buffer> = []
          socket.on("data", (chunk) => chunks.push(chunk as Buffer))
          socket.on("error", () => {})
          socket.write(bytes)
          await once(socket, "close")
          return Buffer.concat(chunks)
        })
      const huge = Buffer.concat([
        Buffer.from([22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff]),
        Buffer.alloc(60_000),
      ])
      for (const bytes of [Buffer.from("GET / HTTP/1.1\r\n\r\n"), huge])
        assert.notInclude((yield* garbage(bytes)).toString(), "HTTP")
      assert.strictEqual((yield* ask(relay, attic, "/")).status, 200)
    }).pipe(Effect.scoped),
  )

  it.live("begins and ceases to pass them on as its configuration says", () =>
    Effect.gen(function* () {
      const { connect, own, relay, servers } = yield* siteOf({ servers: ["attic"] })
      yield* connect("attic", Harness.echo, { certificate: servers.certificate })
      // Links that were opened before are opened anew.
      const soon = (fingerprint: string) =>
        Effect.repeat(
          Effect.sandbox(ask(relay, attic, "/")).pipe(
            Effect.map((answer) => answer.fingerprint),
            Effect.catch(() => Effect.succeed("")),
          ),
          { until: (shown) => shown === fingerprint },
        )
      yield* soon(own.fingerprint)
      yield* relay.change({ servers: [{ name: "attic", tls: "passthrough" }] })
      yield* soon(servers.fingerprint)
      yield* relay.change({ servers: ["attic"] })
      yield* soon(own.fingerprint)
    }).pipe(Effect.scoped),
  )

  it.live("closes them when it stops", () =>
    Effect.gen(function* () {
      const { connect, relay, servers } = yield* siteOf()
      yield* connect("attic", Harness.echo, { certificate: servers.certificate })
      const socket = yield* secure(relay, attic)
      const closed = new Promise((resolve) => socket.once("close", resolve))
      yield* relay.stop
      yield* Effect.promise(() => closed)
    }).pipe(Effect.scoped),
  )
})
