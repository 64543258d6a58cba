/**
 * Effect apps behind a relay compared with the same apps on a port of their own: routes, streams,
 * failures, interruption and shutdown.
 */
import * as fs from "node:fs"
import * as http from "node:http"
import * as path from "node:path"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as NetAddress from "effect/net/NetAddress"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { HeaderList } from "../../src/domain/HeaderList.ts"
import * as TunnelHttpServer from "../../src/server/TunnelHttpServer.ts"
import * as Harness from "../support/Harness.ts"
import { routes, streamed } from "../support/SampleApp.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const quiet = (lines: Array<string> = []) =>
  Logger.layer([
    Logger.make(({ cause, message }) => {
      lines.push([message].flat().join(" ") + (cause.reasons.length > 0 ? ` ${cause}` : ""))
    }),
  ])

const tunnel = (relay: Harness.TestRelay, options: Partial<TunnelHttpServer.TunnelOptions> = {}) =>
  TunnelHttpServer.layer({
    name: "demo",
    apiKey: Harness.keyOf("demo"),
    relayUrl: relay.url,
    graceMillis: 0,
    proxies: false,
    ...options,
  })

interface Served {
  readonly host: string
  readonly port: number
  readonly prefix: string
}

/** The same app at a port of its own and behind a relay. */
const bothWays = Effect.fnUntraced(function* (transport: "classic" | "stream") {
  const folder = temporaryFolder()
  const file = path.join(folder, "page.html")
  fs.writeFileSync(file, "<p>a page of some length</p>")
  const relay = yield* Harness.relay({ servers: ["demo"] })
  const app = HttpRouter.serve(routes(file), { disableListenLog: true })
  yield* Layer.build(app.pipe(Layer.provide(tunnel(relay, { transport })), Layer.provide(quiet())))
  const direct = yield* Layer.build(
    app.pipe(
      Layer.provideMerge(NodeHttpServer.layer(http.createServer, { port: 0, host: "127.0.0.1" })),
      Layer.provide(quiet()),
    ),
  )
  const { address } = yield* Effect.provide(HttpServer.HttpServer, direct)
  assert.isTrue(NetAddress.isInetAddress(address))
  const url = new URL(HttpServer.formatAddress(address))
  return {
    direct: { host: url.hostname, port: Number(url.port), prefix: "" },
    tunnelled: { host: relay.host, port: relay.port, prefix: "/servers/demo" },
  }
})

/** Fields that each connection has for itself. */
const ownFields = new Set([
  "date",
  "connection",
  "keep-alive",
  "transfer-encoding",
  "content-length",
])

interface Asked extends Harness.VisitOptions {
  readonly path: string
}

const ask = (to: Served, { path, ...options }: Asked) =>
  Harness.visit(to, to.prefix + path, options).pipe(
    Effect.map(({ body, header, headers, status }) => ({
      length: header("content-length"),
      answer: {
        status,
        headers: headers
          .map(([name, value]) => [name.toLowerCase(), value] as const)
          .filter(([name]) => !ownFields.has(name))
          .toSorted(([a], [b]) => a.localeCompare(b)),
        body: body.toString("latin1"),
      },
    })),
  )

