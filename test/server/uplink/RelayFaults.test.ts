/**
 * What a server's owner is told of a relay that it cannot connect to: a code,
 * what happened and what to do, without a flood.
 */
import * as http from "node:http"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as ApiKey from "../../../src/domain/ApiKey.ts"
import type { ServerName } from "../../../src/domain/ServerName.ts"
import { text } from "../../../src/protocol/Wire.ts"
import * as ConnectFault from "../../../src/server/uplink/ConnectFault.ts"
import { FailureLog } from "../../../src/server/uplink/FailureLog.ts"
import { ListenError } from "../../../src/server/uplink/ListenError.ts"
import * as ResponseFault from "../../../src/server/uplink/ResponseFault.ts"
import type { UplinkStatus } from "../../../src/server/uplink/UplinkStatus.ts"
import * as ProxyTunnel from "../../../src/transport/client/ProxyTunnel.ts"
import * as Harness from "../../support/Harness.ts"
import { listening } from "../../support/LocalServer.ts"
import * as Proxies from "../../support/Proxies.ts"

const now = Date.UTC(2026, 0, 2)
const validity = { from: now - 2000, until: now - 1000 }

const errorOf = (code: string, more: object = {}) =>
  Object.assign(new Error("it failed"), { code, ...more })

describe("a connection that fails", () => {
  it.each([
    ["ECONNREFUSED", {}, "PTTH_RELAY_UNREACHABLE", /nothing listens .*\(ECONNREFUSED\)/],
    ["ENOTFOUND", {}, "PTTH_RELAY_UNREACHABLE", /no host of this name \(ENOTFOUND\)/],
    ["ETIMEDOUT", {}, "PTTH_RELAY_UNREACHABLE", /not answered \(ETIMEDOUT\)/],
    ["EOTHER", {}, "PTTH_RELAY_UNREACHABLE", /^EOTHER$/],
    ["EPROTO", { reason: "wrong version number" }, "PTTH_RELAY_NO_TLS", /not TLS/],
    [
      "ERR_SSL_PACKET_LENGTH_TOO_LONG",
      { reason: "packet length too long" },
      "PTTH_RELAY_NO_TLS",
      /not TLS/,
    ],
    [
      "EPROTO",
      { reason: "tlsv1 alert protocol version" },
      "PTTH_RELAY_HANDSHAKE",
      /protocol version/,
    ],
    [
      "HPE_INVALID_CONSTANT",
      { rawPacket: Buffer.from([0x15, 3, 1]) },
      "PTTH_RELAY_NEEDS_TLS",
      /speaks TLS/,
    ],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", {}, "PTTH_RELAY_UNTRUSTED", /^it is self-signed \(DEPTH/],
    ["SELF_SIGNED_CERT_IN_CHAIN", {}, "PTTH_RELAY_UNTRUSTED", /does not know \(SELF_SIGNED/],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", {}, "PTTH_RELAY_UNTRUSTED", /is missing \(UNABLE/],
    [
      "ERR_TLS_CERT_ALTNAME_INVALID",
      { cert: { subjectaltname: "DNS:other.example\u0007" } },
      "PTTH_RELAY_WRONG_NAME",
      /for other\.example\? /,
    ],
    [
      "CERT_HAS_EXPIRED",
      {},
      "PTTH_RELAY_EXPIRED",
      /until 2026-01-01T23:59:59Z, and this machine's clock says 2026-01-02T00:00:00Z/,
    ],
    ["CERT_NOT_YET_VALID", {}, "PTTH_RELAY_EXPIRED", /clock says/],
  ])("with %s %o is %s", (code, more, expected, detail) => {
    const error = ConnectFault.ofError(errorOf(code, more), validity, now)
    assert.strictEqual(error.code ?? "PTTH_RELAY_UNREACHABLE", expected)
    assert.match(error.detail, detail)
  })
})

describe("a proxy", () => {
  const errorFor = (
    status: number | undefined,
    address: string,
    schemes: ReadonlyArray<string> = [],
  ) => {
    const proxy = new URL(address)
    const response = status === undefined ? undefined : { status, reason: "Why", schemes }
    const words = response === undefined ? "does not answer as one" : ProxyTunnel.describe(response)
    return ConnectFault.ofError(
      new ProxyTunnel.ProxyTunnelError(proxy, words, response),
      undefined,
      now,
      proxy,
    )
  }

  it.each([
    [
      407,
      [],
      "http://proxy.example:3128",
      "the proxy proxy.example:3128 wants a user and a password (407 Why)",
      undefined,
    ],
    [
      407,
      ["NTLM", "Basic"],
      "http://me:secret@proxy.example:3128",
      "the proxy proxy.example:3128 wants a user and a password (407 Why)",
      /^Correct user and password/,
    ],
    [
      407,
      ["Negotiate", "NTLM"],
      "http://me:secret@proxy.example:3128",
      "the proxy proxy.example:3128 wants Negotiate or NTLM, which is not supported (407 Why)",
      /such as Px or cntlm/,
    ],
    [
      403,
      [],
      "http://proxy.example:3128",
      "the proxy proxy.example:3128 refuses the connection (403 Why)",
      /let the relay pass/,
    ],
    [
      503,
      [],
      "http://proxy.example",
      "the proxy proxy.example refuses the connection (503 Why)",
      /the proxy cannot reach it/,
    ],
    [
      undefined,
      [],
      "http://proxy.example",
      "the proxy proxy.example does not answer as one",
      /NO_PROXY/,
    ],
  ])(
    "that answers %j with challenges %j is named with its status, without its password",
    (status, schemes, proxy, detail, remedy) => {
      const error = errorFor(status, proxy, schemes)
      assert.strictEqual(error.code, "PTTH_PROXY_REFUSED")
      assert.strictEqual(error.detail, detail)
      if (remedy === undefined) assert.isUndefined(error.remedy)
      else assert.match(`${error.remedy}`, remedy)
    },
  )

  it("that answers in a plain relay's place is named, and what it wants", () => {
    const error = ResponseFault.of({
      status: 407,
      headers: { "proxy-authenticate": 'Digest realm="a, Basic", nonce="x", NTLM' },
      body: "",
      path: "/x",
      proxy: new URL("http://me:secret@proxy.example"),
    })
    assert.strictEqual(
      error?.detail,
      "the proxy proxy.example wants Digest or NTLM, which is not supported (407)",
    )
  })
})

const refusal = (status: number, body: string, headers: http.IncomingHttpHeaders = {}) =>
  ResponseFault.orUnexpected({ status, body, headers, path: "/x" })

describe("a response that opens no link", () => {
  it("is the relay's own only with the relay's words", () => {
    assert.strictEqual(refusal(401, text.badKey).reason, "refused")
    assert.strictEqual(refusal(401, "Bad X-ApiKey").reason, "refused")
    assert.strictEqual(refusal(503, text.shuttingDown).reason, "shutting down")
    for (const status of [401, 403])
      assert.strictEqual(refusal(status, "Unauthorized").code, "PTTH_NOT_A_RELAY")
    assert.match(refusal(503, "<html>", { server: "nginx" }).detail, /answers 503 \(nginx\)/)
    assert.match(`${refusal(403, text.noKey).remedy}`, /X-ApiKey/)
  })

  it.each([
    [401, "<i>PTTH_LOGIN_REQUIRED</i>", {}, /administrator's side/],
    [404, "PTTH_UNKNOWN_SERVER", {}, /as it answers visitors \(PTTH_UNKNOWN_SERVER\)/],
    [
      302,
      "",
      { location: "https://login.example/a?b" },
      /redirects to https:\/\/login\.example \(302\)/,
    ],
    [
      200,
      "<title>Welcome to nginx!</title>",
      { server: "nginx" },
      /answers \/x with status 200 \(nginx\), a page with the title "Welcome to nginx!"/,
    ],
    [302, "", { location: "/login" }, /redirects \(302\)/],
    [511, "", {}, /wants a login/],
    [404, "<html>", { server: "\u001b[31m" }, /answers \/x with status 404$/],
  ])("with status %i and %j is not a relay's", (status, body, headers, detail) => {
    const error = refusal(status, body, headers)
    assert.strictEqual(error.code, "PTTH_NOT_A_RELAY")
    assert.match(error.detail, detail)
  })

  it("by a page may be that of a network that wants a login", () => {
    const page = (status: number, type: string) =>
      refusal(status, "<title>Guests</title>", { "content-type": type }).remedy
    assert.match(page(200, "text/html; charset=utf-8") ?? "", /wants a login in a browser/)
    for (const remedy of [page(404, "text/html"), page(200, "text/plain")])
      assert.isUndefined(remedy)
  })

  it("to plain HTTP on a port with TLS needs https", () => {
    const page = "The plain HTTP request was sent to HTTPS port"
    assert.strictEqual(refusal(400, page).code, "PTTH_RELAY_NEEDS_TLS")
  })
})

describe("a long outage", () => {
  const log = () =>
    new FailureLog({
      name: "attic" as ServerName,
      apiKey: ApiKey.make("key"),
      relayUrl: "http://relay.invalid",
      handler: () => () => {},
    })
  const error = new ListenError({ reason: "unreachable", detail: "ECONNREFUSED" })

  it("is logged when it begins, and then after 1, 5, 21 and 81 minutes", () => {
    const failures = log()
    const logged: Array<number> = []
    for (let minute = 0; minute <= 150; minute++) {
      const outage = { failures: minute + 1, millis: minute * 60_000 }
      if (failures.line(error, outage) !== undefined) logged.push(minute)
    }
    assert.deepStrictEqual(logged, [0, 1, 5, 21, 81, 141])
  })

  it("with several causes has a line for each, and not for each change between them", () => {
    const failures = log()
    const other = new ListenError({ reason: "unreachable", code: "PTTH_RELAY_NO_TLS", detail: "x" })
    const count = Array.from({ length: 100 }, (_, i) =>
      failures.line(i % 2 === 0 ? error : other, { failures: i + 1, millis: i }),
    ).filter((line) => line !== undefined).length
    assert.strictEqual(count, 2)
  })
})

/** The port of a server without TLS. */
const plainPort = Effect.suspend(() =>
  listening(http.createServer((_request, response) => response.end("ok"))),
)

const hasOpenssl = Proxies.isInstalled("openssl")

/** The status of a server that says this once. */
const saysOf = (relayUrl: string, pattern: RegExp) =>
  Effect.gen(function* () {
    let status: (() => UplinkStatus) | undefined
    const server = yield* Harness.serverAt(relayUrl, "attic", () => () => {}, {
      transport: "auto",
      onStart: (read) => {
        status = read
      },
    })
    yield* Harness.until(`it says ${pattern}`, () =>
      server.lines.some((line) => pattern.test(line)),
    )
    yield* TestClock.adjust("30 seconds")
    yield* Harness.turns(50)
    assert.lengthOf(
      server.lines.filter((line) => pattern.test(line)),
      1,
    )
    return status?.()
  })

describe("a server", () => {
  it.effect("is told that https:// leads to a port without TLS", () =>
    Effect.gen(function* () {
      const port = yield* plainPort
      yield* saysOf(`https://127.0.0.1:${port}`, /PTTH_RELAY_NO_TLS: .*http:\/\//)
    }),
  )

  it.effect.skipIf(!hasOpenssl)("is told that http:// leads to a port with TLS", () =>
    Effect.gen(function* () {
      const port = yield* plainPort
      const front = yield* Proxies.terminator(port, yield* Proxies.certificate)
      const status = yield* saysOf(
        `http://127.0.0.1:${front}`,
        /PTTH_RELAY_NEEDS_TLS: .*https:\/\//,
      )
      assert.strictEqual(status?.lastFailure?.error.code, "PTTH_RELAY_NEEDS_TLS")
    }),
  )
})
