/**
 * Our relay and our server together, over plain HTTP requests only: everything
 * that HTTP has crosses the tunnel unchanged, whoever leaves is noticed at the
 * other end, and whoever waits is told in time.
 */
import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import type { RequestId } from "../../../src/domain/RequestId.ts"
import * as Classic2 from "../../../src/protocol/Classic2.ts"
import { BodyError } from "../../../src/protocol/Exchange.ts"
import * as Harness from "../../support/Harness.ts"

const mebibyte = 1024 * 1024

/** Bytes without a period that chunk boundaries could hide behind. */
const noise = (length: number): Buffer => {
  const bytes = Buffer.alloc(length)
  let state = 0x9e3779b9
  for (let i = 0; i + 4 <= length; i += 4) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes.writeInt32LE(state | 0, i)
  }
  return bytes
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

/** A relay with one server, whose calls are kept. */
const served = (answer: (call: Harness.Call) => Harness.Answer | Promise<Harness.Answer>) =>
  Effect.gen(function* () {
    const calls: Array<Harness.Call> = []
    const relay = yield* Harness.relay({ servers: ["demo"] })
    const server = yield* Harness.server(
      relay,
      "demo",
      Harness.handler((call) => {
        calls.push(call)
        return answer(call)
      }),
    )
    return { relay, server, calls }
  })

