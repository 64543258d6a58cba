/**
 * Subdomain mode: each server at a host of its own, where nothing is the relay's.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { WebSocket } from "ws"
import { parseDomain } from "../../../src/domain/ServerHost.ts"
import * as Harness from "../../support/Harness.ts"
import { webSocketApplication } from "../../support/webSocketApplication.ts"

const domain = parseDomain("relay.example")

const told = Harness.handler((call) => ({
  headers: [["X-Target", call.head.target]],
  body: call.head.headers.map(([name, value]) => `${name}: ${value}\n`).join(""),
}))

const at = (host: string) => [["Host", host]] as const

const start = Effect.fnUntraced(function* (config: Partial<Harness.RelayOptions["config"]> = {}) {
  const relay = yield* Harness.relay({
    servers: ["My_Attic", "cellar"],
    config: { domain, ...config },
  })
  yield* Harness.server(relay, "My_Attic", told)
  return relay
})

describe("a server's own host", () => {
  it.live("serves it, in any case, with any port and with the root's dot", () =>
    Effect.gen(function* () {
      const relay = yield* start()
      for (const host of [
        "my-attic.relay.example",
        "MY-ATTIC.Relay.Example:8443",
        "my-attic.relay.example.",
      ]) {
        const answer = yield* Harness.get(relay, "/a?b", at(host))
        assert.strictEqual(answer.status, 200, host)
        assert.strictEqual(answer.header("x-target"), "/a?b")
        assert.include(answer.text, `X-Forwarded-Host: ${host}\n`)
        assert.notInclude(answer.text, "X-Forwarded-Prefix")
      }
    }).pipe(Effect.scoped),
  )

  it.live("has no path that is the relay's, not even the tunnel's", () =>
    Effect.gen(function* () {
      const relay = yield* start()
      for (const path of [
        "/",
        "/healthz",
        "/readyz",
        "/frontend/servers/",
        "/servers/cellar/",
        "/scraper/v1/test",
        "/assets/style.css",
        "/favicon.ico",
        "/7ZSFUKGV/http_listen/My_Attic",
        "/http_listen/My_Attic",
        "/7ZSFUKGV/stream/My_Attic",
      ]) {
        const answer = yield* Harness.get(relay, path, at("my-attic.relay.example"))
        assert.strictEqual(answer.status, 200, path)
        assert.strictEqual(answer.header("x-target"), path)
      }
    }).pipe(Effect.scoped),
  )

  it.live("takes upgrades for the server and none for the tunnel", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["app"], config: { domain } })
      const application = yield* webSocketApplication((socket, request) =>
        socket.send(request.url ?? ""),
      )
      yield* Harness.server(relay, "app", application, { transport: "stream" })
      const path = "/7ZSFUKGV/stream/app"
      const heard = yield* Effect.promise(
        () =>
          new Promise<string>((resolve, reject) => {
            const socket = new WebSocket(`ws://127.0.0.1:${relay.port}${path}`, {
              headers: { Host: "app.relay.example" },
            })
            socket.once("error", reject)
            socket.once("message", (data) => {
              resolve(`${data}`)
              socket.terminate()
            })
          }),
      )
      assert.strictEqual(heard, path)
    }).pipe(Effect.scoped),
  )

  it.live("leaves Location as it is, and keeps cookies from the relay and its other servers", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["app"], config: { domain } })
      yield* Harness.server(
        relay,
        "app",
        Harness.handler(() => ({
          status: 302,
          headers: [
            ["Location", "/servers/app"],
            ["Set-Cookie", "a=1; Domain=relay.example; Path=/x; Secure"],
            ["Set-Cookie", "__Host-ptth-admin=stolen; Path=/; Secure"],
            ["Service-Worker-Allowed", "/"],
            ["Clear-Site-Data", '"cache"'],
          ],
        })),
      )
      const answer = yield* Harness.get(relay, "/", at("app.relay.example"))
      assert.strictEqual(answer.header("location"), "/servers/app")
      assert.deepStrictEqual(answer.all("set-cookie"), ["a=1; Path=/x; Secure"])
      assert.strictEqual(answer.header("service-worker-allowed"), "/")
      assert.strictEqual(answer.header("clear-site-data"), '"cache"')
    }).pipe(Effect.scoped),
  )
})

describe("an absolute target", () => {
  it.live("names the host that counts, also for the application", () =>
    Effect.gen(function* () {
      const relay = yield* start()
      const ask = (authority: string, host: string) =>
        Effect.map(
          Harness.raw(
            relay,
            `GET http://${authority}/healthz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
          ),
          (bytes) => bytes.toString("latin1"),
        )
      const own = yield* ask("x@my-attic.relay.example:80", "relay.example")
      assert.include(own, "X-Target: /healthz")
      assert.include(own, "Host: my-attic.relay.example:80\n")
      assert.include(yield* ask("relay.example", "my-attic.relay.example"), "\r\n\r\nok\n")
      assert.include(yield* ask("other.relay.example", "my-attic.relay.example"), " 404 ")
    }).pipe(Effect.scoped),
  )
})

describe("other hosts", () => {
  it.live("below the domain belong to nobody, and those that are none are refused", () =>
    Effect.gen(function* () {
      const relay = yield* start()
      const unknown = ["nobody", "my_attic", "x.my-attic", ""]
      for (const label of unknown) {
        const answer = yield* Harness.get(relay, "/healthz", at(`${label}.relay.example`))
        assert.include([400, 404], answer.status)
        assert.notInclude(answer.text, "ok\n")
      }
      const bad = yield* Harness.get(relay, "/healthz", at("u@my-attic.relay.example"))
      assert.strictEqual(bad.status, 400)
      assert.include(bad.text, "PTTH_BAD_REQUEST")
    }).pipe(Effect.scoped),
  )

  it.live("are the relay's own, whose pages are where they were", () =>
    Effect.gen(function* () {
      const relay = yield* start({ publicUrl: "https://www.relay.example:8443" })
      for (const host of ["relay.example", "www.relay.example", "127.0.0.1:4000", "[::1]:4000"]) {
        assert.strictEqual((yield* Harness.get(relay, "/healthz", at(host))).text, "ok\n")
        const path = yield* Harness.get(relay, "/servers/My_Attic/x", at(host))
        assert.strictEqual(path.header("x-target"), "/x")
      }
      const list = yield* Harness.get(relay, "/frontend/servers/", at("relay.example"))
      assert.include(list.text, 'href="https://my-attic.relay.example:8443/"')
    }).pipe(Effect.scoped),
  )

  it.live("tell servers where their visitors are, by each transport", () =>
    Effect.gen(function* () {
      const relay = yield* start({ publicUrl: "https://relay.example:8443" })
      for (const transport of ["classic", "stream"] as const) {
        const server = yield* Harness.server(relay, "My_Attic", told, { transport })
        assert.include(server.lines, "connected: https://my-attic.relay.example:8443/")
      }
    }).pipe(Effect.scoped),
  )

  it.live("redirect to the servers' own where they are told to", () =>
    Effect.gen(function* () {
      const relay = yield* start({ pathMode: "redirect" })
      const answer = yield* Harness.visit(relay, "/servers/My_Attic//x?y", {
        method: "POST",
        headers: at("relay.example:4000"),
      })
      assert.strictEqual(answer.status, 308)
      assert.strictEqual(answer.header("location"), "http://my-attic.relay.example:4000//x?y")
      const unknown = yield* Harness.get(relay, "/servers/nobody/", at("relay.example"))
      assert.strictEqual(unknown.header("location"), "http://nobody.relay.example/")
    }).pipe(Effect.scoped),
  )
})

describe("cookies that are none of a server's business", () => {
  it.live("do not reach it, and all others do as they are", () =>
    Effect.gen(function* () {
      const relay = yield* start({ privateCookies: ["_oauth2_proxy"] })
      const answer = yield* Harness.get(relay, "/servers/My_Attic/", [
        ["Cookie", "a=1; __Host-ptth-admin=x;  b = 2 ;_oauth2_proxy_0=y; c=ptth-z"],
        ["Cookie", "ptth_session=x"],
        ["Cookie", "d=4"],
      ])
      assert.deepStrictEqual(
        answer.text.split("\n").filter((line) => line.startsWith("Cookie")),
        ["Cookie: a=1;  b = 2 ; c=ptth-z", "Cookie: d=4"],
      )
    }).pipe(Effect.scoped),
  )
})
