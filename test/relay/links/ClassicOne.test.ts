/**
 * Our relay in front of a classic 1 server that shares no code with it: every
 * answer that the specification's tables list, and every quirk of the original.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import * as Harness from "../../support/Harness.ts"

const tripcodeSample = {
  key: "PlaypenCausalPlatformCommodeImproveCatalyze",
  tripcode: "A9rPwZyY89Ag4TJjMoyYA2NeGOm99Je6rq1s0rg8PfY=",
}

describe("listen", () => {
  it.effect("a listen without a key gets 403 and the original's text", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const peer = yield* Harness.classicServer(relay, "demo", { key: undefined })
      const answer = yield* Harness.promised(() => peer.listenOnce().answer)
      assert.strictEqual(answer.status, 403)
      assert.strictEqual(answer.body.toString(), "Can't run server without an API key\n")
      assert.isTrue(answer.complete)
      assert.deepStrictEqual(relay.unregistered(), [])
    }),
  )

  it.effect("an unknown name and a wrong key get the same 401 and both are remembered", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      for (const name of ["demo", "stranger"]) {
        const peer = yield* Harness.classicServer(relay, name, { key: tripcodeSample.key })
        const answer = yield* Harness.promised(() => peer.listenOnce().answer)
        assert.strictEqual(answer.status, 401)
        assert.strictEqual(answer.body.toString(), "Bad X-ApiKey\n")
        assert.isFalse(peer.died)
      }
      assert.deepStrictEqual(
        relay.unregistered().map(({ address, name, reason, tripcode }) => ({
          address,
          name: `${name}`,
          reason,
          tripcode,
        })),
        [
          {
            name: "demo",
            reason: "wrong key",
            address: "127.0.0.1",
            tripcode: tripcodeSample.tripcode as never,
          },
          {
            name: "stranger",
            reason: "unknown name",
            address: "127.0.0.1",
            tripcode: tripcodeSample.tripcode as never,
          },
        ],
      )
      assert.isFalse(relay.lines.some((line) => line.includes(tripcodeSample.key)))
    }),
  )

  it.effect("each request of a connection is judged by its own key and name", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo", "other"] })
      const connection = yield* Harness.connect(relay)
      let answers = 0
      const listen = (name: string, ...keys: ReadonlyArray<string>) =>
        Effect.gen(function* () {
          const before = connection.received().length
          const fields = keys.map((key) => `X-ApiKey: ${key}\r\n`).join("")
          connection.write(`GET /http_listen/${name} HTTP/1.1\r\nHost: x\r\n${fields}\r\n`)
          answers += 1
          yield* connection.until(
            (bytes) => bytes.toString().split("HTTP/1.1 ").length === answers + 1,
          )
          return Number(connection.received().subarray(before).toString().slice(9, 12))
        })
      const demo = Harness.keyOf("demo")
      const other = Harness.keyOf("other")
      const parked = yield* Effect.forkChild(listen("demo", demo))
      yield* Harness.until("it listens", () => relay.status("demo").transports.length === 1)
      yield* Harness.open(relay, "/servers/demo/")
      assert.strictEqual(yield* Fiber.join(parked), 200)
      // From here on the connection has shown the right key once.
      assert.strictEqual(yield* listen("demo", other), 401)
      assert.strictEqual(yield* listen("demo", demo.replace(/.$/, "0")), 401)
      assert.strictEqual(yield* listen("demo", demo.toUpperCase()), 401)
      assert.strictEqual(yield* listen("demo", `${demo}x`), 401)
      assert.strictEqual(yield* listen("demo", ""), 401)
      assert.strictEqual(yield* listen("other", demo), 401)
      assert.strictEqual(yield* listen("demo"), 403)
      assert.strictEqual(yield* listen("demo", demo, demo), 401)
      yield* relay.change({ servers: [{ name: "demo", key: "another" }] })
      assert.strictEqual(yield* listen("demo", demo), 401)
      assert.strictEqual(yield* listen("other", other), 401)
    }),
  )

  it.effect("a listen is answered 204 with nothing after 25 seconds, and not before", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const peer = yield* Harness.runningClassicServer(relay, "demo")
      yield* TestClock.adjust("24900 millis")
      yield* Harness.turns(50)
      assert.deepStrictEqual(peer.answers, [])
      yield* TestClock.adjust("200 millis")
      yield* Harness.promised(() =>
        peer.until("the listen is answered", () => peer.answers.length > 0),
      )
      assert.strictEqual(peer.answers[0]?.status, 204)
      assert.strictEqual(peer.answers[0]?.body.length, 0)
      // It listens again at once, and that listen too is kept for its 25 seconds.
      yield* Harness.until("it listens again", () => peer.listensInFlight === 1)
      yield* TestClock.adjust("20 seconds")
      yield* Harness.turns(50)
      assert.strictEqual(peer.answers.length, 1)
    }),
  )

  it.effect("of two parked listens of one name both are kept, and the newest is used first", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const older = yield* Harness.classicServer(relay, "demo")
      const newer = yield* Harness.classicServer(relay, "demo")
      const first = older.listenOnce()
      yield* Harness.until(
        "the first listen is parked",
        () => relay.status("demo").transports.length === 1,
      )
      yield* TestClock.adjust("1 second")
      newer.listenOnce()
      yield* Harness.turns(100)
      assert.isFalse(first.isAnswered())
      yield* Harness.open(relay, "/servers/demo/one")
      assert.strictEqual((yield* Harness.promised(() => newer.take())).uri, "/one")
      yield* Harness.turns(50)
      assert.isFalse(first.isAnswered())
      yield* Harness.open(relay, "/servers/demo/two")
      assert.strictEqual((yield* Harness.promised(() => older.take())).uri, "/two")
    }),
  )

  it.effect("a listen whose connection broke is never used", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const older = yield* Harness.classicServer(relay, "demo")
      older.listenOnce()
      yield* Harness.until(
        "the listen is parked",
        () => relay.status("demo").transports.length === 1,
      )
      const newer = yield* Harness.classicServer(relay, "demo")
      const broken = newer.listenOnce()
      yield* Harness.turns(100)
      broken.abort()
      yield* Harness.turns(100)
      yield* Harness.open(relay, "/servers/demo/")
      assert.strictEqual((yield* Harness.promised(() => older.take())).uri, "/")
    }),
  )

  it.effect("one listen takes all visitors that wait", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      for (const path of ["a", "b", "c"]) yield* Harness.open(relay, `/servers/demo/${path}`)
      yield* Harness.until("three visitors wait", () => relay.status("demo").waiting === 3)
      const peer = yield* Harness.classicServer(relay, "demo")
      const answer = yield* Harness.promised(() => peer.listenOnce().answer)
      assert.strictEqual(answer.status, 200)
      assert.sameMembers(
        answer.requests.map((request) => request.uri),
        ["/a", "/b", "/c"],
      )
      assert.strictEqual(new Set(answer.requests.map((request) => request.id)).size, 3)
    }),
  )

  it.effect("the backend API is also found without its prefix", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const peer = yield* Harness.runningClassicServer(relay, "demo", { relayUrl: relay.url })
      const visit = yield* Effect.forkChild(Harness.get(relay, "/servers/demo/"))
      const { answer } = yield* Harness.promised(() => peer.serve({ body: "bare" }))
      assert.deepStrictEqual(answer, { status: 200, text: "StreamFinished\n" })
      assert.strictEqual((yield* Fiber.join(visit)).text, "bare")
    }),
  )

  it.effect("a relay that shuts down answers parked listens 503, whole and in UTF-8", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const peer = yield* Harness.runningClassicServer(relay, "demo")
      yield* relay.stop
      yield* Harness.promised(() =>
        peer.until("the listen is answered", () => peer.answers.length > 0),
      )
      const answer = peer.answers[0]
      assert.strictEqual(answer?.status, 503)
      assert.strictEqual(answer?.body.toString(), "Server is shutting down, try again soon\n")
      assert.isTrue(answer?.complete)
      assert.isTrue(answer?.utf8)
      assert.isFalse(peer.died)
    }),
  )

  it.effect(
    "while the relay drains, a listen on a connection that is still open gets the same 503",
    () =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers: ["demo"], shutdownGrace: "5 seconds" })
        const peer = yield* Harness.runningClassicServer(relay, "demo")
        // An exchange that runs keeps the relay draining.
        const running = yield* Harness.open(relay, "/servers/demo/slow")
        const request = yield* Harness.promised(() => peer.take())
        const post = peer.respond(request.id, { chunked: true, body: "half, ", end: false })
        yield* running.head
        const connection = yield* Harness.connect(relay)
        connection.write("GET /7ZSFUKGV/http_listen/demo HTTP/1.1\r\nHost: x\r\n")
        yield* Harness.until("the peer listens", () => peer.listensInFlight === 1)
        const stop = yield* Effect.forkChild(relay.stop)
        yield* Harness.promised(() =>
          peer.until("the listen is answered", () => peer.answers.at(-1)?.status === 503),
        )
        connection.write(`X-ApiKey: ${Harness.keyOf("demo")}\r\n\r\n`)
        yield* connection.until("Server is shutting down, try again soon\n")
        assert.match(connection.received().toString(), /^HTTP\/1\.1 503 /)
        // What runs may finish.
        post.write("and half")
        post.end()
        assert.deepStrictEqual(yield* Harness.promised(() => post.answer), {
          status: 200,
          text: "StreamFinished\n",
        })
        assert.strictEqual((yield* running.whole).text, "half, and half")
        yield* Fiber.join(stop)
      }),
  )

  it.effect("while the relay drains, a server connects anew for an answer that it owes", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"], shutdownGrace: "5 seconds" })
      const peer = yield* Harness.runningClassicServer(relay, "demo")
      const running = yield* Harness.open(relay, "/servers/demo/slow")
      const request = yield* Harness.promised(() => peer.take())
      const stop = yield* Effect.forkChild(relay.stop)
      yield* Harness.promised(() =>
        peer.until("it has been told", () => peer.answers.at(-1)?.status === 503),
      )
      const other = yield* Harness.connect(relay)
      other.write("GET /servers/demo/late HTTP/1.1\r\nHost: x\r\n\r\n")
      yield* other.until("PTTH_DRAINING")
      const post = peer.respond(request.id, { body: "in time" })
      assert.strictEqual((yield* Harness.promised(() => post.answer)).status, 200)
      assert.strictEqual((yield* running.whole).text, "in time")
      yield* Fiber.join(stop)
    }),
  )

  it.effect(
    "a relay stops as soon as what runs is finished, although connections are kept alive",
    () =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers: ["demo"], shutdownGrace: "1 hour" })
        const peer = yield* Harness.runningClassicServer(relay, "demo")
        const connection = yield* Harness.connect(relay)
        connection.write("GET /servers/demo/ HTTP/1.1\r\nHost: x\r\n\r\n")
        const request = yield* Harness.promised(() => peer.take())
        const post = peer.respond(request.id, { body: "half", promised: 8, end: false })
        yield* connection.until("half")
        const stop = yield* Effect.forkChild(relay.stop)
        yield* Harness.promised(() =>
          peer.until("it has been told", () => peer.answers.at(-1)?.status === 503),
        )
        post.write("half")
        yield* Harness.promised(() => post.answer)
        // Both connections could be used again, and the clock stands still.
        assert.strictEqual(yield* connection.closed, "end")
        connection.end()
        yield* Harness.promised(() => post.closed())
        post.close()
        yield* Fiber.join(stop)
        assert.include(connection.received().toString(), "halfhalf")
      }),
  )
})

describe("what the server is handed", () => {
  it.effect("path and query are the visitor's, byte for byte, and fields have one value each", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const peer = yield* Harness.runningClassicServer(relay, "demo")
      const connection = yield* Harness.connect(relay)
      connection.write(
        "GET /servers/demo//a/../b/%2e%2F;x=1?as_markdown&q=%20+ HTTP/1.1\r\nHost: relay.test\r\n" +
          "X-Two: a\r\nCookie: k=1\r\nX-Two: b\r\nCOOKIE: l=2\r\nX-Api: c\r\nConnection: x-hop\r\nX-Hop: no\r\n\r\n",
      )
      const request = yield* Harness.promised(() => peer.take())
      assert.strictEqual(request.method, "GET")
      assert.strictEqual(request.uri, "//a/../b/%2e%2F;x=1?as_markdown&q=%20+")
      assert.strictEqual(request.headers.get("x-two"), "a, b")
      assert.strictEqual(request.headers.get("cookie"), "k=1; l=2")
      assert.strictEqual(request.headers.get("host"), "relay.test")
      assert.isFalse(request.headers.has("x-hop"))
      assert.isFalse(request.headers.has("connection"))
      for (const name of request.headers.keys()) assert.strictEqual(name, name.toLowerCase())
    }),
  )

  it.effect("a visitor cannot slip a key of its own to the server", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const peer = yield* Harness.runningClassicServer(relay, "demo")
      yield* Harness.open(relay, "/servers/demo/", { headers: [["X-ApiKey", "mine"]] })
      const request = yield* Harness.promised(() => peer.take())
      assert.isFalse(request.headers.has("x-apikey"))
    }),
  )

  it.effect("a header value keeps bytes that are not ASCII", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const peer = yield* Harness.runningClassicServer(relay, "demo")
      const visit = yield* Effect.forkChild(
        Harness.get(relay, "/servers/demo/", [["X-Bin", "\u00c3\u00a9"]]),
      )
      const { request } = yield* Harness.promised(() =>
        peer.serve({ headers: { "x-bin": "\u00e9\u00ff" } }),
      )
      assert.strictEqual(request.headers.get("x-bin"), "\u00c3\u00a9")
      assert.strictEqual((yield* Fiber.join(visit)).header("x-bin"), "\u00e9\u00ff")
    }),
  )

  it.effect.each(["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])(
    "%s is not for classic 1: 405 that allows GET and HEAD, and the listen stays parked",
    (method) =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers: ["demo"] })
        const peer = yield* Harness.runningClassicServer(relay, "demo")
        const answer = yield* Harness.visit(relay, "/servers/demo/form", {
          method,
          ...(method === "OPTIONS" ? {} : { body: "x=1" }),
        })
        assert.strictEqual(answer.status, 405)
        assert.deepStrictEqual(answer.all("allow"), ["GET, HEAD"])
        assert.strictEqual(answer.all("content-length").length, 1)
        assert.include(answer.text, "PTTH_METHOD_NOT_ALLOWED")
        yield* Harness.turns(50)
        assert.deepStrictEqual(peer.answers, [])
      }),
  )
})

describe("respond", () => {
  it.effect(
    "status, fields and body reach the visitor, and the POST is answered StreamFinished",
    () =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers: ["demo"] })
        const peer = yield* Harness.runningClassicServer(relay, "demo")
        for (const chunked of [false, true]) {
          const visit = yield* Effect.forkChild(Harness.get(relay, "/servers/demo/x"))
          const { answer } = yield* Harness.promised(() =>
            peer.serve({
              status: 404,
              headers: { etag: '"e"', "content-type": "text/plain" },
              body: "not here",
              chunked,
            }),
          )
          assert.deepStrictEqual(answer, { status: 200, text: "StreamFinished\n" })
          const seen = yield* Fiber.join(visit)
          assert.strictEqual(seen.status, 404)
          assert.strictEqual(seen.header("etag"), '"e"')
          assert.strictEqual(seen.text, "not here")
          assert.deepStrictEqual(seen.all("content-length"), chunked ? [] : ["8"])
          assert.deepStrictEqual(seen.all("x-ptth-2ljyxwc4"), [])
        }
      }),
  )

  it.effect.each([200, 206, 307, 400, 403, 404, 405, 416, 500])(
    "status %i reaches the visitor as it is",
    (status) =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers: ["demo"] })
        const peer = yield* Harness.runningClassicServer(relay, "demo")
        const visit = yield* Effect.forkChild(Harness.get(relay, "/servers/demo/"))
        yield* Harness.promised(() => peer.serve({ status, body: "b" }))
        const seen = yield* Fiber.join(visit)
        assert.strictEqual(seen.status, status)
        assert.strictEqual(seen.text, "b")
      }),
  )

  it.effect("an id that nobody was given gets 400", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const peer = yield* Harness.classicServer(relay, "demo")
      const post = peer.respond("01M82KGWT5EEM3WHGFCZHFJSK0", { body: "x" })
      assert.deepStrictEqual(yield* Harness.promised(() => post.answer), {
        status: 400,
        text: "Request ID not found in response_rendezvous\n",
      })
    }),
  )

  it.effect(
    "an id is used once: a second answer gets 400, while the first runs and afterwards",
    () =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers: ["demo"] })
        const peer = yield* Harness.runningClassicServer(relay, "demo")
        const visit = yield* Harness.open(relay, "/servers/demo/")
        const request = yield* Harness.promised(() => peer.take())
        const used = { status: 400, text: "Request ID not found in response_rendezvous\n" }
        const post = peer.respond(request.id, { chunked: true, body: "one", end: false })
        yield* visit.head
        const during = peer.respond(request.id, { body: "two" })
        assert.deepStrictEqual(yield* Harness.promised(() => during.answer), used)
        post.end()
        assert.strictEqual((yield* visit.whole).text, "one")
        yield* Harness.promised(() => post.answer)
        const after = peer.respond(request.id, { body: "three" })
        assert.deepStrictEqual(yield* Harness.promised(() => after.answer), used)
      }),
  )

  it.effect(
    "a magic header that is missing or undecodable gets 400, and the request can still be answered",
    () =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers: ["demo"] })
        const peer = yield* Harness.runningClassicServer(relay, "demo")
        const visit = yield* Effect.forkChild(Harness.get(relay, "/servers/demo/"))
        const request = yield* Harness.promised(() => peer.take())
        for (const magic of [
          null,
          "",
          "!!!",
          "kg==",
          Buffer.from([0x93, 1, 2, 3]).toString("base64"),
        ]) {
          const bad = yield* Harness.promised(
            () => peer.respond(request.id, { magic, body: "x" }).answer,
          )
          assert.strictEqual(bad.status, 400, `${magic}`)
          assert.isNotEmpty(bad.text.trim())
        }
        const good = yield* Harness.promised(
          () => peer.respond(request.id, { body: "good" }).answer,
        )
        assert.strictEqual(good.status, 200)
        assert.strictEqual((yield* Fiber.join(visit)).text, "good")
      }),
  )

  it.effect(
    "another server's key gets 403 and no key gets 403, and neither answers the visitor",
    () =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers: ["demo", "other"] })
        const peer = yield* Harness.runningClassicServer(relay, "demo")
        const visit = yield* Effect.forkChild(Harness.get(relay, "/servers/demo/"))
        const request = yield* Harness.promised(() => peer.take())
        for (const key of [Harness.keyOf("other"), "nobody's", null]) {
          const bad = yield* Harness.promised(
            () => peer.respond(request.id, { key, body: "forged" }).answer,
          )
          assert.strictEqual(bad.status, 403)
        }
        yield* Harness.promised(() => peer.respond(request.id, { body: "genuine" }).answer)
        assert.strictEqual((yield* Fiber.join(visit)).text, "genuine")
      }),
  )

  it.effect("an answer to a visitor who left before it gets 502", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const peer = yield* Harness.runningClassicServer(relay, "demo")
      const connection = yield* Harness.connect(relay)
      connection.write("GET /servers/demo/ HTTP/1.1\r\nHost: x\r\n\r\n")
      const request = yield* Harness.promised(() => peer.take())
      connection.reset()
      yield* Harness.turns(200)
      const post = peer.respond(request.id, { body: "too late" })
      assert.deepStrictEqual(yield* Harness.promised(() => post.answer), {
        status: 502,
        text: "Failed to connect to client\n",
      })
    }),
  )

  it.effect(
    "a server that sends no answer: the visitor gets 504 after 30 seconds, a later answer 502",
    () =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers: ["demo"] })
        const peer = yield* Harness.runningClassicServer(relay, "demo")
        const visit = yield* Harness.open(relay, "/servers/demo/../outside")
        const request = yield* Harness.promised(() => peer.take())
        yield* Harness.until("it listens again", () => peer.listensInFlight === 1)
        yield* TestClock.adjust("24 seconds")
        yield* Harness.turns(50)
        yield* TestClock.adjust("5900 millis")
        yield* Harness.turns(50)
        assert.isFalse(visit.isAnswered())
        yield* TestClock.adjust("300 millis")
        const seen = yield* visit.whole
        assert.strictEqual(seen.status, 504)
        assert.include(seen.text, "Remote server never responded")
        assert.include(seen.text, "PTTH_NO_ANSWER")
        const post = peer.respond(request.id, { body: "too late" })
        assert.deepStrictEqual(yield* Harness.promised(() => post.answer), {
          status: 502,
          text: "Failed to connect to client\n",
        })
      }),
  )

  it.live("a POST is not answered, and not even taken, while a slow visitor has not read", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const peer = yield* Harness.runningClassicServer(relay, "demo")
      const visit = yield* Harness.open(relay, "/servers/demo/big")
      const request = yield* Harness.promised(() => peer.take())
      const body = Buffer.alloc(32 * 1024 * 1024, "slow")
      const post = peer.respond(request.id, { body })
      yield* visit.head
      yield* Harness.turns(500)
      assert.isUndefined(post.answered)
      assert.isAbove(post.unsent, 0, "the relay has taken it all although nobody reads")
      const seen = yield* visit.whole
      assert.isTrue(seen.body.equals(body))
      assert.deepStrictEqual(yield* Harness.promised(() => post.answer), {
        status: 200,
        text: "StreamFinished\n",
      })
    }),
  )

  it.effect("a POST is not answered before its end, however much of it the visitor has", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const peer = yield* Harness.runningClassicServer(relay, "demo")
      const visit = yield* Harness.open(relay, "/servers/demo/")
      const whole = yield* Effect.forkChild(visit.whole)
      const request = yield* Harness.promised(() => peer.take())
      const post = peer.respond(request.id, { chunked: true, body: "first", end: false })
      yield* Harness.until("the visitor has the first part", () => visit.received() === 5)
      yield* Harness.turns(100)
      assert.isUndefined(post.answered)
      post.write(", last")
      post.end()
      assert.strictEqual((yield* Harness.promised(() => post.answer)).text, "StreamFinished\n")
      assert.strictEqual((yield* Fiber.join(whole)).text, "first, last")
    }),
  )

  it.effect.each([true, false])(
    "when the visitor leaves in the middle, the POST is answered ClientDisconnected at once (chunked: %s)",
    (chunked) =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers: ["demo"] })
        const peer = yield* Harness.runningClassicServer(relay, "demo")
        const visit = yield* Harness.open(relay, "/servers/demo/")
        const request = yield* Harness.promised(() => peer.take())
        const post = peer.respond(request.id, {
          chunked,
          body: "half",
          promised: 1_000,
          end: false,
        })
        yield* visit.head
        yield* visit.leave
        assert.deepStrictEqual(yield* Harness.promised(() => post.answer), {
          status: 200,
          text: "ClientDisconnected\n",
        })
        yield* Harness.promised(() => post.closed())
      }),
  )

  it.effect.each([true, false])(
    "a server that dies in the middle resets the visitor's connection, never ends it (chunked: %s)",
    (chunked) =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers: ["demo"] })
        const peer = yield* Harness.runningClassicServer(relay, "demo")
        const connection = yield* Harness.connect(relay)
        connection.write("GET /servers/demo/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        const request = yield* Harness.promised(() => peer.take())
        const post = peer.respond(request.id, {
          chunked,
          body: "half",
          promised: 1_000,
          end: false,
        })
        yield* connection.until("half")
        post.die()
        assert.strictEqual(yield* connection.closed, "reset")
        assert.notInclude(connection.received().toString("latin1"), "0\r\n\r\n")
      }),
  )

  it.effect(
    "a server that ends its connection in the middle is no better than one that breaks it",
    () =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers: ["demo"] })
        const peer = yield* Harness.runningClassicServer(relay, "demo")
        const visit = yield* Harness.open(relay, "/servers/demo/")
        const request = yield* Harness.promised(() => peer.take())
        const post = peer.respond(request.id, { chunked: true, body: "half", end: false })
        yield* visit.head
        post.close()
        const error = yield* Effect.flip(visit.whole)
        assert.strictEqual(error.code, "ECONNRESET")
        assert.strictEqual(error.received.toString(), "half")
      }),
  )
})

describe("quirks of the original", () => {
  const quirk = (method: "GET" | "HEAD", status: number, chunked: boolean) =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const peer = yield* Harness.runningClassicServer(relay, "demo")
      const connection = yield* Harness.connect(relay)
      connection.write(`${method} /servers/demo/f HTTP/1.1\r\nHost: x\r\n\r\n`)
      const request = yield* Harness.promised(() => peer.take())
      assert.strictEqual(request.method, method)
      const post = peer.respond(request.id, {
        status,
        headers: { etag: '"e"', "content-length": "1024" },
        promised: 1024,
        chunked,
        end: false,
      })
      assert.deepStrictEqual(yield* Harness.promised(() => post.answer), {
        status: 200,
        text: "StreamFinished\n",
      })
      yield* Harness.promised(() => post.closed())
      yield* connection.until("\r\n\r\n")
      assert.match(connection.received().toString(), new RegExp(`^HTTP/1\\.1 ${status} `))
      assert.include(connection.received().toString(), 'etag: "e"\r\n')
      // The visitor's connection is in order: the next answer follows the head.
      connection.write("GET /servers/demo/next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      yield* Harness.promised(() => peer.serve({ body: "next" }))
      yield* connection.until((bytes) => bytes.toString().endsWith("\r\n\r\nnext"))
      const heads = connection.received().toString().split("\r\n\r\n")
      assert.strictEqual(heads.length, 3)
      assert.match(heads[1] as string, /^HTTP\/1\.1 200 /)
    })

  it.effect(
    "HEAD, length promised, no byte, connection left open: visitor and POST are answered",
    () => quirk("HEAD", 200, false),
  )
  it.effect("HEAD, chunked, no byte, connection left open: visitor and POST are answered", () =>
    quirk("HEAD", 200, true),
  )
  it.effect(
    "304, length promised, no byte, connection left open: visitor and POST are answered",
    () => quirk("GET", 304, false),
  )
  it.effect("304, chunked, no byte, connection left open: visitor and POST are answered", () =>
    quirk("GET", 304, true),
  )

  it.effect("HEAD answered 204, length promised, no byte: visitor and POST are answered", () =>
    quirk("HEAD", 204, false),
  )

  it.effect("HEAD tells the visitor the length that GET would have", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const peer = yield* Harness.runningClassicServer(relay, "demo")
      const visit = yield* Effect.forkChild(
        Harness.visit(relay, "/servers/demo/f", { method: "HEAD" }),
      )
      yield* Harness.promised(() => peer.serve({ headers: { "content-length": "1024" } }))
      const seen = yield* Fiber.join(visit)
      assert.deepStrictEqual(seen.all("content-length"), ["1024"])
      assert.strictEqual(seen.body.length, 0)
    }),
  )
})

describe("a server that dies before it answers", () => {
  it.effect("a GET that it was handed is given to another server of the name", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const first = yield* Harness.runningClassicServer(relay, "demo")
      const visit = yield* Harness.open(relay, "/servers/demo/again")
      assert.strictEqual((yield* Harness.promised(() => first.take())).uri, "/again")
      first.close()
      yield* Harness.turns(100)
      yield* Harness.advanceUntil("it is taken for gone", () => relay.status("demo").waiting === 1)
      assert.isFalse(visit.isAnswered())
      const second = yield* Harness.runningClassicServer(relay, "demo")
      const { answer, request } = yield* Harness.promised(() => second.serve({ body: "second" }))
      assert.strictEqual(request.uri, "/again")
      assert.strictEqual(answer.status, 200)
      assert.strictEqual((yield* visit.whole).text, "second")
    }),
  )

  it.effect("without another server the visitor gets 503 with Retry-After", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const peer = yield* Harness.runningClassicServer(relay, "demo")
      const visit = yield* Harness.open(relay, "/servers/demo/")
      yield* Harness.promised(() => peer.take())
      peer.close()
      yield* Harness.turns(100)
      yield* Harness.advanceUntil("the visitor is answered", visit.isAnswered)
      const seen = yield* visit.whole
      assert.strictEqual(seen.status, 503)
      assert.match(seen.header("retry-after") ?? "", /^\d+$/)
      assert.include(seen.text, "PTTH_SERVER_OFFLINE")
    }),
  )
})
