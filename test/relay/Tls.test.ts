/**
 * A relay that speaks TLS itself, to visitors and servers alike.
 */
import { createHash } from "node:crypto"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import * as https from "node:https"
import * as tls from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { type RawData, WebSocket } from "ws"
import * as Certificate from "../../src/transport/net/Certificate.ts"
import * as Harness from "../support/Harness.ts"
import * as Proxies from "../support/Proxies.ts"
import { webSocketApplication } from "../support/webSocketApplication.ts"

const hasOpenssl = Proxies.isInstalled("openssl")

const made = Effect.map(Proxies.certificate, (files) => ({
  ca: files.pem,
  certificate: Certificate.make(files.pem, readFileSync(files.key, "utf8")),
}))

const sha = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

interface Answer {
  readonly status: number
  readonly body: Buffer
  /** Of the certificate that was shown. */
  readonly fingerprint: string
}

const ask = (
  relay: Harness.TestRelay,
  path: string,
  ca: string,
  { agent, body }: { readonly agent?: https.Agent; readonly body?: Buffer } = {},
): Effect.Effect<Answer> =>
  Effect.promise(async () => {
    const request = https.request(`https://localhost:${relay.port}${path}`, {
      ca,
      agent: agent ?? false,
      method: body === undefined ? "GET" : "POST",
    })
    request.end(body)
    const [response] = await once(request, "response")
    const fingerprint = response.socket.getPeerCertificate().fingerprint256
    const chunks: Array<Buffer> = []
    for await (const chunk of response) chunks.push(chunk as Buffer)
    return { status: response.statusCode ?? 0, body: Buffer.concat(chunks), fingerprint }
  })

const reason = hasOpenssl ? "" : " (skipped: openssl is not installed)"

describe.skipIf(!hasOpenssl)(`a relay with a certificate${reason}`, () => {
  for (const transport of ["stream", "classic"] as const) {
    it.live(`carries everything for a server that speaks ${transport}`, () =>
      Effect.gen(function* () {
        const { ca, certificate } = yield* made
        const relay = yield* Harness.relay({ servers: ["app"], config: { tls: certificate } })
        const url = `https://localhost:${relay.port}`
        const server = yield* Harness.serverAt(url, "app", Harness.echo, { transport, ca })
        yield* Harness.until("it is connected", () =>
          server.lines.some((line) => line.startsWith("connected")),
        )
        const body = Buffer.alloc(3_000_000, "ptth")
        const answer = yield* ask(relay, "/servers/app/x", ca, { body })
        assert.strictEqual(answer.status, 200)
        assert.strictEqual(sha(answer.body), sha(body))
        const agent = new https.Agent({ keepAlive: true, maxSockets: 1 })
        for (let i = 0; i < 3; i++) {
          const again = yield* ask(relay, "/servers/app/y", ca, {
            agent,
            body: Buffer.from(`${i}`),
          })
          assert.strictEqual(again.body.toString(), `${i}`)
        }
        agent.destroy()
      }).pipe(Effect.scoped),
    )

    it.live(`a response that breaks off at once is not waited for over ${transport}`, () =>
      Effect.gen(function* () {
        const { ca, certificate } = yield* made
        const relay = yield* Harness.relay({ servers: ["app"], config: { tls: certificate } })
        const url = `https://localhost:${relay.port}`
        const handler = Harness.handler(() => {
          const body = new Harness.FedBody(100)
          void body.untilRead().then(() => {
            body.feed("abc")
            body.fail()
          })
          return { body }
        })
        const server = yield* Harness.serverAt(url, "app", handler, { transport, ca })
        yield* Harness.until("it is connected", () =>
          server.lines.some((line) => line.startsWith("connected")),
        )
        // Many at once, so that most responses need a new connection to the relay.
        const outcomes = yield* Effect.forEach(
          Array.from({ length: 16 }),
          () =>
            ask(relay, "/servers/app/x", ca).pipe(
              Effect.map(({ status }) => status),
              Effect.catchDefect(() => Effect.succeed("cut")),
            ),
          { concurrency: "unbounded" },
        )
        assert.sameMembers([...new Set([...outcomes, "cut", 502])], ["cut", 502])
      }).pipe(Effect.scoped),
    )
  }

  it.live("carries WebSockets of visitors", () =>
    Effect.gen(function* () {
      const { ca, certificate } = yield* made
      const relay = yield* Harness.relay({ servers: ["app"], config: { tls: certificate } })
      const application = yield* webSocketApplication()
      const url = `https://localhost:${relay.port}`
      yield* Harness.serverAt(url, "app", application, { transport: "stream", ca })
      const back = yield* Effect.promise(async () => {
        const socket = new WebSocket(`wss://localhost:${relay.port}/servers/app/`, { ca })
        await once(socket, "open")
        socket.send(Buffer.alloc(500_000, "ws"))
        const [answer] = (await once(socket, "message")) as [RawData]
        socket.terminate()
        return answer as Buffer
      })
      assert.strictEqual(sha(back), sha(Buffer.alloc(500_000, "ws")))
    }).pipe(Effect.scoped),
  )

  it.live("says https to the server, and nothing to who does not speak TLS", () =>
    Effect.gen(function* () {
      const { ca, certificate } = yield* made
      const relay = yield* Harness.relay({ servers: ["app"], config: { tls: certificate } })
      const url = `https://localhost:${relay.port}`
      yield* Harness.serverAt(
        url,
        "app",
        Harness.handler(({ head }) => ({
          body: head.headers.find(([name]) => name === "X-Forwarded-Proto")?.[1] ?? "",
        })),
        { ca },
      )
      const answer = yield* ask(relay, "/servers/app/", ca)
      assert.strictEqual(answer.body.toString(), "https")
      const plain = yield* Harness.raw(relay, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
      assert.notInclude(plain.toString("latin1"), "HTTP")
    }).pipe(Effect.scoped),
  )

  it.live("shows a new certificate to new connections, and the old ones go on", () =>
    Effect.gen(function* () {
      const before = yield* made
      const after = yield* made
      const ca = before.ca + after.ca
      const relay = yield* Harness.relay({
        servers: ["app"],
        config: { tls: before.certificate },
      })
      const body = new Harness.FedBody()
      const url = `https://localhost:${relay.port}`
      const server = yield* Harness.serverAt(
        url,
        "app",
        Harness.handler(() => ({ body })),
        { ca },
      )
      const socket = yield* Effect.acquireRelease(
        Effect.sync(() => tls.connect({ port: relay.port, host: "localhost", ca })),
        (open) => Effect.sync(() => open.destroy()),
      )
      let received = ""
      socket.on("data", (chunk) => {
        received += chunk
      })
      socket.write("GET /servers/app/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
      yield* Effect.promise(() => body.untilRead())
      body.feed("first half")
      yield* Harness.until("half has come", () => received.includes("first half"))
      const first = yield* ask(relay, "/healthz", ca)
      yield* relay.change({ config: { tls: after.certificate } })
      yield* Effect.eventually(
        Effect.filterOrFail(
          ask(relay, "/healthz", ca),
          ({ fingerprint }) => fingerprint !== first.fingerprint,
        ),
      )
      body.feed("second half")
      body.end()
      yield* Harness.until("the rest has come", () => received.endsWith("0\r\n\r\n"))
      assert.include(received, "second half")
      assert.strictEqual(server.lines.filter((line) => line.startsWith("connected")).length, 1)
    }).pipe(Effect.scoped),
  )
})
