/**
 * Tunnels through proxies that answer in all ways that are seen in networks.
 */
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { type AddressInfo, createServer, type Server, type Socket } from "node:net"
import { createServer as createTlsServer } from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ProxyTunnel from "../../../src/transport/client/ProxyTunnel.ts"
import * as Proxies from "../../support/Proxies.ts"

/** What a proxy writes, piece by piece, behind a request; then it echoes. */
interface Answer {
  readonly pieces: ReadonlyArray<string>
  readonly finally: "echo" | "end" | "reset"
}

const answering =
  (heads: Array<string>, { pieces, finally: last }: Answer) =>
  (socket: Socket): void => {
    socket.on("error", () => {})
    socket.setNoDelay(true)
    socket.once("data", async (bytes: Buffer) => {
      heads.push(bytes.toString())
      for (const piece of pieces) await new Promise((done) => socket.write(piece, "latin1", done))
      if (last === "echo") socket.pipe(socket)
      else if (last === "end") socket.end()
      else socket.resetAndDestroy()
    })
  }

/** A proxy at a free port. */
const proxyAt = (server: Server, host: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      server.listen(0, host)
      await once(server, "listening")
      return (server.address() as AddressInfo).port
    }),
    () => Effect.sync(() => server.close()),
  )

/** What comes of a tunnel: what is echoed through it, or the words of the error. */
const outcome = (address: string, ca?: string) =>
  Effect.callback<string>((resume) => {
    ProxyTunnel.open(new URL(address), "[2001:db8::1]:443", ca, (error, socket) => {
      if (socket === undefined) return resume(Effect.succeed(`${error?.message}`))
      socket.on("error", () => {})
      socket.once("data", (bytes) => {
        socket.destroy()
        resume(Effect.succeed(bytes.toString()))
      })
      socket.write("through")
    })
  })

const heard = (answer: Answer, credentials = "", host = "127.0.0.1") =>
  Effect.gen(function* () {
    const heads: Array<string> = []
    const port = yield* proxyAt(createServer(answering(heads, answer)), host)
    const name = host.includes(":") ? `[${host}]` : host
    const said = yield* outcome(`http://${credentials}${name}:${port}/a/path`)
    return { head: heads[0], said: said.replace(`${name}:${port}`, "HOST") }
  }).pipe(Effect.scoped)

describe("a tunnel through a proxy", () => {
  for (const pieces of [
    ["HTTP/1.1 200 Connection established\r\n\r\n"],
    ["HTTP/1.0 200 OK\n\n"],
    ["HTTP/1.1 200\r\n\r\n"],
    ["HTTP/1.1 201 Created\r\nvia: b\xfccher\r\n\r\n"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 12\r\nTransfer-Encoding: chunked\r\n\r\n"],
    ["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"],
    ["HTTP/1.1 102 Processing\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"],
    [..."HTTP/1.1 200 OK\r\nProxy-Agent: slow\r\n\r\n"],
  ])
    it.live(`opens by ${JSON.stringify(pieces)}`, () =>
      Effect.gen(function* () {
        const { said } = yield* heard({ pieces, finally: "echo" })
        assert.strictEqual(said, "through")
      }),
    )

  it.live("keeps what came with the response", () =>
    Effect.gen(function* () {
      const pieces = ["HTTP/1.1 200 OK\r\n\r\nfirst"]
      assert.strictEqual((yield* heard({ pieces, finally: "end" })).said, "first")
    }),
  )

  it.live("is asked for with the address in brackets and with credentials", () =>
    Effect.gen(function* () {
      const answer: Answer = { pieces: ["HTTP/1.1 200 OK\r\n\r\n"], finally: "echo" }
      const { head } = yield* heard(answer, "DOM%5Cme:p%40ss@", "::1")
      const credentials = Buffer.from("DOM\\me:p@ss").toString("base64")
      assert.strictEqual(
        head,
        `CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\nProxy-Authorization: Basic ${credentials}\r\n\r\n`,
      )
    }),
  )

  for (const [piece, last, words] of [
    ["SSH-2.0-OpenSSH_9.2\r\n", "echo", "does not answer as one"],
    ["HTTP/1.1 200 OK\r\n", "end", "closes the connection without a response"],
    ["HTTP/1.1", "reset", "breaks the connection (ECONNRESET)"],
    [`HTTP/1.1 200 OK\r\nX: ${"x".repeat(70_000)}`, "echo", "does not answer as one"],
    [
      "HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n",
      "echo",
      "refuses the connection (302 Found)",
    ],
    ["HTTP/1.1 101 Odd\r\n\r\n", "echo", "refuses the connection (101 Odd)"],
    [
      'HTTP/1.1 407 Why\r\nProxy-Authenticate: Negotiate\r\nPROXY-AUTHENTICATE: basic realm="x"\r\n\r\n',
      "end",
      "wants a user and a password (407 Why)",
    ],
    [
      "HTTP/1.1 407 \x1b[2J\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n\r\n",
      "end",
      "wants Negotiate or NTLM, which is not supported (407 ?[2J)",
    ],
  ] as const)
    it.live(`does not open by ${JSON.stringify(piece.slice(0, 100))}`, () =>
      Effect.gen(function* () {
        const { said } = yield* heard({ pieces: [piece], finally: last }, "me:secret@")
        assert.strictEqual(said, `the proxy HOST ${words}`)
      }),
    )

  it.live.skipIf(!Proxies.isInstalled("openssl"))(
    "opens through a proxy at https whose certificate is trusted, and names one that is not",
    () =>
      Effect.gen(function* () {
        const { key, pem } = yield* Proxies.certificate
        const answer: Answer = { pieces: ["HTTP/1.1 200 OK\r\n\r\n"], finally: "echo" }
        const server = createTlsServer({ cert: pem, key: readFileSync(key) }, answering([], answer))
        const port = yield* proxyAt(server, "127.0.0.1")
        assert.strictEqual(yield* outcome(`https://localhost:${port}`, pem), "through")
        assert.match(
          yield* outcome(`https://localhost:${port}`),
          /^the proxy localhost:\d+ has a certificate that is not trusted \(\w+\)$/,
        )
      }).pipe(Effect.scoped),
  )
})