describe("what crosses the tunnel", () => {
  it.effect.each([
    ["of 1 byte rides along", 1, false, true],
    ["of 16 KiB rides along", 16 * 1024, false, true],
    ["of 16 KiB and a byte is fetched", 16 * 1024 + 1, false, false],
    ["of 1 MiB is fetched", mebibyte, false, false],
    ["of unknown length is fetched, however small", 5, true, false],
  ] as const)("a request body %s", ([, length, chunked, inline]) =>
    Effect.gen(function* () {
      let kind: { readonly whole: boolean; readonly length: number | undefined } | undefined
      const { relay } = yield* served(async (call) => {
        kind = { whole: call.body.whole !== undefined, length: call.body.length }
        return { body: await call.read() }
      })
      const body = noise(length)
      const answer = yield* Harness.visit(relay, "/servers/demo/", {
        method: "POST",
        body,
        chunked,
      })
      assert.strictEqual(sha256(answer.body), sha256(body))
      assert.deepStrictEqual(kind, { whole: inline, length: chunked ? undefined : length })
    }),
  )

  it.effect("a request without a body has an empty one", () =>
    Effect.gen(function* () {
      const { calls, relay } = yield* served(async (call) => ({ body: await call.read() }))
      yield* Harness.get(relay, "/servers/demo/")
      yield* Harness.visit(relay, "/servers/demo/", { method: "POST", body: "" })
      assert.deepStrictEqual(
        calls.map((call) => call.body.length),
        [0, 0],
      )
    }),
  )

  it.effect.each(["PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "M-SEARCH"])(
    "method %s and its body are the server's too",
    (method) =>
      Effect.gen(function* () {
        const { relay } = yield* served(async (call) => ({
          headers: [["X-Method", call.head.method]],
          body: await call.read(),
        }))
        const answer = yield* Harness.visit(relay, "/servers/demo/", { method, body: "b" })
        assert.strictEqual(answer.header("x-method"), method)
        assert.strictEqual(answer.text, "b")
      }),
  )

  it.effect("HEAD has the fields of GET and no body", () =>
    Effect.gen(function* () {
      const { relay } = yield* served((call) => ({
        headers: [
          ["Content-Length", "5"],
          ["X-Method", call.head.method],
        ],
        body: "hello",
      }))
      const answer = yield* Harness.visit(relay, "/servers/demo/", { method: "HEAD" })
      assert.deepStrictEqual(answer.all("content-length"), ["5"])
      assert.strictEqual(answer.header("x-method"), "HEAD")
      assert.strictEqual(answer.body.length, 0)
      assert.strictEqual((yield* Harness.get(relay, "/servers/demo/")).text, "hello")
    }),
  )

  it.effect.each([
    200, 201, 202, 203, 204, 205, 206, 226, 300, 302, 304, 401, 410, 418, 429, 451, 500, 503, 599,
    600, 999,
  ])("status %i is the visitor's too", (status) =>
    Effect.gen(function* () {
      const { relay } = yield* served(() => ({ status, headers: [["ETag", '"e"']], body: "b" }))
      const answer = yield* Harness.get(relay, "/servers/demo/")
      assert.strictEqual(answer.status, status)
      assert.strictEqual(answer.header("etag"), '"e"')
      assert.strictEqual(answer.text, status === 204 || status === 304 ? "" : "b")
      assert.isFalse(answer.headers.some(([name]) => name.toLowerCase().startsWith("x-ptth")))
    }),
  )

  it.effect("repeated fields stay apart, in order and in their case, both ways", () =>
    Effect.gen(function* () {
      const { calls, relay } = yield* served(() => ({
        headers: [
          ["Set-Cookie", "a=1; HttpOnly"],
          ["X-One", "\u00e9"],
          ["set-cookie", "b=2, c"],
          ["Set-Cookie", "c=3"],
          ["X-One", ""],
          ["Vary", "Accept"],
          ["Vary", "Cookie"],
        ],
      }))
      const connection = yield* Harness.connect(relay)
      connection.write(
        "GET /servers/demo/ HTTP/1.1\r\nHost: x\r\nX-Two: a\r\ncookie: k=1\r\nx-two: b\r\nX-TWO: \r\nCookie: l=2\r\nConnection: close\r\n\r\n",
      )
      yield* connection.closed
      const seen = connection.received().toString("latin1").split("\r\n")
      assert.deepStrictEqual(
        seen.filter((line) => /^(set-cookie|x-one|vary)/i.test(line)),
        [
          "Set-Cookie: a=1; HttpOnly",
          "X-One: \u00e9",
          "set-cookie: b=2, c",
          "Set-Cookie: c=3",
          "X-One: ",
          "Vary: Accept",
          "Vary: Cookie",
        ],
      )
      const got = calls[0]?.head.headers.filter(([name]) => /^(x-two|cookie)$/i.test(name))
      assert.deepStrictEqual(got, [
        ["X-Two", "a"],
        ["cookie", "k=1"],
        ["x-two", "b"],
        ["X-TWO", ""],
        ["Cookie", "l=2"],
      ])
    }),
  )

  it.effect("a key that a visitor sends does not reach the server, nor do hop-by-hop fields", () =>
    Effect.gen(function* () {
      const { calls, relay } = yield* served(() => ({}))
      yield* Harness.get(relay, "/servers/demo/", [
        ["X-ApiKey", "mine"],
        ["Connection", "x-hop"],
        ["X-Hop", "1"],
        ["TE", "gzip, trailers"],
        ["Keep-Alive", "timeout=1"],
      ])
      const headers = calls[0]?.head.headers ?? []
      assert.deepStrictEqual(
        headers.filter(([name]) => name === "TE"),
        [["TE", "trailers"]],
      )
      const names = headers.map(([name]) => name.toLowerCase())
      for (const name of ["x-apikey", "connection", "x-hop", "keep-alive"])
        assert.notInclude(names, name)
    }),
  )

  it.effect.each([
    "/",
    "//",
    "/a//b/",
    "/../../etc/passwd",
    "/a/./b/../c",
    "/%2e%2e/%2F%00%zz%",
    "/a;b=c:@!$&'()*+,",
    "/?",
    "/x?a=1&a=2&&b=%20+",
    "/x??y=/../",
    '/"<>\\^`{|}',
  ])("a path byte for byte: %s", (target) =>
    Effect.gen(function* () {
      const { calls, relay } = yield* served(() => ({ body: "ok" }))
      const bytes = yield* Harness.raw(
        relay,
        Buffer.from(
          `GET /servers/demo${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
          "latin1",
        ),
      )
      assert.match(bytes.toString("latin1"), /^HTTP\/1\.1 200 [\s\S]*\r\n\r\nok$/)
      assert.strictEqual(calls[0]?.head.target, target)
    }),
  )

  it.effect("a path of 32 KiB", () =>
    Effect.gen(function* () {
      const { calls, relay } = yield* served(() => ({ body: "ok" }))
      const target = `/${"long".repeat(8 * 1024)}`
      assert.strictEqual((yield* Harness.get(relay, `/servers/demo${target}`)).text, "ok")
      assert.strictEqual(calls[0]?.head.target, target)
    }),
  )

  it.effect("a path with control characters is refused and reaches no server", () =>
    Effect.gen(function* () {
      const { calls, relay } = yield* served(() => ({ body: "ok" }))
      const bytes = yield* Harness.raw(
        relay,
        Buffer.from("GET /servers/demo/\x7f HTTP/1.1\r\nHost: x\r\n\r\n", "latin1"),
      )
      assert.match(bytes.toString("latin1"), /^HTTP\/1\.1 400 [\s\S]*percent-encoded/)
      assert.deepStrictEqual(calls, [])
    }),
  )

  it.effect("a method is any token; Node's parser, for larger requests, knows only some", () =>
    Effect.gen(function* () {
      const { calls, relay } = yield* served(() => ({ body: "ok" }))
      const ask = (method: string, more: string) =>
        Harness.raw(
          relay,
          Buffer.from(
            `${method} /servers/demo/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${more}`,
          ),
        )
      assert.match(`${yield* ask("FOO", "\r\n")}`, /^HTTP\/1\.1 200 [\s\S]*ok$/)
      const chunked = "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
      assert.match(`${yield* ask("FOO", chunked)}`, /^HTTP\/1\.1 501 [\s\S]*METHOD_UNKNOWN/)
      assert.match(`${yield* ask("F(O", "\r\n")}`, /^HTTP\/1\.1 400 /)
      assert.deepStrictEqual(
        calls.map(({ head }) => head.method),
        ["FOO"],
      )
    }),
  )

  it.effect("a WebSocket is refused with a code; another upgrade is answered by HTTP", () =>
    Effect.gen(function* () {
      const { calls, relay } = yield* served(() => ({ body: "ok" }))
      const ask = (protocol: string) =>
        Harness.visit(relay, "/servers/demo/", {
          headers: [
            ["Connection", "Upgrade"],
            ["Upgrade", protocol],
          ],
        })
      const refused = yield* ask("WebSocket")
      assert.strictEqual(refused.status, 501)
      assert.include(refused.text, "PTTH_NO_UPGRADE")
      assert.strictEqual((yield* ask("tcp")).status, 200)
      assert.strictEqual(calls.length, 1)
    }),
  )

  it.effect("8 MiB go up and 8 MiB come down without a byte changed", () =>
    Effect.gen(function* () {
      const up = noise(8 * mebibyte)
      const { relay } = yield* served(async (call) => {
        const got = await call.read()
        return { headers: [["X-Hash", sha256(got)]], body: got }
      })
      const answer = yield* Harness.visit(relay, "/servers/demo/", { method: "PUT", body: up })
      assert.strictEqual(answer.header("x-hash"), sha256(up))
      assert.strictEqual(sha256(answer.body), sha256(up))
    }),
  )

  it.effect("a response of unknown length comes down in full, piece by piece", () =>
    Effect.gen(function* () {
      const body = new Harness.FedBody()
      const { relay } = yield* served(() => ({ body }))
      const total = 8 * mebibyte + 1
      const all = noise(64 * 1024)
      const feeding = body.feedAll(total, (size) => all.subarray(0, size))
      const answer = yield* Harness.get(relay, "/servers/demo/")
      yield* Harness.promised(() => feeding)
      assert.strictEqual(answer.body.length, total)
      assert.deepStrictEqual(answer.all("content-length"), [])
      const hash = createHash("sha256")
      for (let left = total; left > 0; left -= 64 * 1024) hash.update(all.subarray(0, left))
      assert.strictEqual(sha256(answer.body), hash.digest("hex"))
    }),
  )

  it.effect("the first bytes of a response arrive while the rest is still to come", () =>
    Effect.gen(function* () {
      const body = new Harness.FedBody()
      const { relay } = yield* served(() => ({
        headers: [["Content-Type", "text/event-stream"]],
        body,
      }))
      const visit = yield* Harness.open(relay, "/servers/demo/events")
      const head = yield* visit.head
      assert.strictEqual(head.header("content-type"), "text/event-stream")
      const whole = yield* Effect.forkChild(visit.whole)
      yield* Harness.promised(() => body.untilRead())
      for (let i = 1; i <= 3; i++) {
        body.feed("data: x\n\n")
        yield* Harness.until("the event arrives", () => visit.received() === i * 9)
      }
      body.end()
      assert.strictEqual((yield* Fiber.join(whole)).body.length, 27)
    }),
  )

  it.effect("trailers of a chunked response reach the visitor", () =>
    Effect.gen(function* () {
      const body = new Harness.FedBody()
      const { relay } = yield* served(() => ({ headers: [["Trailer", "X-Sum"]], body }))
      const connection = yield* Harness.connect(relay)
      connection.write(
        "GET /servers/demo/ HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: close, TE\r\n\r\n",
      )
      yield* Harness.promised(() => body.untilRead())
      body.feed("body")
      body.end([["X-Sum", "5"]])
      yield* connection.closed
      assert.isTrue(connection.received().toString().endsWith("body\r\n0\r\nX-Sum: 5\r\n\r\n"))
    }),
  )

  it.effect("100 visitors at once each get their own answer", () =>
    Effect.gen(function* () {
      let running = 0
      let go = (): void => {}
      const gate = new Promise<void>((resolve) => {
        go = resolve
      })
      const { relay } = yield* served(async (call) => {
        running += 1
        const body = await call.read()
        await gate
        return { body: `${call.head.target} ${body}` }
      })
      const visits = yield* Effect.forEach(
        Array.from({ length: 100 }, (_, i) => i),
        (i) =>
          Effect.forkChild(
            i % 2 === 0
              ? Harness.get(relay, `/servers/demo/${i}`)
              : Harness.visit(relay, `/servers/demo/${i}`, { method: "POST", body: `b${i}` }),
          ),
      )
      yield* Harness.until("all of them are with the handler", () => running === 100)
      go()
      for (const [i, visit] of visits.entries()) {
        const answer = yield* Fiber.join(visit)
        assert.strictEqual(answer.text, i % 2 === 0 ? `/${i} ` : `/${i} b${i}`)
      }
    }),
  )

  it.effect("one connection carries visit after visit", () =>
    Effect.gen(function* () {
      const { relay } = yield* served(async (call) => ({ body: `<${await call.read()}>` }))
      const connection = yield* Harness.connect(relay)
      for (let i = 1; i <= 5; i++) {
        connection.write(
          `POST /servers/demo/ HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nb${i}`,
        )
        yield* connection.until(`<b${i}>`)
      }
      assert.isFalse(connection.isClosed())
    }),
  )
})

describe("uploads", () => {
  it.effect("who expects 100-continue is told to go on when the handler reads", () =>
    Effect.gen(function* () {
      let go = (): void => {}
      const gate = new Promise<void>((resolve) => {
        go = resolve
      })
      const { calls, relay } = yield* served(async (call) => {
        await gate
        return { body: await call.read() }
      })
      const connection = yield* Harness.connect(relay)
      connection.write(
        "PUT /servers/demo/ HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n\r\n",
      )
      yield* Harness.until("the handler has it", () => calls.length === 1)
      yield* Harness.turns(50)
      assert.strictEqual(connection.received().length, 0)
      go()
      yield* connection.until("HTTP/1.1 100 Continue\r\n\r\n")
      connection.write("body")
      yield* connection.closed
      assert.isTrue(connection.received().toString().endsWith("\r\n\r\nbody"))
    }),
  )

  it.effect("who expects 100-continue is refused without it when the handler does not read", () =>
    Effect.gen(function* () {
      const { relay } = yield* served(() => ({ status: 413, body: "no" }))
      const connection = yield* Harness.connect(relay)
      connection.write(
        "PUT /servers/demo/ HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n",
      )
      yield* connection.closed
      assert.match(connection.received().toString(), /^HTTP\/1\.1 413 /)
    }),
  )

  it.effect(
    "an answer that comes before the upload is read reaches a visitor who still sends",
    () =>
      Effect.gen(function* () {
        const { relay } = yield* served(() => ({ status: 403, body: "too large for us" }))
        const connection = yield* Harness.connect(relay)
        connection.write(
          `POST /servers/demo/ HTTP/1.1\r\nHost: x\r\nContent-Length: ${64 * mebibyte}\r\n\r\n`,
        )
        connection.write(Buffer.alloc(4 * mebibyte))
        yield* connection.until("too large for us")
        assert.match(connection.received().toString(), /^HTTP\/1\.1 403 /)
        assert.strictEqual(yield* connection.closed, "end")
      }),
  )

  it.effect("an upload that the handler does not read is held back at the visitor", () =>
    Effect.gen(function* () {
      let body: Harness.Call["body"] | undefined
      const { relay } = yield* served((call) => {
        body = call.body
        return Harness.never
      })
      const connection = yield* Harness.connect(relay)
      const total = 48 * mebibyte
      connection.write(
        `POST /servers/demo/ HTTP/1.1\r\nHost: x\r\nContent-Length: ${total}\r\n\r\n`,
      )
      connection.write(Buffer.alloc(total))
      yield* Harness.until("the handler has the request", () => body !== undefined)
      let got = 0
      const flow = body?.read({
        data: (chunk) => {
          got += chunk.length
          return false
        },
        end: () => {},
        fail: () => {},
      })
      yield* Harness.until("the first bytes are there", () => got > 0)
      const first = got
      yield* Harness.turns(1_000)
      assert.strictEqual(got, first)
      assert.isAbove(connection.unsent(), 0, "somebody has taken it all although nobody reads")
      flow?.resume()
      yield* Harness.until("more bytes are there", () => got > first)
    }),
  )

  it.effect.each([
    ["with a length", false],
    ["chunked", true],
  ] as const)("when the visitor breaks off an upload %s, the handler's body fails", ([, chunked]) =>
    Effect.gen(function* () {
      let failure: unknown
      let call: Harness.Call | undefined
      const { relay } = yield* served(async (given) => {
        call = given
        await given.read().catch((error: unknown) => {
          failure = error
        })
        return Harness.never
      })
      const visit = yield* Harness.open(relay, "/servers/demo/", {
        method: "PUT",
        upload: true,
        headers: [chunked ? ["Transfer-Encoding", "chunked"] : ["Content-Length", `${mebibyte}`]],
      })
      visit.request.write(Buffer.alloc(100 * 1024))
      yield* Harness.until("the handler reads", () => call !== undefined)
      yield* Harness.turns(50)
      yield* visit.leave
      yield* Harness.until("its body fails", () => failure !== undefined)
      assert.instanceOf(failure, BodyError)
      yield* Harness.until("it is cancelled", () => call?.isCancelled() === true)
    }),
  )

  it.effect.each([
    ["fetched", 4 * mebibyte],
    ["that rides along", 16 * 1024],
  ] as const)("a handler may answer first and read the body (%s) afterwards", ([, length]) =>
    Effect.gen(function* () {
      const body = noise(length)
      const { relay } = yield* served((call) => ({ body: call.body }))
      for (let i = 0; i < 5; i++) {
        const answer = yield* Harness.visit(relay, "/servers/demo/", { method: "POST", body })
        assert.strictEqual(answer.status, 200)
        assert.strictEqual(sha256(answer.body), sha256(body))
      }
    }),
  )

  it.effect("a handler may read the body long after the visitor has its answer's head", () =>
    Effect.gen(function* () {
      const answered = new Harness.FedBody()
      const { calls, relay } = yield* served(() => ({ body: answered }))
      const visit = yield* Harness.open(relay, "/servers/demo/", {
        method: "POST",
        upload: true,
        headers: [["Transfer-Encoding", "chunked"]],
      })
      visit.request.write("half, ")
      yield* visit.head
      const read = calls[0]?.read()
      visit.request.end("and half")
      assert.strictEqual((yield* Harness.promised(async () => read))?.toString(), "half, and half")
      yield* Harness.promised(() => answered.untilRead())
      answered.end()
      yield* visit.whole
    }),
  )

  it.effect("a small upload that is broken off reaches no handler", () =>
    Effect.gen(function* () {
      const { calls, relay } = yield* served(() => ({ body: "x" }))
      const connection = yield* Harness.connect(relay)
      connection.write("POST /servers/demo/ HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
      yield* Harness.turns(50)
      connection.reset()
      yield* Harness.get(relay, "/servers/demo/after")
      assert.deepStrictEqual(
        calls.map((call) => call.head.target),
        ["/after"],
      )
    }),
  )
})

describe("leaving", () => {
  it.effect("a visitor who leaves before the answer: the handler is cancelled", () =>
    Effect.gen(function* () {
      const { calls, relay } = yield* served(() => Harness.never)
      const visit = yield* Harness.open(relay, "/servers/demo/")
      yield* Harness.until("the handler has it", () => calls.length === 1)
      yield* visit.leave
      yield* Harness.until("it is cancelled", () => calls[0]?.isCancelled() === true)
    }),
  )

  it.effect(
    "a visitor who leaves in the middle of the answer: the handler is cancelled and its body let go",
    () =>
      Effect.gen(function* () {
        const body = new Harness.FedBody()
        const { calls, relay } = yield* served(() => ({ body }))
        const visit = yield* Harness.open(relay, "/servers/demo/")
        yield* Harness.promised(() => body.untilRead())
        body.feed("half")
        yield* visit.head
        yield* visit.leave
        yield* Harness.promised(() => body.untilCancelled())
        yield* Harness.until("it is cancelled", () => calls[0]?.isCancelled() === true)
      }),
  )

  it.effect(
    "a handler hears that its answer was sent only when the visitor's side has it all",
    () =>
      Effect.gen(function* () {
        let wasSent = false
        const body = Buffer.alloc(32 * mebibyte)
        const { relay } = yield* served(() => ({
          body,
          sent: () => {
            wasSent = true
          },
        }))
        const visit = yield* Harness.open(relay, "/servers/demo/")
        yield* visit.head
        yield* Harness.turns(500)
        assert.isFalse(wasSent)
        assert.strictEqual((yield* visit.whole).body.length, body.length)
        yield* Harness.until("it is sent", () => wasSent)
      }),
  )

  it.effect("requests that a visitor sends in one go are answered in their order", () =>
    Effect.gen(function* () {
      let go = (): void => {}
      const gate = new Promise<void>((resolve) => {
        go = resolve
      })
      const { calls, relay } = yield* served(async (call) => {
        if (call.head.target === "/1") await gate
        return { body: `<${call.head.target}>` }
      })
      const connection = yield* Harness.connect(relay)
      const request = (path: string) => `GET /servers/demo/${path} HTTP/1.1\r\nHost: x\r\n\r\n`
      connection.write(request("1") + request("2") + request("3"))
      yield* Harness.until("all are with the handler", () => calls.length === 3)
      yield* Harness.turns(50)
      assert.strictEqual(connection.received().length, 0)
      go()
      yield* connection.until("</3>")
      assert.deepStrictEqual(connection.received().toString().match(/<.*>/g), [
        "</1>",
        "</2>",
        "</3>",
      ])
    }),
  )

  it.effect(
    "a visitor who sent requests in one go and leaves: all of their handlers are cancelled",
    () =>
      Effect.gen(function* () {
        const bodies = [new Harness.FedBody(), new Harness.FedBody()]
        const { calls, relay } = yield* served((call) => {
          const body = bodies[Number(call.head.target.slice(1))]
          return body === undefined ? Harness.never : { body }
        })
        const connection = yield* Harness.connect(relay)
        const request = (path: string) => `GET /servers/demo/${path} HTTP/1.1\r\nHost: x\r\n\r\n`
        connection.write(request("0") + request("1") + request("2") + request("3"))
        yield* Harness.until("all are with the handler", () => calls.length === 4)
        for (const body of bodies) yield* Harness.promised(() => body.untilRead())
        for (const body of bodies) body.feed("half")
        yield* connection.until("half")
        connection.reset()
        for (const call of calls)
          yield* Harness.until(`${call.head.target} is cancelled`, call.isCancelled)
      }),
  )

  it.effect("a visitor who does not read holds nobody else up", () =>
    Effect.gen(function* () {
      const { relay } = yield* served((call) => ({
        body: call.head.target === "/big" ? Buffer.alloc(32 * mebibyte) : "small",
      }))
      const slow = yield* Harness.open(relay, "/servers/demo/big")
      yield* slow.head
      for (let i = 0; i < 20; i++)
        assert.strictEqual((yield* Harness.get(relay, "/servers/demo/small")).text, "small")
      assert.strictEqual(slow.received(), 0)
    }),
  )

  it.effect.each([
    ["with a length", 1_000],
    ["of unknown length", undefined],
  ] as const)("a response body %s that breaks off resets the visitor's connection", ([, length]) =>
    Effect.gen(function* () {
      const body = new Harness.FedBody(length)
      const { relay } = yield* served(() => ({ body }))
      const connection = yield* Harness.connect(relay)
      connection.write("GET /servers/demo/ HTTP/1.1\r\nHost: x\r\n\r\n")
      yield* Harness.promised(() => body.untilRead())
      body.feed("half")
      yield* connection.until("half")
      body.fail()
      assert.strictEqual(yield* connection.closed, "reset")
      assert.notInclude(connection.received().toString(), "0\r\n\r\n")
    }),
  )

  it.effect("a response body that breaks off before its first byte is no clean answer either", () =>
    Effect.gen(function* () {
      const body = new Harness.FedBody()
      const { relay } = yield* served(() => ({ body }))
      const visit = yield* Effect.forkChild(Effect.flip(Harness.get(relay, "/servers/demo/")))
      yield* Harness.promised(() => body.untilRead())
      body.fail()
      assert.strictEqual((yield* Fiber.join(visit)).code, "ECONNRESET")
    }),
  )

  it.effect("a server that stops finishes what runs, and the relay notes that it has left", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const body = new Harness.FedBody()
      const server = yield* Harness.server(
        relay,
        "demo",
        Harness.handler(() => ({ body })),
        { grace: "1 minute" },
      )
      const visit = yield* Harness.open(relay, "/servers/demo/")
      yield* Harness.promised(() => body.untilRead())
      body.feed("before, ")
      yield* visit.head
      const stop = yield* Effect.forkChild(server.stop)
      yield* Harness.advanceUntil(
        "the relay has noticed",
        () => relay.status("demo").transports.length === 0,
      )
      body.feed("after")
      body.end()
      assert.strictEqual((yield* visit.whole).text, "before, after")
      yield* Fiber.join(stop)
      assert.deepStrictEqual(
        relay.events().map((event) => event._tag),
        ["RelayStarted", "ServerConnected", "ServerDisconnected"],
      )
    }),
  )
})

describe("a server that dies before it answers", () => {
  const dies = (method: "GET" | "POST") =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const seen: Array<string> = []
      const first = yield* Harness.server(
        relay,
        "demo",
        Harness.handler((call) => {
          seen.push(`first ${call.head.method}`)
          return Harness.never
        }),
      )
      const visit = yield* Harness.open(
        relay,
        "/servers/demo/",
        method === "GET" ? {} : { method, body: "once" },
      )
      yield* Harness.until("the first server has it", () => seen.length === 1)
      yield* Harness.server(
        relay,
        "demo",
        Harness.handler((call) => {
          seen.push(`second ${call.head.method}`)
          return { body: "second" }
        }),
      )
      yield* first.stop
      yield* Harness.turns(100)
      yield* Harness.advanceUntil("the visitor is answered", visit.isAnswered)
      return { seen, answer: yield* visit.whole }
    })

  it.effect("a GET is given to another server of the name", () =>
    Effect.gen(function* () {
      const { answer, seen } = yield* dies("GET")
      assert.deepStrictEqual(seen, ["first GET", "second GET"])
      assert.strictEqual(answer.text, "second")
    }),
  )

  it.effect("a POST is not: the visitor gets 502", () =>
    Effect.gen(function* () {
      const { answer, seen } = yield* dies("POST")
      assert.deepStrictEqual(seen, ["first POST"])
      assert.strictEqual(answer.status, 502)
      assert.include(answer.text, "PTTH_LINK_LOST")
    }),
  )
})

describe("a server that does not say that it has a request", () => {
  const listen = (instance: string, ack = "") =>
    "GET /7ZSFUKGV/http_listen/demo HTTP/1.1\r\nHost: x\r\n" +
    `X-ApiKey: ${Harness.keyOf("demo")}\r\nX-PTTH-Version: 2\r\nX-PTTH-Instance: ${instance}\r\n` +
    `${ack === "" ? "" : `X-PTTH-Ack: ${ack}\r\n`}\r\n`
  const handed = (bytes: Buffer) =>
    [...bytes.toString("latin1").matchAll(/([0-9A-HJKMNP-TV-Z]{26})[^/]*(\/lost)/g)].map(
      ([, id]) => id as string,
    )

  const unacknowledged = (method: "GET" | "POST") =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const first = yield* Harness.connect(relay)
      first.write(listen("first"))
      yield* first.until("HTTP/1.1 204")
      first.write(listen("first"))
      yield* Harness.turns(50)
      const visit = yield* Harness.open(
        relay,
        "/servers/demo/lost",
        method === "GET" ? {} : { method, body: "b" },
      )
      yield* first.until("/lost")
      return { relay, first, visit, id: handed(first.received())[0] as string }
    })

  it.effect("a GET is offered again after 5 seconds", () =>
    Effect.gen(function* () {
      const { first, visit } = yield* unacknowledged("GET")
      first.write(listen("first"))
      yield* Harness.turns(50)
      yield* TestClock.adjust("4900 millis")
      yield* Harness.turns(50)
      assert.strictEqual(handed(first.received()).length, 1)
      yield* TestClock.adjust("300 millis")
      yield* first.until((bytes) => handed(bytes).length === 2)
      assert.isFalse(visit.isAnswered())
    }),
  )

  it.effect("a POST gets 502 after 5 seconds", () =>
    Effect.gen(function* () {
      const { first, visit } = yield* unacknowledged("POST")
      first.write(listen("first"))
      yield* Harness.turns(50)
      yield* TestClock.adjust("5200 millis")
      assert.strictEqual((yield* visit.whole).status, 502)
      assert.strictEqual(handed(first.received()).length, 1)
    }),
  )

  it.effect(
    "is dead if nothing has been heard of it meanwhile, and its other listens take nothing more",
    () =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers: ["demo"] })
        const first = yield* Harness.connect(relay)
        first.write(listen("first"))
        yield* first.until("HTTP/1.1 204")
        const second = yield* Harness.connect(relay)
        first.write(listen("first"))
        second.write(listen("first"))
        yield* Harness.turns(50)
        yield* Harness.open(relay, "/servers/demo/lost", {})
        yield* Harness.until("it is handed out", () =>
          [first, second].some((one) => handed(one.received()).length === 1),
        )
        yield* TestClock.adjust("5200 millis")
        yield* Harness.until("the link is gone", () => relay.status("demo").transports.length === 0)
        assert.strictEqual(relay.status("demo").waiting, 1)
      }),
  )

  it.effect("one that was acknowledged by the next listen is not offered again", () =>
    Effect.gen(function* () {
      const { first, id, visit } = yield* unacknowledged("GET")
      first.write(listen("first", `01M82KGWT5EEM3WHGFCZHFJSK0,${id}`))
      yield* Harness.turns(50)
      yield* TestClock.adjust("20 seconds")
      yield* Harness.turns(50)
      assert.strictEqual(handed(first.received()).length, 1)
      assert.isFalse(visit.isAnswered())
    }),
  )

  it.effect("is gone if its last listen was answered with a cancel and no other comes", () =>
    Effect.gen(function* () {
      const { first, id, relay, visit } = yield* unacknowledged("GET")
      first.write(listen("first", id))
      yield* Harness.turns(50)
      const before = first.received().length
      yield* visit.leave
      yield* first.until((bytes) => bytes.indexOf("HTTP/1.1 200", before) > 0)
      yield* TestClock.adjust("2900 millis")
      assert.lengthOf(relay.status("demo").transports, 1)
      yield* TestClock.adjust("200 millis")
      yield* Harness.until("the link is gone", () => relay.status("demo").transports.length === 0)
    }),
  )

  it.effect("one whose server is gone is offered to another server", () =>
    Effect.gen(function* () {
      const { first, relay, visit } = yield* unacknowledged("GET")
      yield* Harness.server(relay, "demo", Harness.echo)
      first.reset()
      yield* Harness.turns(50)
      yield* Harness.advanceUntil("the visitor is answered", visit.isAnswered)
      assert.strictEqual((yield* visit.whole).header("x-target"), "/lost")
    }),
  )
})

describe("several answers at once", () => {
  const listening = (relay: Harness.TestRelay, name: string) =>
    Effect.gen(function* () {
      const listener = yield* Harness.connect(relay)
      const listen =
        `GET /7ZSFUKGV/http_listen/${name} HTTP/1.1\r\nHost: x\r\n` +
        `X-ApiKey: ${Harness.keyOf(name)}\r\nX-PTTH-Version: 2\r\nX-PTTH-Instance: i\r\n\r\n`
      listener.write(listen)
      yield* listener.until("HTTP/1.1 204")
      assert.match(listener.received().toString(), /x-ptth-answers: many/i)
      const take = (path: string) =>
        Effect.gen(function* () {
          listener.write(listen)
          const visit = yield* Harness.open(relay, `/servers/${name}${path}`)
          yield* listener.until(path)
          const id = new RegExp(`([0-9A-HJKMNP-TV-Z]{26})[^/]*${path}`).exec(
            listener.received().toString("latin1"),
          )?.[1]
          return { visit, id: id as RequestId }
        })
      return { take }
    })
  const answer = (id: RequestId, text: string, headers: HeaderList = []) => ({
    id,
    head: { status: 200, headers },
    bytes: Buffer.from(text),
  })
  const post = (relay: Harness.TestRelay, name: string, body: Buffer) =>
    Harness.visit(relay, "/7ZSFUKGV/http_responses", {
      method: "POST",
      body,
      headers: [["X-ApiKey", Harness.keyOf(name)]],
    })

  it.effect("each visitor gets its own, and nobody one from a server that was not asked", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo", "other"] })
      const demo = yield* listening(relay, "demo")
      const other = yield* listening(relay, "other")
      const one = yield* demo.take("/one")
      const two = yield* demo.take("/two")
      const bad = yield* demo.take("/bad")
      const theirs = yield* other.take("/theirs")
      const body = Classic2.encodeAnswers([
        answer(two.id, "the second"),
        answer(theirs.id, "not yours"),
        answer("01M82KGWT5EEM3WHGFCZHFJSK0" as RequestId, "nobody asked"),
        answer(bad.id, "spoiled", [["X", "a\r\nb"]]),
        answer(one.id, "the first"),
        answer(one.id, "once more"),
      ])
      assert.strictEqual((yield* post(relay, "demo", body)).status, 200)
      assert.strictEqual((yield* one.visit.whole).text, "the first")
      assert.strictEqual((yield* two.visit.whole).text, "the second")
      assert.strictEqual((yield* bad.visit.whole).status, 502)
      assert.isFalse(theirs.visit.isAnswered())
      const own = Classic2.encodeAnswers([answer(theirs.id, "yours")])
      assert.strictEqual((yield* post(relay, "other", own)).status, 200)
      assert.strictEqual((yield* theirs.visit.whole).text, "yours")
    }),
  )

  it.effect("what is no sequence of answers is refused, and nothing of it is taken", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const demo = yield* listening(relay, "demo")
      const { id, visit } = yield* demo.take("/x")
      const whole = Classic2.encodeAnswers([answer(id, "text")])
      assert.strictEqual((yield* post(relay, "demo", whole.subarray(0, -1))).status, 400)
      const keyless = yield* Harness.visit(relay, "/7ZSFUKGV/http_responses", {
        method: "POST",
        body: whole,
      })
      assert.strictEqual(keyless.status, 403)
      assert.isFalse(visit.isAnswered())
      assert.strictEqual((yield* post(relay, "demo", whole)).status, 200)
      assert.strictEqual((yield* visit.whole).text, "text")
    }),
  )
})

describe("the fetch of a visitor's body", () => {
  it.effect("is only for the server that has the request, and only once", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo", "other"] })
      const listener = yield* Harness.connect(relay)
      const listen =
        "GET /7ZSFUKGV/http_listen/demo HTTP/1.1\r\nHost: x\r\n" +
        `X-ApiKey: ${Harness.keyOf("demo")}\r\nX-PTTH-Version: 2\r\nX-PTTH-Instance: i\r\n\r\n`
      listener.write(listen)
      yield* listener.until("HTTP/1.1 204")
      listener.write(listen)
      const body = noise(20_000)
      const visit = yield* Harness.open(relay, "/servers/demo/up", { method: "POST", body })
      yield* listener.until("/up")
      const id = /([0-9A-HJKMNP-TV-Z]{26})[^/]*\/up/.exec(
        listener.received().toString("latin1"),
      )?.[1]
      const fetched = (path: string, name: string, method = "GET") =>
        Harness.visit(relay, `/7ZSFUKGV/http_request/${path}`, {
          method,
          headers: [["X-ApiKey", Harness.keyOf(name)]],
        })
      assert.strictEqual((yield* fetched(`${id}`, "other")).status, 403)
      assert.strictEqual((yield* fetched(`${id}`, "nobody")).status, 403)
      assert.strictEqual((yield* Harness.get(relay, `/7ZSFUKGV/http_request/${id}`)).status, 403)
      assert.strictEqual((yield* fetched(`${id}`, "demo", "DELETE")).status, 405)
      assert.strictEqual((yield* fetched("01M82KGWT5EEM3WHGFCZHFJSK0", "demo")).status, 400)
      const mine = yield* fetched(`${id}`, "demo")
      assert.strictEqual(mine.status, 200)
      assert.deepStrictEqual(mine.all("content-length"), ["20000"])
      assert.isTrue(mine.body.equals(body))
      assert.strictEqual((yield* fetched(`${id}`, "demo")).status, 400)
      assert.isFalse(visit.isAnswered())
    }),
  )
})

describe("keys that change while the relay runs", () => {
  it.effect(
    "a key that is withdrawn ends its server's exchanges at once and touches nobody else",
    () =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers: ["gone", "stays"] })
        const bodies = { gone: new Harness.FedBody(), stays: new Harness.FedBody() }
        for (const name of ["gone", "stays"] as const)
          yield* Harness.server(
            relay,
            name,
            Harness.handler((call) => ({ body: call.head.target === "/" ? bodies[name] : name })),
          )
        const visits = {
          gone: yield* Harness.open(relay, "/servers/gone/"),
          stays: yield* Harness.open(relay, "/servers/stays/"),
        }
        for (const name of ["gone", "stays"] as const) {
          yield* Harness.promised(() => bodies[name].untilRead())
          bodies[name].feed("half, ")
          yield* visits[name].head
        }
        yield* relay.change({ servers: ["stays"] })
        const error = yield* Effect.flip(visits.gone.whole)
        assert.strictEqual(error.code, "ECONNRESET")
        assert.strictEqual((yield* Harness.get(relay, "/servers/gone/x")).status, 404)
        assert.deepStrictEqual(relay.status("gone").transports, [])
        bodies.stays.feed("and half")
        bodies.stays.end()
        assert.strictEqual((yield* visits.stays.whole).text, "half, and half")
        assert.strictEqual((yield* Harness.get(relay, "/servers/stays/x")).text, "stays")
      }),
  )

  it.effect(
    "a request that the withdrawn server has not answered is not answered by it any more",
    () =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers: ["demo"] })
        let call: Harness.Call | undefined
        let answer = (): void => {}
        const gate = new Promise<void>((resolve) => {
          answer = resolve
        })
        yield* Harness.server(
          relay,
          "demo",
          Harness.handler(async (given) => {
            call = given
            await gate
            return { body: "from the old key" }
          }),
        )
        const visit = yield* Harness.open(relay, "/servers/demo/", { method: "POST", body: "b" })
        yield* Harness.until("the handler has it", () => call !== undefined)
        yield* relay.change({ servers: [{ name: "demo", key: "another" }] })
        const seen = yield* visit.whole
        assert.strictEqual(seen.status, 502)
        answer()
        yield* Harness.turns(100)
      }),
  )

  it.effect("withdrawing a key leaves the relay's clock running", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo", "stays"] })
      const server = yield* Harness.server(relay, "demo", Harness.echo)
      yield* relay.change({ servers: ["stays"] })
      yield* Harness.until("it is told", () =>
        server.lines.some((line) => line.includes("PTTH_KEY_REFUSED")),
      )
      yield* server.stop
      yield* TestClock.adjust("26 seconds")
      yield* TestClock.adjust("26 seconds")
      const visit = yield* Harness.open(relay, "/servers/stays/")
      yield* Harness.until("the visitor waits", () => relay.status("stays").waiting === 1)
      yield* TestClock.adjust("11 seconds")
      assert.strictEqual((yield* visit.whole).status, 503)
    }),
  )

  it.effect("after a change the old key is refused and the new one is served", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const old = yield* Harness.server(
        relay,
        "demo",
        Harness.handler(() => ({ body: "old" })),
      )
      assert.strictEqual((yield* Harness.get(relay, "/servers/demo/")).text, "old")
      yield* relay.change({ servers: [{ name: "demo", key: "another" }] })
      yield* Harness.until("it is told", () =>
        old.lines.some((line) => line.includes("PTTH_KEY_REFUSED")),
      )
      const visit = yield* Effect.forkChild(Harness.get(relay, "/servers/demo/"))
      yield* Harness.server(
        relay,
        "demo",
        Harness.handler(() => ({ body: "new" })),
        { key: "another" },
      )
      assert.strictEqual((yield* Fiber.join(visit)).text, "new")
    }),
  )
})

describe("waiting", () => {
  it.effect("a visitor waits for a server that is not there, and is served when it comes", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const visit = yield* Harness.open(relay, "/servers/demo/", { method: "POST", body: "kept" })
      yield* Harness.until("the visitor waits", () => relay.status("demo").waiting === 1)
      yield* TestClock.adjust("9 seconds")
      assert.isFalse(visit.isAnswered())
      yield* Harness.server(relay, "demo", Harness.echo)
      const answer = yield* visit.whole
      assert.strictEqual(answer.header("x-method"), "POST")
      assert.strictEqual(answer.text, "kept")
    }),
  )

  it.effect("after wait_for_server the visitor gets 503 with Retry-After", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"], waitForServer: "3 seconds" })
      const visit = yield* Harness.open(relay, "/servers/demo/")
      yield* Harness.until("the visitor waits", () => relay.status("demo").waiting === 1)
      yield* TestClock.adjust("2900 millis")
      yield* Harness.turns(20)
      assert.isFalse(visit.isAnswered())
      yield* TestClock.adjust("200 millis")
      const answer = yield* visit.whole
      assert.strictEqual(answer.status, 503)
      assert.match(answer.header("retry-after") ?? "", /^[1-9]\d*$/)
      assert.include(answer.text, "PTTH_SERVER_OFFLINE")
      assert.strictEqual(relay.status("demo").waiting, 0)
    }),
  )

  it.effect("for a server that has been offline for over a minute nobody waits", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      yield* TestClock.adjust("61 seconds")
      const answer = yield* Harness.get(relay, "/servers/demo/")
      assert.strictEqual(answer.status, 503)
      assert.match(answer.header("retry-after") ?? "", /^[1-9]\d*$/)
    }),
  )

  it.effect(
    "a server that was there a moment ago is waited for, however long the relay is up",
    () =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers: ["demo"] })
        yield* TestClock.adjust("2 minutes")
        const server = yield* Harness.server(relay, "demo", Harness.echo)
        yield* server.stop
        yield* Harness.turns(50)
        yield* Harness.advanceUntil(
          "it is gone",
          () => relay.status("demo").transports.length === 0,
        )
        const visit = yield* Harness.open(relay, "/servers/demo/x")
        yield* Harness.until("the visitor waits", () => relay.status("demo").waiting === 1)
        yield* Harness.server(relay, "demo", Harness.echo)
        assert.strictEqual((yield* visit.whole).header("x-target"), "/x")
      }),
  )

  it.effect("max_queue 0 lets nobody wait, but whoever need not wait is served", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"], config: { maxQueue: 0 } })
      assert.include((yield* Harness.get(relay, "/servers/demo/x")).text, "PTTH_QUEUE_FULL")
      yield* Harness.server(relay, "demo", Harness.echo)
      assert.strictEqual((yield* Harness.get(relay, "/servers/demo/x")).header("x-target"), "/x")
    }),
  )

  it.effect("more than max_queue visitors do not wait: 503 at once, and nobody else is hurt", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo", "other"], config: { maxQueue: 3 } })
      const waiting = []
      for (let i = 0; i < 3; i++) waiting.push(yield* Harness.open(relay, `/servers/demo/${i}`))
      yield* Harness.until("three visitors wait", () => relay.status("demo").waiting === 3)
      const answer = yield* Harness.get(relay, "/servers/demo/3")
      assert.strictEqual(answer.status, 503)
      assert.include(answer.text, "PTTH_QUEUE_FULL")
      assert.match(answer.header("retry-after") ?? "", /^[1-9]\d*$/)
      yield* Harness.server(relay, "other", Harness.echo)
      assert.strictEqual((yield* Harness.get(relay, "/servers/other/")).status, 200)
      yield* Harness.server(relay, "demo", Harness.echo)
      for (const [i, visit] of waiting.entries())
        assert.strictEqual((yield* visit.whole).header("x-target"), `/${i}`)
    }),
  )

  it.effect("a visitor who leaves the queue frees its place and reaches no server", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const visit = yield* Harness.open(relay, "/servers/demo/left")
      yield* Harness.until("the visitor waits", () => relay.status("demo").waiting === 1)
      yield* visit.leave
      yield* Harness.until("the place is free", () => relay.status("demo").waiting === 0)
      const seen: Array<string> = []
      yield* Harness.server(
        relay,
        "demo",
        Harness.handler((call) => {
          seen.push(call.head.target)
          return {}
        }),
      )
      yield* Harness.get(relay, "/servers/demo/stayed")
      assert.deepStrictEqual(seen, ["/stayed"])
    }),
  )

  it.effect(
    "a handler that does not answer within response_timeout: 504, and it is cancelled",
    () =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers: ["demo"], responseTimeout: "5 seconds" })
        let call: Harness.Call | undefined
        yield* Harness.server(
          relay,
          "demo",
          Harness.handler((given) => {
            call = given
            return Harness.never
          }),
        )
        const visit = yield* Harness.open(relay, "/servers/demo/")
        yield* Harness.until("the handler has it", () => call !== undefined)
        yield* TestClock.adjust("4900 millis")
        yield* Harness.turns(20)
        assert.isFalse(visit.isAnswered())
        yield* TestClock.adjust("200 millis")
        const answer = yield* visit.whole
        assert.strictEqual(answer.status, 504)
        assert.include(answer.text, "PTTH_NO_ANSWER")
        yield* Harness.until("it is cancelled", () => call?.isCancelled() === true)
      }),
  )

  it.effect("a server's own response_timeout counts instead of the relay's", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({
        servers: [{ name: "patient", responseTimeout: "2 minutes" }, "demo"],
        responseTimeout: "5 seconds",
      })
      for (const name of ["patient", "demo"])
        yield* Harness.server(
          relay,
          name,
          Harness.handler(() => Harness.never),
        )
      const patient = yield* Harness.open(relay, "/servers/patient/")
      const demo = yield* Harness.open(relay, "/servers/demo/")
      yield* Harness.turns(100)
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual((yield* demo.whole).status, 504)
      assert.isFalse(patient.isAnswered())
    }),
  )

  it.effect("a response that has begun may take longer than response_timeout", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"], responseTimeout: "5 seconds" })
      const body = new Harness.FedBody()
      yield* Harness.server(
        relay,
        "demo",
        Harness.handler(() => ({ body })),
      )
      const visit = yield* Harness.open(relay, "/servers/demo/")
      yield* visit.head
      yield* TestClock.adjust("1 minute")
      yield* Harness.turns(20)
      body.feed("late")
      body.end()
      assert.strictEqual((yield* visit.whole).text, "late")
    }),
  )

  it.effect("a body that stands still for idle_timeout is given up; an event stream is not", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"], idleTimeout: "1 minute" })
      const bodies = { "/still": new Harness.FedBody(), "/events": new Harness.FedBody() }
      yield* Harness.server(
        relay,
        "demo",
        Harness.handler((call) => ({
          headers: call.head.target === "/events" ? [["Content-Type", "text/event-stream"]] : [],
          body: bodies[call.head.target as "/still" | "/events"],
        })),
      )
      const still = yield* Harness.open(relay, "/servers/demo/still")
      const events = yield* Harness.open(relay, "/servers/demo/events")
      yield* still.head
      yield* events.head
      yield* Harness.promised(() => bodies["/still"].untilRead())
      yield* Harness.promised(() => bodies["/events"].untilRead())
      bodies["/still"].feed("half")
      yield* Harness.turns(50)
      yield* TestClock.adjust("61 seconds")
      assert.strictEqual((yield* Effect.flip(still.whole)).code, "ECONNRESET")
      bodies["/events"].feed("data: late\n\n")
      bodies["/events"].end()
      assert.strictEqual((yield* events.whole).text, "data: late\n\n")
    }),
  )

  it.effect("a relay that shuts down tells those who wait, 503, and finishes what runs", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo", "absent"], shutdownGrace: "1 hour" })
      const body = new Harness.FedBody()
      yield* Harness.server(
        relay,
        "demo",
        Harness.handler(() => ({ body })),
      )
      const running = yield* Harness.open(relay, "/servers/demo/")
      yield* running.head
      yield* Harness.promised(() => body.untilRead())
      const waiting = yield* Harness.open(relay, "/servers/absent/")
      yield* Harness.until("the visitor waits", () => relay.status("absent").waiting === 1)
      const stop = yield* Effect.forkChild(relay.stop)
      const told = yield* waiting.whole
      assert.strictEqual(told.status, 503)
      assert.include(told.text, "PTTH_DRAINING")
      body.feed("whole")
      body.end()
      assert.strictEqual((yield* running.whole).text, "whole")
      yield* Fiber.join(stop)
    }),
  )
})
