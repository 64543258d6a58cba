/**
 * A server that obtains its certificate by ACME: the authority checks it through
 * a relay, which passes the connection on unread.
 */
import { createHash, X509Certificate } from "node:crypto"
import * as tls from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ObtainedCertificates from "../../../src/server/passthrough/ObtainedCertificates.ts"
import * as X509 from "../../../src/transport/acme/X509.ts"
import * as FakeAuthority from "../../support/FakeAuthority.ts"
import * as Harness from "../../support/Harness.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const domain = "relay.example"
const attic = `attic.${domain}`

const now = Date.now()
const relaysOwn = X509.selfSigned({
  names: ["localhost", domain],
  title: "relay",
  from: now - 3_600_000,
  until: now + 3_600_000,
})

/** The certificate that a client of a host is shown, with this protocol. */
const shown = (
  port: number,
  servername: string,
  protocol: string,
): Promise<{ readonly raw: Buffer; readonly protocol: string | false | null }> =>
  new Promise((resolve, reject) => {
    const socket = tls.connect({
      host: "127.0.0.1",
      port,
      servername,
      ALPNProtocols: [protocol],
      rejectUnauthorized: false,
    })
    socket.once("secureConnect", () => {
      resolve({ raw: socket.getPeerCertificate().raw, protocol: socket.alpnProtocol })
      socket.destroy()
    })
    socket.once("error", reject)
  })

/** Whether a host answers the challenge, as an authority finds out (RFC 8737 3). */
const checkThrough =
  (port: number) =>
  async ({
    host,
    keyAuthorization,
    kind,
  }: FakeAuthority.AskedChallenge): Promise<string | undefined> => {
    if (kind !== "tls-alpn-01") return `${kind} is not possible`
    try {
      const { protocol, raw } = await shown(port, host, "acme-tls/1")
      const digest = createHash("sha256").update(keyAuthorization).digest()
      return protocol === "acme-tls/1" && raw.includes(digest) ? undefined : "another certificate"
    } catch (error) {
      return String(error)
    }
  }

const siteOf = Effect.gen(function* () {
  const authority = yield* FakeAuthority.start
  const relay = yield* Harness.relay({
    servers: [{ name: "attic", tls: "passthrough" }],
    config: { domain, tls: relaysOwn },
  })
  authority.check = checkThrough(relay.port)
  const stateFolder = temporaryFolder()
  const certificates = yield* ObtainedCertificates.make({
    directory: `${authority.base}/directory`,
    ca: undefined,
    contact: "me@example.com",
    external: undefined,
    stateFolder,
  })
  const server = yield* Harness.serverAt(
    `https://localhost:${relay.port}`,
    "attic",
    Harness.handler(() => ({ body: "hello" })),
    { transport: "stream", ca: relaysOwn.chain, tls: certificates },
  )
  yield* Harness.until("it is connected", () =>
    server.lines.some((line) => line.startsWith("connected")),
  )
  return { authority, certificates, relay }
})

describe("a server with ACME", () => {
  it.live("has a certificate for its host before a visitor comes, and shows it", () =>
    Effect.gen(function* () {
      const { authority, certificates, relay } = yield* siteOf
      yield* certificates.want(`https://${attic}:8443/`)
      const { raw } = yield* Effect.promise(() => shown(relay.port, attic, "http/1.1"))
      const certificate = new X509Certificate(raw)
      assert.strictEqual(certificate.subjectAltName, `DNS:${attic}`)
      assert.isTrue(certificate.verify(new X509Certificate(authority.rootPem).publicKey))
      assert.strictEqual(authority.orders.length, 1)
      const again = yield* Effect.promise(() => shown(relay.port, attic, "http/1.1"))
      assert.isTrue(again.raw.equals(raw))
      assert.strictEqual(authority.orders.length, 1)
    }).pipe(Effect.scoped),
  )

  it.live(
    "refuses the handshake while the authority does, and asks it for no other hosts than 16",
    () =>
      Effect.gen(function* () {
        const { authority, certificates, relay } = yield* siteOf
        authority.check = async () => "nobody answers"
        const failed = yield* Effect.promise(() =>
          shown(relay.port, attic, "http/1.1").then(
            () => "",
            (error) => String(error.code),
          ),
        )
        assert.include(failed, "ERR_SSL")
        const isFound = (host: string): Promise<boolean> =>
          new Promise((resolve) => certificates.find(host, (found) => resolve(found !== undefined)))
        for (const host of ["127.0.0.1", "localhost", "a b.example", "", "..", "[::1]"])
          assert.isFalse(yield* Effect.promise(() => isFound(host)))
        assert.strictEqual(authority.orders.length, 1)
      }).pipe(Effect.scoped),
  )
})
