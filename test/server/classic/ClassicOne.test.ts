/**
 * Our server behind a classic 1 relay that shares no code with it: that it
 * never breaks the rules the published relay relies upon, and that it says
 * everything that classic 1 can say.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import { TestClock } from "effect/testing"
import { make as makeKey, tripcode } from "../../../src/domain/ApiKey.ts"
import * as ServerConfig from "../../../src/domain/config/ServerConfig.ts"
import { ExchangeError } from "../../../src/protocol/Exchange.ts"
import * as Harness from "../../support/Harness.ts"

const listening = (relay: { readonly isParked: boolean }) =>
  Harness.until("the server listens", () => relay.isParked)

describe("listening", () => {
  it.effect("exactly one listen is open, however many requests there are", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.classicRelay("demo")
      yield* Harness.serverAt(
        relay.url,
        "demo",
        Harness.handler(() => ({ body: "x" })),
      )
      yield* listening(relay)
      for (let round = 0; round < 5; round++) {
        const exchanges = relay.visit(
          Array.from({ length: 10 }, (_, i) => ({ uri: `/${round}/${i}` })),
        )
        for (const exchange of exchanges) yield* Harness.promised(() => exchange.body())
        yield* listening(relay)
        relay.expire()
        yield* listening(relay)
      }
      yield* Harness.turns(100)
      assert.strictEqual(relay.mostInFlight, 1)
      assert.strictEqual(relay.replaced, 0)
      assert.strictEqual(relay.listens.length, 11)
      assert.deepStrictEqual(relay.badPosts, [])
      assert.deepStrictEqual(relay.strays, [])
    }),
  )

  it.effect("it listens again while a request is still running", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.classicRelay("demo")
      yield* Harness.serverAt(
        relay.url,
        "demo",
        Harness.handler(() => Harness.never),
      )
      yield* listening(relay)
      relay.visitOne({ uri: "/" })
      yield* Harness.until("the request is taken", () => relay.listens[0]?.status === 200)
      yield* listening(relay)
      assert.strictEqual(relay.mostInFlight, 1)
    }),
  )

  it.effect.each(["", "/", "/7ZSFUKGV", "/7ZSFUKGV/"])(
    "a relay_url that ends in %j leads to the prefix exactly once",
    (ending) =>
      Effect.gen(function* () {
        const relay = yield* Harness.classicRelay("demo")
        const config = Result.getOrThrow(
          ServerConfig.decode(
            `name = "demo"\napi_key = "${Harness.keyOf("demo")}"\nrelay_url = "${relay.url}${ending}"\n`,
          ),
        )
        yield* Harness.serverAt(config.relayUrl, "demo", Harness.echo)
        yield* listening(relay)
        yield* Harness.promised(() => relay.visitOne({ uri: "/" }).body())
        assert.strictEqual(relay.listens[0]?.path, "/7ZSFUKGV/http_listen/demo")
        assert.deepStrictEqual(relay.strays, [])
      }),
  )

  it.effect(
    "a refused key is logged once, with the tripcode to register, and tried again until it is accepted",
    () =>
      Effect.gen(function* () {
        const relay = yield* Harness.classicRelay("demo")
        relay.mode = { status: 401, text: "Bad X-ApiKey\n" }
        const server = yield* Harness.serverAt(relay.url, "demo", Harness.echo)
        yield* Harness.advanceUntil("it has tried four times", () => relay.listens.length >= 4)
        const complaints = server.lines.filter((line) => line.includes("PTTH_KEY_REFUSED"))
        assert.strictEqual(complaints.length, 1)
        const line = complaints[0] ?? ""
        assert.include(line, "Bad X-ApiKey")
        assert.include(line, 'name = "demo"')
        assert.include(line, `tripcode = "${tripcode(makeKey(Harness.keyOf("demo")))}"`)
        assert.notInclude(server.lines.join("\n"), Harness.keyOf("demo"))
        relay.mode = "normal"
        yield* Harness.advanceUntil("it is connected", () => relay.isParked)
        yield* Harness.promised(() => relay.visitOne({ uri: "/" }).body())
        assert.strictEqual(relay.mostInFlight, 1)
      }),
  )

  it.effect("a relay that shuts down is logged, and tried again", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.classicRelay("demo")
      relay.mode = { status: 503, text: "Server is shutting down, try again soon\n" }
      const server = yield* Harness.serverAt(relay.url, "demo", Harness.echo)
      yield* Harness.advanceUntil("it has tried three times", () => relay.listens.length >= 3)
      assert.strictEqual(server.lines.filter((line) => line.includes("shutting down")).length, 1)
      relay.mode = "normal"
      yield* Harness.advanceUntil("it is connected", () => relay.isParked)
      yield* TestClock.adjust("20 seconds")
      relay.expire()
      yield* Harness.until("it says so", () =>
        server.lines.some((line) => line.startsWith("connected: ")),
      )
    }),
  )

  it.effect("a relay that cannot be reached is tried again until it is back", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.classicRelay("demo")
      const server = yield* Harness.serverAt(relay.url, "demo", Harness.echo)
      yield* listening(relay)
      yield* Harness.promised(() => relay.down())
      yield* Harness.advanceUntil("it says so", () =>
        server.lines.some((line) => line.includes("cannot reach the relay")),
      )
      yield* TestClock.adjust("20 seconds")
      yield* Harness.turns(20)
      assert.strictEqual(server.lines.filter((line) => line.includes("cannot reach")).length, 1)
      const before = relay.listens.length
      yield* Harness.promised(() => relay.up())
      yield* Harness.advanceUntil("it listens", () => relay.isParked)
      assert.isAbove(relay.listens.length, before)
      yield* Harness.promised(() => relay.visitOne({ uri: "/" }).body())
    }),
  )

  it.effect.each([
    ["no MessagePack", Buffer.from([0xc1])],
    ["text", Buffer.from("<html>welcome to the hotel</html>")],
    ["bytes that are cut short", Buffer.from([0x91, 0x92, 0xba])],
    ["a request that is no request", Buffer.from([0x91, 0x92, 0x01, 0x02])],
  ] as const)("an answer that is no listen answer is said and survived: %s", ([, bytes]) =>
    Effect.gen(function* () {
      const relay = yield* Harness.classicRelay("demo")
      const server = yield* Harness.serverAt(relay.url, "demo", Harness.echo)
      yield* listening(relay)
      relay.answerListen(200, bytes)
      yield* Harness.advanceUntil("it listens again", () => relay.isParked)
      assert.strictEqual(
        server.lines.filter((line) => line.includes("does not answer like a relay")).length,
        1,
      )
      yield* Harness.promised(() => relay.visitOne({ uri: "/" }).body())
    }),
  )

  it.effect("a listen that is never answered is aborted after its time limit and sent again", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.classicRelay("demo")
      yield* Harness.serverAt(relay.url, "demo", Harness.echo)
      yield* listening(relay)
      yield* TestClock.adjust("26 seconds")
      yield* Harness.turns(50)
      assert.strictEqual(relay.listens.length, 1)
      yield* Harness.advanceUntil("it listens anew", () => relay.listens.length === 2, "1 second")
      assert.isTrue(relay.listens[0]?.gone)
    }),
  )

  it.effect("it stops without leaving a listen open", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.classicRelay("demo")
      const server = yield* Harness.serverAt(relay.url, "demo", Harness.echo)
      yield* listening(relay)
      yield* server.stop
      yield* Harness.until("the listen is gone", () => relay.listens[0]?.gone === true)
      yield* Harness.turns(50)
      assert.strictEqual(relay.listens.length, 1)
    }),
  )

  it.effect("when it stops it takes no more requests and finishes the running one", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.classicRelay("demo")
      const body = new Harness.FedBody()
      const server = yield* Harness.serverAt(
        relay.url,
        "demo",
        Harness.handler(() => ({ body })),
        { grace: "1 minute" },
      )
      yield* listening(relay)
      const exchange = relay.visitOne({ uri: "/" })
      yield* Harness.promised(() => body.untilRead())
      body.feed("before, ")
      yield* listening(relay)
      const stop = yield* Effect.forkChild(server.stop)
      yield* Harness.until("it listens no more", () => !relay.isParked)
      body.feed("after")
      body.end()
      assert.strictEqual(
        (yield* Harness.promised(() => exchange.body())).toString(),
        "before, after",
      )
      yield* Fiber.join(stop)
      assert.strictEqual(relay.listens.length, 2)
    }),
  )
})

describe("what the handler sees", () => {
  it.effect("method, path, query and fields as the relay sends them", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.classicRelay("demo")
      const calls: Array<Harness.Call> = []
      yield* Harness.serverAt(
        relay.url,
        "demo",
        Harness.handler((call) => {
          calls.push(call)
          return {}
        }),
      )
      yield* listening(relay)
      const exchange = relay.visitOne({
        method: "HEAD",
        uri: "/files/sub%20dir//x?as_markdown",
        headers: { host: "relay.test", "x-bin": "\u00c3\u00a9", cookie: "a=1; b=2" },
      })
      yield* Harness.promised(() => exchange.body())
      const head = calls[0]?.head
      assert.strictEqual(head?.method, "HEAD")
      assert.strictEqual(head?.target, "/files/sub%20dir//x?as_markdown")
      assert.sameDeepMembers(
        [...(head?.headers ?? [])],
        [
          ["host", "relay.test"],
          ["x-bin", "\u00c3\u00a9"],
          ["cookie", "a=1; b=2"],
        ],
      )
    }),
  )

  it.effect("many requests of one listen answer run at the same time", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.classicRelay("demo")
      let running = 0
      let go = (): void => {}
      const gate = new Promise<void>((resolve) => {
        go = resolve
      })
      yield* Harness.serverAt(
        relay.url,
        "demo",
        Harness.handler(async (call) => {
          running += 1
          await gate
          return { body: call.head.target }
        }),
      )
      yield* listening(relay)
      const exchanges = relay.visit(Array.from({ length: 40 }, (_, i) => ({ uri: `/${i}` })))
      yield* Harness.until("all of them run", () => running === 40)
      go()
      for (const [i, exchange] of exchanges.entries())
        assert.strictEqual((yield* Harness.promised(() => exchange.body())).toString(), `/${i}`)
      assert.deepStrictEqual(
        exchanges.map((exchange) => exchange.posts),
        Array(40).fill(1),
      )
    }),
  )
})

describe("answering", () => {
  const answered = (answer: Harness.Answer, method: "GET" | "HEAD" = "GET") =>
    Effect.gen(function* () {
      const relay = yield* Harness.classicRelay("demo")
      yield* Harness.serverAt(
        relay.url,
        "demo",
        Harness.handler(() => answer),
      )
      yield* listening(relay)
      const exchange = relay.visitOne({ method, uri: "/" })
      const body = yield* Harness.promised(() => exchange.body())
      const head = yield* Harness.promised(() => exchange.responseHead())
      return { head, body: body.toString() }
    })

  it.effect("a known length is the POST's, an unknown one is chunked", () =>
    Effect.gen(function* () {
      const known = yield* answered({ body: "known" })
      assert.deepStrictEqual(known.head.framing, { length: "5", coding: undefined })
      assert.strictEqual(known.body, "known")
      const body = new Harness.FedBody()
      const feeding = body.feedAll(3, () => Buffer.from("fed"))
      const unknown = yield* answered({ body })
      yield* Harness.promised(() => feeding)
      assert.deepStrictEqual(unknown.head.framing, { length: undefined, coding: "chunked" })
      assert.strictEqual(unknown.body, "fed")
    }),
  )

  it.effect("HEAD is answered with its fields and without a body", () =>
    Effect.gen(function* () {
      const body = new Harness.FedBody(1024)
      const { body: sent, head } = yield* answered(
        {
          headers: [
            ["Content-Length", "1024"],
            ["ETag", '"e"'],
          ],
          body,
        },
        "HEAD",
      )
      assert.strictEqual(head.status, 200)
      assert.strictEqual(head.headers.get("content-length"), "1024")
      assert.strictEqual(head.headers.get("etag"), '"e"')
      assert.deepStrictEqual(head.framing, { length: "0", coding: undefined })
      assert.strictEqual(sent, "")
      assert.isTrue(body.cancelled)
    }),
  )

  it.effect("304 is answered without a body", () =>
    Effect.gen(function* () {
      const { body, head } = yield* answered({
        status: 304,
        headers: [["ETag", '"e"']],
        body: "no",
      })
      assert.strictEqual(head.status, 304)
      assert.deepStrictEqual(head.framing, { length: "0", coding: undefined })
      assert.strictEqual(body, "")
    }),
  )

  it.effect.each([200, 204, 206, 304, 307, 400, 403, 404, 405, 416, 500])(
    "status %i is said as it is",
    (status) =>
      Effect.gen(function* () {
        const { head } = yield* answered({ status })
        assert.strictEqual(head.status, status)
        assert.isFalse(head.headers.has("x-ptth-status"))
      }),
  )

  it.effect.each([
    [201, 200],
    [302, 307],
    [401, 400],
    [410, 405],
    [418, 416],
    [429, 416],
    [502, 500],
    [503, 500],
  ] as const)("status %i is said as %i and kept in X-PTTH-Status", ([status, listed]) =>
    Effect.gen(function* () {
      const { body, head } = yield* answered({ status, body: "b" })
      assert.strictEqual(head.status, listed)
      assert.strictEqual(head.headers.get("x-ptth-status"), `${status}`)
      assert.strictEqual(body, "b")
    }),
  )

  it.effect(
    "repeated fields are joined, except Set-Cookie, and connection fields are removed",
    () =>
      Effect.gen(function* () {
        const { head } = yield* answered({
          headers: [
            ["Vary", "Accept"],
            ["X-A", "\u00e9"],
            ["vary", "Cookie"],
            ["Set-Cookie", "a=1"],
            ["Set-Cookie", "b=2, c"],
            ["Connection", "X-Hop"],
            ["X-Hop", "1"],
            ["Transfer-Encoding", "chunked"],
            ["Keep-Alive", "timeout=5"],
          ],
        })
        assert.deepStrictEqual(
          new Map(head.headers),
          new Map([
            ["vary", "Accept, Cookie"],
            ["x-a", "\u00e9"],
            ["set-cookie", "a=1"],
          ]),
        )
      }),
  )

  it.effect("the failure of a handler becomes a response with its status and code", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.classicRelay("demo")
      yield* Harness.serverAt(relay.url, "demo", (_head, body, reply) => {
        body.discard()
        reply.fail(
          new ExchangeError({
            code: "PTTH_METHOD_NOT_ALLOWED",
            detail: "not this",
            headers: [["Allow", "GET"]],
          }),
        )
        return () => {}
      })
      yield* listening(relay)
      const exchange = relay.visitOne({ uri: "/" })
      const body = yield* Harness.promised(() => exchange.body())
      assert.strictEqual(exchange.head?.status, 405)
      assert.strictEqual(exchange.head?.headers.get("allow"), "GET")
      assert.strictEqual(exchange.head?.headers.get("content-length"), `${body.length}`)
      assert.include(body.toString(), "PTTH_METHOD_NOT_ALLOWED")
    }),
  )

  it.effect("a body is streamed with back-pressure from the relay to the handler", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.classicRelay("demo")
      const body = new Harness.FedBody()
      yield* Harness.serverAt(
        relay.url,
        "demo",
        Harness.handler(() => ({ body })),
      )
      yield* listening(relay)
      const exchange = relay.visitOne({ uri: "/big" }, { reading: false })
      const total = 64 * 1024 * 1024
      const piece = Buffer.alloc(64 * 1024, "piece")
      const feeding = body.feedAll(total, (size) => piece.subarray(0, size))
      yield* Harness.promised(() => exchange.responseHead())
      yield* Harness.turns(1_000)
      assert.isBelow(body.fed, total / 2)
      assert.isFalse(body.isWanted)
      exchange.read()
      yield* Harness.promised(() => feeding)
      assert.strictEqual((yield* Harness.promised(() => exchange.body())).length, total)
    }),
  )

  it.effect.each([undefined, 1_000])(
    "a body that breaks off breaks the POST off, never ends it (length %s)",
    (length) =>
      Effect.gen(function* () {
        const relay = yield* Harness.classicRelay("demo")
        const body = new Harness.FedBody(length)
        yield* Harness.serverAt(
          relay.url,
          "demo",
          Harness.handler(() => ({ body })),
        )
        yield* listening(relay)
        const exchange = relay.visitOne({ uri: "/" })
        yield* Harness.promised(() => body.untilRead())
        body.feed("half")
        yield* Harness.promised(() =>
          exchange.until("half of it is there", () => exchange.received === 4),
        )
        body.fail()
        yield* Harness.promised(() => exchange.until("it breaks off", () => exchange.aborted))
        assert.isFalse(exchange.ended)
      }),
  )

  it.effect.each([
    ["shorter", "half"],
    ["longer", "more than was promised"],
  ] as const)("a body that is %s than promised breaks the POST off", ([, fed]) =>
    Effect.gen(function* () {
      const relay = yield* Harness.classicRelay("demo")
      const body = new Harness.FedBody(10)
      yield* Harness.serverAt(
        relay.url,
        "demo",
        Harness.handler(() => ({ body })),
      )
      yield* listening(relay)
      const exchange = relay.visitOne({ uri: "/" })
      yield* Harness.promised(() => body.untilRead())
      body.feed(fed)
      body.end()
      yield* Harness.promised(() =>
        exchange.until("it is over", () => exchange.ended || exchange.aborted),
      )
      assert.isTrue(exchange.aborted)
    }),
  )

  it.effect("when the POST is answered early the handler is cancelled and its body discarded", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.classicRelay("demo")
      const body = new Harness.FedBody()
      let call: Harness.Call | undefined
      let wasSent = false
      yield* Harness.serverAt(
        relay.url,
        "demo",
        Harness.handler((given) => {
          call = given
          return {
            body,
            sent: () => {
              wasSent = true
            },
          }
        }),
      )
      yield* listening(relay)
      const exchange = relay.visitOne({ uri: "/" })
      yield* Harness.promised(() => body.untilRead())
      body.feed("half")
      yield* Harness.promised(() =>
        exchange.until("half of it is there", () => exchange.received === 4),
      )
      exchange.leave()
      yield* Harness.promised(() => body.untilCancelled())
      yield* Harness.until("the handler is told", () => call?.isCancelled() === true)
      assert.isFalse(wasSent)
    }),
  )

  it.effect("when the relay has the whole response the handler learns that it was sent", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.classicRelay("demo")
      let wasSent = false
      yield* Harness.serverAt(
        relay.url,
        "demo",
        Harness.handler(() => ({
          body: "all",
          sent: () => {
            wasSent = true
          },
        })),
      )
      yield* listening(relay)
      const exchange = relay.visitOne({ uri: "/" }, { reading: false })
      yield* Harness.promised(() => exchange.responseHead())
      yield* Harness.turns(50)
      assert.isFalse(wasSent)
      exchange.read()
      yield* Harness.until("it is sent", () => wasSent)
    }),
  )

  it.effect("when the relay fails during a response the handler is cancelled", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.classicRelay("demo")
      const body = new Harness.FedBody()
      yield* Harness.serverAt(
        relay.url,
        "demo",
        Harness.handler(() => ({ body })),
      )
      yield* listening(relay)
      const exchange = relay.visitOne({ uri: "/" })
      yield* Harness.promised(() => body.untilRead())
      body.feed("half")
      yield* Harness.promised(() => exchange.responseHead())
      yield* Harness.promised(() => relay.down())
      yield* Harness.promised(() => body.untilCancelled())
    }),
  )
})
