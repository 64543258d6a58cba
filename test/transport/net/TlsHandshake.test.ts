/**
 * What a front decides in a TLS handshake.
 */
import { once } from "node:events"
import * as tls from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as X509 from "../../../src/transport/acme/X509.ts"
import { fromText } from "../../../src/transport/body/Body.ts"
import { serve } from "../../../src/transport/front/NodeFront.ts"
import type * as Certificate from "../../../src/transport/net/Certificate.ts"
import * as FailurePage from "../../../src/web/FailurePage.ts"

const certificateOf = (name: string): Certificate.Certificate =>
  X509.selfSigned({
    names: [name],
    title: name,
    from: Date.now() - 60_000,
    until: Date.now() + 3_600_000,
  })

const own = certificateOf("own.example")
const shop = certificateOf("shop.example")
const challenge = X509.challengeCertificate("shop.example", "token.thumbprint", Date.now())

const start = Effect.gen(function* () {
  const asked: Array<string> = []
  const front = yield* serve({
    host: "127.0.0.1",
    port: 0,
    certificate: own,
    hosts: {
      find: (host, done) => {
        asked.push(host)
        setImmediate(done, host === "shop.example" ? shop : undefined)
      },
      challenge: (host) => (host === "shop.example" ? challenge : undefined),
    },
    renderFailure: FailurePage.render,
    handler: ({ body }, reply) => {
      body.discard()
      reply.respond({ status: 200, headers: [] }, fromText("hello"))
      return () => {}
    },
  })
  return { asked, front }
})

interface Seen {
  readonly name: string
  readonly protocol: string | false | null
  readonly answer: string
}

const visit = (
  port: number,
  options: { readonly servername?: string; readonly ALPNProtocols?: Array<string> },
): Effect.Effect<Seen, Error> =>
  Effect.tryPromise({
    try: async () => {
      const socket = tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options })
      await once(socket, "secureConnect")
      const name = `${socket.getPeerCertificate().subjectaltname}`
      const protocol = socket.alpnProtocol
      const chunks: Array<Buffer> = []
      socket.on("data", (chunk: Buffer) => chunks.push(chunk))
      socket.on("error", () => {})
      socket.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      await once(socket, "close")
      return { name, protocol, answer: Buffer.concat(chunks).toString("latin1").slice(0, 15) }
    },
    catch: (error) => error as Error,
  })

describe("a TLS handshake", () => {
  it.live("shows the certificate of the host, and the front's own for all others", () =>
    Effect.gen(function* () {
      const { asked, front } = yield* start
      const hosts = [
        ["shop.example", "DNS:shop.example"],
        ["SHOP.example", "DNS:shop.example"],
        ["other.example", "DNS:own.example"],
        [undefined, "DNS:own.example"],
      ] as const
      for (const [servername, name] of hosts) {
        const seen = yield* visit(front.port, servername === undefined ? {} : { servername })
        assert.strictEqual(seen.name, name)
        assert.strictEqual(seen.answer, "HTTP/1.1 200 OK")
      }
      assert.deepStrictEqual(asked, ["shop.example", "shop.example", "other.example"])
    }).pipe(Effect.scoped),
  )

  it.live(
    "shows an authority the certificate of the challenge, and visitors theirs meanwhile",
    () =>
      Effect.gen(function* () {
        const { front } = yield* start
        const servername = "shop.example"
        const checked = yield* visit(front.port, { servername, ALPNProtocols: ["acme-tls/1"] })
        assert.strictEqual(checked.protocol, "acme-tls/1")
        assert.strictEqual(checked.name, "DNS:shop.example")
        assert.strictEqual(checked.answer, "")
        const visited = yield* visit(front.port, { servername, ALPNProtocols: ["http/1.1"] })
        assert.strictEqual(visited.protocol, "http/1.1")
        assert.strictEqual(visited.answer, "HTTP/1.1 200 OK")
      }).pipe(Effect.scoped),
  )

  it.live("fails for an authority that checks another host, and for unknown protocols", () =>
    Effect.gen(function* () {
      const { front } = yield* start
      for (const [servername, protocol] of [
        ["other.example", "acme-tls/1"],
        ["shop.example", "spdy/3"],
      ] as const) {
        const error = yield* Effect.flip(
          visit(front.port, { servername, ALPNProtocols: [protocol] }),
        )
        assert.match(error.message, /no application protocol/i)
      }
    }).pipe(Effect.scoped),
  )
})
