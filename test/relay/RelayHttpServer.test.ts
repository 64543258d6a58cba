/** A relay inside an Effect app: which requests each of them gets, and the relay's options. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { Relay } from "../../src/relay/Relay.ts"
import * as RelayHttpServer from "../../src/relay/RelayHttpServer.ts"
import * as RelayOptions from "../../src/relay/RelayOptions.ts"
import * as Assets from "../../src/web/Assets.ts"
import * as Harness from "../support/Harness.ts"

/** A relay with an app at its side. */
const beside = Effect.fnUntraced(function* (app: Layer.Layer<never, never, HttpRouter.HttpRouter>) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const services = yield* HttpRouter.serve(app, { disableLogger: true }).pipe(
    Layer.provideMerge(RelayHttpServer.layer),
    Layer.provide(
      RelayOptions.layer({
        listen: "127.0.0.1:0",
        servers: [{ name: "demo", apiKey: Harness.keyOf("demo") }],
      }),
    ),
    Layer.provide(Logger.layer([])),
    Layer.buildWithScope(scope),
  )
  const { host, port } = yield* Effect.provide(Relay, services)
  const { address } = yield* Effect.provide(HttpServer.HttpServer, services)
  return {
    relay: { host, port },
    url: `http://${host}:${port}`,
    address: HttpServer.formatAddress(address),
    stop: Scope.close(scope, Exit.void),
  }
})

const everything = HttpRouter.add("*", "/*", (request) =>
  Effect.succeed(
    HttpServerResponse.jsonUnsafe({
      app: request.url,
      remote: Option.getOrNull(request.remoteAddress),
      chain: request.headers["x-forwarded-for"],
      prefix: request.headers["x-forwarded-prefix"],
    }),
  ),
)

describe("A relay with an app at its side", () => {
  it.live("leaves everything to the app that is not the relay's", () =>
    Effect.gen(function* () {
      const { address, relay, url } = yield* beside(everything)
      assert.strictEqual(address, url)
      yield* Harness.serverAt(url, "demo", Harness.echo)
      for (const path of ["/", "/healthz", "/readyz", "/serversx", "/x?y", "/favicon.ico"]) {
        const { app } = JSON.parse((yield* Harness.get(relay, path)).text)
        assert.strictEqual(app, path)
      }
      const server = yield* Harness.get(relay, "/servers/demo/x?y")
      assert.strictEqual(server.header("x-target"), "/x?y")
      const relays = [
        ["/servers/other/", 404],
        ["/servers/", 307],
        ["/servers/demo", 308],
        ["/frontend/servers/", 200],
        ["/frontend/relay_up_check", 200],
        [`/${Assets.style.path}`, 200],
        [`/${Assets.logo.path}`, 200],
        [`/${Assets.liveScript.path}`, 200],
        ["/7ZSFUKGV/http_listen/demo", 403],
        ["/scraper/v1/test", 403],
      ] as const
      for (const [path, status] of relays) {
        const answer = yield* Harness.get(relay, path)
        assert.deepStrictEqual([path, answer.status], [path, status])
        assert.notInclude(answer.text, '"app"')
        if (path.startsWith("/assets/")) {
          assert.strictEqual(answer.header("cache-control"), Assets.cacheControl)
        }
      }
    }).pipe(Effect.scoped),
  )

  it.live("tells the app of its visitors what cannot be forged", () =>
    Effect.gen(function* () {
      const { relay } = yield* beside(everything)
      const answer = yield* Harness.get(relay, "/", [["X-Forwarded-For", "1.2.3.4"]])
      assert.deepStrictEqual(JSON.parse(answer.text), {
        app: "/",
        remote: "127.0.0.1",
        chain: "127.0.0.1",
      })
    }).pipe(Effect.scoped),
  )

  it.live("lets the app's requests finish before it stops", () =>
    Effect.gen(function* () {
      const go = yield* Deferred.make<void>()
      let begun = false
      const slow = HttpRouter.add(
        "GET",
        "/slow",
        Effect.suspend(() => {
          begun = true
          return Effect.as(Deferred.await(go), HttpServerResponse.text("finished"))
        }),
      )
      const { relay, stop } = yield* beside(slow)
      const visit = yield* Effect.forkChild(Harness.get(relay, "/slow"))
      yield* Harness.until("the request runs", () => begun)
      const stopping = yield* Effect.forkChild(stop, { startImmediately: true })
      const refused = yield* Harness.get(relay, "/slow")
      assert.strictEqual(refused.status, 503)
      yield* Deferred.succeed(go, undefined)
      assert.strictEqual((yield* Fiber.join(visit)).text, "finished")
      yield* Fiber.join(stopping)
    }).pipe(Effect.scoped),
  )
})

describe("The options of an embedded relay", () => {
  it.effect.each([
    [{ listen: "nowhere", servers: [] }],
    [{ servers: [{ name: "a/b", apiKey: "k" }] }],
    [{ servers: [{ name: "a" }] }],
    [{ servers: [{ name: "a", tripcode: "short" }] }],
  ] as const)("are refused where they cannot be used: %j", ([options]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(RelayOptions.toConfig(options))
      assert.strictEqual(error.code, "PTTH_CONFIG_INVALID")
    }),
  )

  it.effect("take a server by its key or by the tripcode of it", () =>
    Effect.gen(function* () {
      const [byKey] = (yield* RelayOptions.toConfig({ servers: [{ name: "a", apiKey: "key" }] }))
        .servers
      assert.isDefined(byKey)
      const [byTripcode] = (yield* RelayOptions.toConfig({
        servers: [{ name: "a", tripcode: byKey.tripcodes[0] }],
      })).servers
      assert.deepStrictEqual(byTripcode, byKey)
    }),
  )
})
