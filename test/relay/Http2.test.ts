/**
 * A relay that speaks HTTP/2 with its visitors, on the way to a server and back.
 */
import { once } from "node:events"
import * as http2 from "node:http2"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as X509 from "../../src/transport/acme/X509.ts"
import * as Harness from "../support/Harness.ts"
import { webSocketApplication } from "../support/webSocketApplication.ts"

const certificate = X509.selfSigned({
  names: ["localhost"],
  title: "test",
  from: Date.now() - 60_000,
  until: Date.now() + 3_600_000,
})

const connect = (port: number) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const session = http2.connect(`https://localhost:${port}`, { ca: certificate.chain })
      await once(session, "remoteSettings")
      return session
    }),
    (session) => Effect.sync(() => session.destroy()),
  )

const start = Effect.gen(function* () {
  const relay = yield* Harness.relay({ servers: ["app"], config: { tls: certificate } })
  return { relay, url: `https://localhost:${relay.port}`, session: yield* connect(relay.port) }
})

interface Answer {
  readonly status: number | undefined
  readonly headers: http2.IncomingHttpHeaders
  readonly text: string
}

const ask = (
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  body?: Buffer,
): Effect.Effect<Answer> =>
  Effect.promise(async () => {
    const stream = session.request(headers)
    stream.end(body)
    const [head] = await once(stream, "response")
    const chunks: Array<Buffer> = []
    for await (const chunk of stream) chunks.push(chunk as Buffer)
    return { status: head[":status"], headers: head, text: Buffer.concat(chunks).toString() }
  })

describe("a relay that speaks HTTP/2", () => {
  it.live("carries requests and large bodies to a server, by each transport", () =>
    Effect.gen(function* () {
      for (const transport of ["stream", "classic"] as const) {
        const { session, url } = yield* start
        const server = yield* Harness.serverAt(url, "app", Harness.echo, {
          transport,
          ca: certificate.chain,
        })
        yield* Harness.until("it is connected", () =>
          server.lines.some((line) => line.startsWith("connected")),
        )
        const body = Buffer.alloc(2_000_000, "ptth")
        const answer = yield* ask(session, { ":method": "POST", ":path": "/servers/app/x" }, body)
        assert.strictEqual(answer.status, 200)
        assert.isTrue(Buffer.from(answer.text).equals(body))
        const page = yield* ask(session, { ":path": "/healthz" })
        assert.strictEqual(page.text, "ok\n")
        const whole = yield* ask(session, { ":method": "OPTIONS", ":path": "*" })
        assert.deepStrictEqual([whole.status, whole.text], [200, ""])
        const missing = yield* ask(session, { ":path": "/nowhere" })
        assert.strictEqual(missing.status, 404)
      }
    }).pipe(Effect.scoped),
  )

  it.live("refuses a method that a link cannot carry, and the link goes on", () =>
    Effect.gen(function* () {
      const { session, url } = yield* start
      const server = yield* Harness.serverAt(url, "app", Harness.echo, {
        transport: "stream",
        ca: certificate.chain,
      })
      yield* Harness.until("it is connected", () =>
        server.lines.some((line) => line.startsWith("connected")),
      )
      const path = "/servers/app/"
      const refused = yield* ask(session, { ":method": "X".repeat(65), ":path": path })
      assert.strictEqual(refused.status, 400)
      assert.strictEqual((yield* ask(session, { ":path": path })).status, 200)
    }).pipe(Effect.scoped),
  )

  it.live("carries WebSockets to an application that speaks HTTP/1.1", () =>
    Effect.gen(function* () {
      const { session, url } = yield* start
      const application = yield* webSocketApplication()
      yield* Harness.serverAt(url, "app", application, {
        transport: "stream",
        ca: certificate.chain,
      })
      const stream = session.request(
        { ":method": "CONNECT", ":protocol": "websocket", ":path": "/servers/app/" },
        { endStream: false },
      )
      const [head] = yield* Effect.promise(() => once(stream, "response"))
      assert.strictEqual(head[":status"], 200)
      // A masked text frame "hello" (RFC 6455 5.7).
      stream.write(Buffer.from("818537fa213d7f9f4d5158", "hex"))
      const [answer] = (yield* Effect.promise(() => once(stream, "data"))) as [Buffer]
      assert.strictEqual(answer.toString("hex"), "810548656c6c6f")
      stream.close()
    }).pipe(Effect.scoped),
  )

  it.live("takes the requests of a classic server that prefers HTTP/2, as the original does", () =>
    Effect.gen(function* () {
      const { relay, session } = yield* start
      const listen = ask(session, {
        ":path": "/7ZSFUKGV/http_listen/app",
        "x-apikey": Harness.keyOf("app"),
      })
      const visited = yield* Effect.forkScoped(listen)
      yield* Harness.until("it listens", () => relay.status("app").transports.length > 0)
      const visitor = yield* connect(relay.port)
      const visit = visitor.request({ ":path": "/servers/app/hello" })
      visit.on("error", () => {})
      const answer = yield* Fiber.join(visited)
      assert.strictEqual(answer.status, 200)
      assert.include(answer.text, "/hello")
      const refused = yield* ask(session, {
        ":path": "/7ZSFUKGV/http_listen/app",
        "x-apikey": "another key",
      })
      assert.strictEqual(refused.status, 401)
    }).pipe(Effect.scoped),
  )
})
