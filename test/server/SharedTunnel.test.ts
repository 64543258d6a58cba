/**
 * Several names of one process on the links of one of them.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { make as makeKey } from "../../src/domain/ApiKey.ts"
import type { ServerName } from "../../src/domain/ServerName.ts"
import * as Server from "../../src/server/Server.ts"
import * as SharedTunnel from "../../src/server/SharedTunnel.ts"
import { SharedNames } from "../../src/server/uplink/SharedNames.ts"
import * as Harness from "../support/Harness.ts"

const shop = "shop" as ServerName

const saying = (text: string) =>
  Harness.handler(({ head }) => ({
    body: `${text} ${head.headers.some(([name]) => /^x.ptth.service$/i.test(name)) ? "told" : ""}`.trim(),
  }))

/** A process with the name `demo`, whose links carry the others. */
const start = Effect.fnUntraced(function* (relay: Harness.TestRelay) {
  const names = new SharedNames()
  const scope = yield* Effect.scope
  const optionsOf = (name: string): Server.ServerOptions => ({
    name: name as ServerName,
    apiKey: makeKey(Harness.keyOf(name)),
    relayUrl: relay.url,
    handler: saying(name),
    proxies: false,
    graceMillis: 0,
    transport: "stream",
  })
  yield* Effect.forkIn(Server.run({ ...optionsOf("demo"), shared: names }), scope)
  /** Serves a further name until the returned effect is run. */
  const serve = Effect.fnUntraced(function* (name: string) {
    const own = yield* Scope.fork(scope)
    yield* SharedTunnel.run(optionsOf(name), names).pipe(
      Effect.provideService(Scope.Scope, own),
      Effect.forkIn(own),
    )
    return Scope.close(own, Exit.void)
  })
  const untilShared = (name: ServerName, count: number) =>
    Harness.until(`${name} is on ${count} links`, () => names.linksOf(name) === count)
  return { names, serve, untilShared }
})

const linksOf = (relay: Harness.TestRelay, name: string) => relay.status(name).transports.length

describe("a further name", () => {
  it.live("is served on the links of the first, each with its own visitors", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo", "shop"] })
      const { serve, untilShared } = yield* start(relay)
      const stop = yield* serve("shop")
      yield* untilShared(shop, 2)
      assert.strictEqual(linksOf(relay, "shop"), 2)
      assert.strictEqual((yield* Harness.get(relay, "/servers/shop/x")).text, "shop")
      const forged = yield* Harness.visit(relay, "/servers/demo/x", {
        headers: [
          ["X-PTTH-Service", "shop"],
          ["X_PTTH_Service", "shop"],
        ],
      })
      assert.strictEqual(forged.text, "demo")
      yield* stop
      yield* Harness.until("shop is away", () => linksOf(relay, "shop") === 0)
      assert.strictEqual((yield* Harness.get(relay, "/servers/demo/x")).text, "demo")
      assert.strictEqual(linksOf(relay, "demo"), 2)
    }).pipe(Effect.scoped),
  )

  it.live("gets the request that waited for it, which the first name does not see", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo", "shop"] })
      const { serve, untilShared } = yield* start(relay)
      yield* Harness.until("the links are there", () => linksOf(relay, "demo") === 2)
      const waiting = yield* Effect.forkChild(Harness.get(relay, "/servers/shop/x"))
      yield* Harness.until("the visitor waits", () => relay.status("shop").waiting === 1)
      yield* serve("shop")
      yield* untilShared(shop, 2)
      assert.strictEqual((yield* Fiber.join(waiting)).text, "shop")
    }).pipe(Effect.scoped),
  )

  it.live(
    "that the relay does not know waits by itself, and joins the links once it is known",
    () =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers: ["demo"] })
        const { serve, untilShared } = yield* start(relay)
        yield* serve("shop")
        yield* Harness.until("shop is refused", () => relay.unregistered().length === 1)
        assert.strictEqual((yield* Harness.get(relay, "/servers/demo/x")).text, "demo")
        yield* relay.change({ servers: ["demo", "shop"] })
        yield* untilShared(shop, 2)
        yield* Harness.until("its own links are gone", () => linksOf(relay, "shop") === 2)
        assert.strictEqual((yield* Harness.get(relay, "/servers/shop/x")).text, "shop")
      }).pipe(Effect.scoped),
  )

  it.live("whose key is taken away leaves the links to the others", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo", "shop"] })
      const { serve, untilShared } = yield* start(relay)
      yield* serve("shop")
      yield* untilShared(shop, 2)
      const links = relay.traffic.server("demo" as ServerName).linksOpened
      yield* relay.change({ servers: ["demo"] })
      yield* untilShared(shop, 0)
      assert.strictEqual((yield* Harness.get(relay, "/servers/demo/x")).text, "demo")
      assert.strictEqual(relay.traffic.server("demo" as ServerName).linksOpened, links)
    }).pipe(Effect.scoped),
  )

  it.live("has links of its own while the first speaks classic", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo", "shop"] })
      const names = new SharedNames()
      const scope = yield* Effect.scope
      const common = { relayUrl: relay.url, proxies: false, graceMillis: 0 }
      const of = (name: string) => ({
        ...common,
        name: name as ServerName,
        apiKey: makeKey(Harness.keyOf(name)),
        handler: saying(name),
      })
      yield* Effect.forkIn(
        Server.run({ ...of("demo"), transport: "classic", shared: names }),
        scope,
      )
      yield* Effect.forkIn(SharedTunnel.run({ ...of("shop"), transport: "stream" }, names), scope)
      yield* Harness.until("both are there", () =>
        ["demo", "shop"].every((name) => linksOf(relay, name) > 0),
      )
      assert.strictEqual(names.linksOf(shop), 0)
      assert.strictEqual((yield* Harness.get(relay, "/servers/shop/x")).text, "shop")
    }).pipe(Effect.scoped),
  )
})