const boundary = "----test"
const multipart = [
  ["a", "", "one"],
  ["b", '; filename="b.txt"', "two"],
]
  .map(
    ([name, more, value]) =>
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`,
  )
  .join("")
  .concat(`--${boundary}--\r\n`)

const typed = (type: string): HeaderList => [["Content-Type", type]]
const big = Buffer.from(streamed)

const questions: ReadonlyArray<Asked> = [
  { path: "/text" },
  { path: "/text", method: "HEAD" },
  { path: "/text", method: "POST", body: "é" },
  { path: "/text", method: "POST", body: "" },
  { path: "/text", method: "DELETE" },
  { path: "/json" },
  { path: "/json", method: "POST", body: '{"a":[1,"é"]}' },
  { path: "/json", method: "POST", body: "" },
  { path: "/json", method: "POST", body: "{" },
  { path: "/twice", method: "POST", body: "again" },
  { path: "/form", method: "POST", body: "a=1&b=two+words&a=%C3%A9" },
  { path: "/form", method: "POST", body: "?a=1" },
  {
    path: "/multipart",
    method: "POST",
    body: multipart,
    headers: typed(`multipart/form-data; boundary=${boundary}`),
  },
  { path: "/multipart", method: "POST", body: "x", headers: typed("text/plain") },
  { path: "/empty" },
  { path: "/reset", method: "HEAD" },
  { path: "/odd-status" },
  { path: "/not-modified" },
  { path: "/redirect" },
  { path: "/cookies" },
  { path: "/bytes" },
  { path: "/stream" },
  { path: "/stream", method: "HEAD" },
  { path: "/sized" },
  { path: "/raw-text" },
  { path: "/raw-readable" },
  { path: "/file" },
  { path: "/file", method: "HEAD" },
  { path: "/part" },
  { path: "/no-file" },
  { path: "/missing" },
  { path: "/defect" },
  { path: "/failure" },
  { path: "/bad-header" },
  { path: "/bad-status" },
  { path: "/echo", method: "POST", body: "short" },
  { path: "/echo", method: "PUT", body: big },
  { path: "/echo", method: "PUT", body: big, chunked: true },
  { path: "/echo", method: "GET" },
  { path: "/echo", method: "PROPFIND", body: "find" },
  { path: "/about/it?a=1&b=%20&a=2", headers: [["Cookie", "x=1; y=2"]] },
  { path: "/about/%C3%A9//.././x", method: "OPTIONS" },
  {
    path: "/about/many",
    headers: [
      ["X-Many", "1"],
      ["X-Many", "2"],
      ["User-Agent", "a"],
      ["User-Agent", "b"],
      ["Cookie", "p=1"],
      ["Cookie", "q=2"],
    ],
  },
  {
    path: "/api/sum/mine",
    method: "POST",
    body: '{"numbers":[1,2,3.5]}',
    headers: typed("application/json"),
  },
  {
    path: "/api/sum/mine",
    method: "POST",
    body: '{"numbers":["x"]}',
    headers: typed("application/json"),
  },
]

describe("An app behind a relay", () => {
  it.live.each([["classic"], ["stream"]] as const)(
    "answers everything through %s as it does on a port of its own",
    ([transport]) =>
      Effect.gen(function* () {
        const { direct, tunnelled } = yield* bothWays(transport)
        for (const question of questions) {
          const expected = yield* ask(direct, question)
          const actual = yield* ask(tunnelled, question)
          const name = `${question.method ?? "GET"} ${question.path}`
          assert.deepStrictEqual(actual.answer, expected.answer, name)
          // Where Node says no length, the relay knows one if nothing follows.
          assert.strictEqual(actual.length, expected.length ?? actual.length, name)
        }
      }).pipe(Effect.scoped),
  )

  it.live("is told who visits it, and from where it was asked", () =>
    Effect.gen(function* () {
      const { tunnelled } = yield* bothWays("classic")
      const answer = yield* ask(tunnelled, { path: "/whoami", headers: [["Host", "a.example"]] })
      assert.deepStrictEqual(JSON.parse(answer.answer.body), {
        remote: "127.0.0.1",
        peer: "127.0.0.1",
        original: "http://a.example/whoami",
        protocol: "http",
      })
    }).pipe(Effect.scoped),
  )
})

/** Serves one app, without any middleware and interruptible as a route is, behind a relay. */
const serve = Effect.fnUntraced(function* (
  app: Effect.Effect<
    HttpServerResponse.HttpServerResponse,
    unknown,
    HttpServerRequest | Scope.Scope
  >,
  options: Partial<TunnelHttpServer.TunnelOptions> = {},
) {
  const relay = yield* Harness.relay({ servers: ["demo"], shutdownGrace: "10 seconds" })
  const lines: Array<string> = []
  const scope = yield* Scope.fork(yield* Effect.scope)
  yield* HttpServer.serve(Effect.interruptible(app)).pipe(
    Layer.provide(tunnel(relay, options)),
    Layer.provide(quiet(lines)),
    Layer.buildWithScope(scope),
  )
  return { relay, lines, stop: Scope.close(scope, Exit.void) }
})

/** Counts how often something was begun and how it went. */
const watched = () => {
  const seen = { begun: 0, interrupted: 0 }
  const around = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.suspend(() => {
      seen.begun += 1
      return Effect.onInterrupt(effect, () =>
        Effect.sync(() => {
          seen.interrupted += 1
        }),
      )
    })
  return { seen, around }
}

describe("A response that is streamed through a relay", () => {
  it.live("arrives event by event", () =>
    Effect.gen(function* () {
      const events = yield* Queue.unbounded<string>()
      const { relay } = yield* serve(
        Effect.succeed(
          HttpServerResponse.stream(Stream.encodeText(Stream.fromQueue(events)), {
            contentType: "text/event-stream",
          }),
        ),
      )
      const visit = yield* Harness.open(relay, "/servers/demo/events")
      const { header } = yield* visit.head
      assert.strictEqual(header("content-type"), "text/event-stream")
      const whole = yield* Effect.forkChild(visit.whole)
      for (const event of ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"]) {
        const before = visit.received()
        yield* Queue.offer(events, event)
        yield* Harness.until("the event is here", () => visit.received() === before + event.length)
      }
      yield* visit.leave
      yield* Fiber.await(whole)
    }).pipe(Effect.scoped),
  )

  it.live("is pulled no further than the visitor reads", () =>
    Effect.gen(function* () {
      const megabyte = Buffer.alloc(1024 * 1024)
      let pulled = 0
      const { relay } = yield* serve(
        Effect.succeed(
          HttpServerResponse.stream(
            Stream.fromIterable(Array.from({ length: 160 }, (_, i) => i)).pipe(
              Stream.rechunk(1),
              Stream.map(() => {
                pulled += 1
                return megabyte
              }),
            ),
          ),
        ),
      )
      const connection = yield* Harness.connect(relay)
      connection.pause()
      connection.write("GET /servers/demo/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      let before = -1
      while (before !== pulled || pulled === 0) {
        before = pulled
        yield* Harness.turns(500)
      }
      assert.isBelow(pulled, 100)
      connection.resume()
      yield* Harness.until("the rest comes", () => pulled === 160)
    }).pipe(Effect.scoped),
  )

  it.live("is cut, not ended, when it fails midway, and the app goes on", () =>
    Effect.gen(function* () {
      let asked = 0
      const { relay } = yield* serve(
        Effect.suspend(() => {
          asked += 1
          return Effect.succeed(
            asked === 1
              ? HttpServerResponse.stream(
                  Stream.concat(Stream.succeed(Buffer.from("half")), Stream.die(new Error("bug"))),
                )
              : HttpServerResponse.text("well"),
          )
        }),
      )
      const error = yield* Effect.flip(Harness.get(relay, "/servers/demo/"))
      assert.strictEqual(error.code, "ECONNRESET")
      assert.strictEqual((yield* Harness.get(relay, "/servers/demo/")).text, "well")
    }).pipe(Effect.scoped),
  )
})

describe("A visitor who leaves", () => {
  it.live("interrupts a handler that has not answered", () =>
    Effect.gen(function* () {
      const { around, seen } = watched()
      const { relay } = yield* serve(around(Effect.never))
      const visit = yield* Harness.open(relay, "/servers/demo/")
      yield* Harness.until("the handler runs", () => seen.begun === 1)
      yield* visit.leave
      yield* Harness.until("the handler is interrupted", () => seen.interrupted === 1)
    }).pipe(Effect.scoped),
  )

  it.live("does not interrupt a route that says so", () =>
    Effect.gen(function* () {
      const go = yield* Deferred.make<void>()
      const { around, seen } = watched()
      let finished = 0
      const handler = around(Deferred.await(go)).pipe(
        Effect.tap(() =>
          Effect.sync(() => {
            finished += 1
          }),
        ),
        Effect.as(HttpServerResponse.empty()),
      )
      const relay = yield* Harness.relay({ servers: ["demo"] })
      yield* Layer.build(
        HttpRouter.serve(HttpRouter.add("GET", "/", handler, { uninterruptible: true }), {
          disableLogger: true,
        }).pipe(Layer.provide(tunnel(relay)), Layer.provide(quiet())),
      )
      const visit = yield* Harness.open(relay, "/servers/demo/")
      yield* Harness.until("the handler runs", () => seen.begun === 1)
      yield* visit.leave
      yield* Harness.turns(50)
      yield* Deferred.succeed(go, undefined)
      yield* Harness.until("the handler is through", () => finished === 1)
      assert.strictEqual(seen.interrupted, 0)
    }).pipe(Effect.scoped),
  )

  it.live("ends the stream that is being sent and closes the request's Scope", () =>
    Effect.gen(function* () {
      let closed = 0
      let ended = 0
      const count = Effect.sync(() => {
        ended += 1
      })
      const { relay } = yield* serve(
        Effect.addFinalizer(() =>
          Effect.sync(() => {
            closed += 1
          }),
        ).pipe(
          Effect.as(
            HttpServerResponse.stream(
              Stream.concat(Stream.succeed(Buffer.from("begun")), Stream.never).pipe(
                Stream.ensuring(count),
              ),
            ),
          ),
        ),
      )
      const visit = yield* Harness.open(relay, "/servers/demo/")
      yield* visit.head
      assert.deepStrictEqual([ended, closed], [0, 0])
      yield* visit.leave
      yield* Harness.until("the stream ends", () => ended === 1)
      yield* Harness.until("the Scope is closed", () => closed === 1)
    }).pipe(Effect.scoped),
  )

  it.live("fails the upload that the handler is reading, or interrupts it", () =>
    Effect.gen(function* () {
      let size = 0
      let over = 0
      const { relay } = yield* serve(
        HttpServerRequest.pipe(
          Effect.flatMap((request) =>
            Stream.runForEach(request.stream, (chunk) =>
              Effect.sync(() => {
                size += chunk.length
              }),
            ),
          ),
          Effect.onExit((exit) =>
            Effect.sync(() => {
              if (Exit.isFailure(exit)) over += 1
            }),
          ),
          Effect.as(HttpServerResponse.text("whole")),
        ),
      )
      const visit = yield* Harness.open(relay, "/servers/demo/", {
        method: "PUT",
        headers: [["Content-Length", "100000"]],
        upload: true,
      })
      visit.request.write(Buffer.alloc(50_000))
      yield* Harness.until("half is there", () => size === 50_000)
      yield* visit.leave
      yield* Harness.until("the upload is over", () => over === 1)
    }).pipe(Effect.scoped),
  )
})

describe("An app that fails", () => {
  it.live("gives its visitor a 500 and its owner a line, also without any middleware", () =>
    Effect.gen(function* () {
      const { lines, relay } = yield* serve(
        Effect.flatMap(HttpServerRequest, ({ url }) =>
          url === "/defect" ? Effect.die(new Error("a bug")) : Effect.fail(new Error("a failure")),
        ),
      )
      for (const [path, text] of [
        ["/defect", "a bug"],
        ["/failure", "a failure"],
      ] as const) {
        const { body, status } = yield* Harness.get(relay, `/servers/demo${path}`)
        assert.deepStrictEqual([status, body.length], [500, 0])
        yield* Harness.until("it is logged", () =>
          lines.some((line) => line.startsWith("a request failed") && line.includes(text)),
        )
      }
    }).pipe(Effect.scoped),
  )

  it.live("says with a typed error that the protocol cannot be changed", () =>
    Effect.gen(function* () {
      const { relay } = yield* serve(
        Effect.flatMap(HttpServerRequest, (request) =>
          Effect.match(request.upgrade, {
            onSuccess: () => HttpServerResponse.text("changed"),
            onFailure: (error) => HttpServerResponse.text(error._tag),
          }),
        ),
      )
      assert.strictEqual((yield* Harness.get(relay, "/servers/demo/")).text, "HttpServerError")
    }).pipe(Effect.scoped),
  )
})

describe("Closing the server", () => {
  it.live("lets a running request finish within the grace period", () =>
    Effect.gen(function* () {
      const go = yield* Deferred.make<void>()
      const { around, seen } = watched()
      const { relay, stop } = yield* serve(
        around(Effect.as(Deferred.await(go), HttpServerResponse.text("finished"))),
        { graceMillis: 60_000 },
      )
      const visit = yield* Effect.forkChild(Harness.get(relay, "/servers/demo/"))
      yield* Harness.until("the handler runs", () => seen.begun === 1)
      const stopping = yield* Effect.forkChild(stop, { startImmediately: true })
      yield* Harness.turns(20)
      yield* Deferred.succeed(go, undefined)
      assert.strictEqual((yield* Fiber.join(visit)).text, "finished")
      yield* Fiber.join(stopping)
      assert.strictEqual(seen.interrupted, 0)
    }).pipe(Effect.scoped),
  )

  it.live("interrupts what still runs after it", () =>
    Effect.gen(function* () {
      const { around, seen } = watched()
      const { relay, stop } = yield* serve(around(Effect.never), { graceMillis: 0 })
      yield* Harness.open(relay, "/servers/demo/")
      yield* Harness.until("the handler runs", () => seen.begun === 1)
      yield* stop
      assert.strictEqual(seen.interrupted, 1)
    }).pipe(Effect.scoped),
  )
})

describe("The options of a server", () => {
  const usable = { name: "demo", apiKey: Redacted.make("key"), relayUrl: "https://r.example" }

  it.effect.each([
    [{ ...usable, name: "a/b" }, "PTTH_CONFIG_INVALID"],
    [{ ...usable, apiKey: "two\nlines" }, "PTTH_CONFIG_INVALID"],
    [{ ...usable, apiKey: "" }, "PTTH_CONFIG_INVALID"],
    [{ ...usable, relayUrl: "r.example" }, "PTTH_CONFIG_INVALID"],
    [{ ...usable, relayUrl: "http://r.example" }, "PTTH_INSECURE_RELAY"],
  ] as const)("that cannot be used are refused with a code: %j", ([options, code]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(TunnelHttpServer.make(options))
      assert.strictEqual(error.code, code)
      assert.notInclude(error.message, "two\nlines")
    }),
  )

  it.effect("give the address ptth/NAME, and plain http where it is allowed", () =>
    Effect.gen(function* () {
      const allowed = [
        usable,
        { ...usable, relayUrl: "http://127.0.0.1:4000/7ZSFUKGV" },
        { ...usable, relayUrl: "http://r.example", insecure: true },
      ]
      for (const options of allowed) {
        const { address } = yield* TunnelHttpServer.make(options)
        assert.isTrue(NetAddress.isUnixPathAddress(address))
        assert.include(HttpServer.formatAddress(address), "ptth/demo")
      }
    }),
  )
})
