/**
 * The plain port of a relay that speaks TLS.
 */
import { readFileSync } from "node:fs"
import * as https from "node:https"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { RelayConfig } from "../../../src/domain/config/RelayConfig.ts"
import { empty } from "../../../src/domain/config/RelayConfig.ts"
import { RelaySettings } from "../../../src/relay/settings/RelaySettings.ts"
import * as PlainPort from "../../../src/relay/visitors/PlainPort.ts"
import * as Certificate from "../../../src/transport/net/Certificate.ts"
import * as Harness from "../../support/Harness.ts"
import * as Proxies from "../../support/Proxies.ts"

const start = Effect.fnUntraced(function* (config: Partial<RelayConfig> = {}, securePort = 443) {
  const address = yield* PlainPort.serve(() => securePort).pipe(
    Effect.provide(
      RelaySettings.layerStatic({
        ...empty,
        httpListen: { host: "127.0.0.1", port: 0 },
        ...config,
      }),
    ),
  )
  assert.isDefined(address)
  return address
})

const ask = (address: { readonly host: string; readonly port: number }, head: string) =>
  Effect.map(
    Harness.raw(address, `${head}\r\nConnection: close\r\n\r\n`),
    (bytes) => bytes.toString("latin1").split("\r\n\r\n")[0] ?? "",
  )

describe("the plain port", () => {
  it.live("redirects every request to https, method, host and target as they are", () =>
    Effect.gen(function* () {
      const address = yield* start()
      const head = yield* ask(address, "POST //a/%2e?b=c HTTP/1.1\r\nHost: Attic.Example:80")
      assert.match(head, /^HTTP\/1\.1 308 /)
      assert.include(head, "\r\nLocation: https://attic.example//a/%2e?b=c\r\n")
      const literal = yield* ask(address, "GET / HTTP/1.1\r\nHost: [::1]:8080")
      assert.include(literal, "\r\nLocation: https://[::1]/\r\n")
    }).pipe(Effect.scoped),
  )

  it.live("names the port of https where it is not 443, and that of public_url before it", () =>
    Effect.gen(function* () {
      const request = "GET /x HTTP/1.1\r\nHost: relay.example"
      assert.include(
        yield* ask(yield* start({}, 8443), request),
        "Location: https://relay.example:8443/x",
      )
      assert.include(
        yield* ask(yield* start({ publicUrl: "https://relay.example:444" }, 8443), request),
        "Location: https://relay.example:444/x",
      )
      assert.include(
        yield* ask(yield* start({ publicUrl: "https://relay.example" }, 8443), request),
        "Location: https://relay.example/x",
      )
    }).pipe(Effect.scoped),
  )

  it.live("redirects nobody without a host, and answers health checks", () =>
    Effect.gen(function* () {
      const address = yield* start()
      for (const host of ["Host: a/b", "Host: a@b", "Host:", "X: y"])
        assert.match(yield* ask(address, `GET / HTTP/1.1\r\n${host}`), /^HTTP\/1\.1 400 /, host)
      assert.match(yield* ask(address, "GET /healthz HTTP/1.1\r\nHost: x"), /^HTTP\/1\.1 200 /)
    }).pipe(Effect.scoped),
  )
})

const hasOpenssl = Proxies.isInstalled("openssl")

describe.skipIf(!hasOpenssl)(
  `a relay with hsts${hasOpenssl ? "" : " (skipped: openssl is not installed)"}`,
  () => {
    it.live(
      "has the field on pages, failures and answers of servers, instead of the server's",
      () =>
        Effect.gen(function* () {
          const { key, pem } = yield* Proxies.certificate
          const relay = yield* Harness.relay({
            servers: ["app"],
            config: {
              tls: Certificate.make(pem, readFileSync(key, "utf8")),
              hsts: "max-age=300; includeSubDomains",
            },
          })
          yield* Harness.serverAt(
            `https://localhost:${relay.port}`,
            "app",
            Harness.handler(() => ({
              headers: [["strict-transport-security", "max-age=0"]],
              body: "hello",
            })),
            { ca: pem },
          )
          const fields = (path: string): Effect.Effect<string | undefined> =>
            Effect.callback((resume) => {
              https
                .get(
                  `https://localhost:${relay.port}${path}`,
                  { ca: pem, agent: false },
                  (response) => {
                    response.resume()
                    resume(Effect.succeed(response.headers["strict-transport-security"]))
                  },
                )
                .once("error", (error) => resume(Effect.die(error)))
            })
          for (const path of ["/healthz", "/nowhere", "/servers/app/"])
            assert.strictEqual(yield* fields(path), "max-age=300; includeSubDomains", path)
        }).pipe(Effect.scoped),
    )
  },
)
