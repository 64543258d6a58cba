/**
 * HTTP/2 to visitors: their requests arrive as those of HTTP/1.1 do, and what
 * could be read in two ways is refused.
 */
import { createHash } from "node:crypto"
import { once } from "node:events"
import * as http2 from "node:http2"
import * as tls from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import * as X509 from "../../../src/transport/acme/X509.ts"
import { type Body, empty, fromBytes, fromText } from "../../../src/transport/body/Body.ts"
import { PushedBody } from "../../../src/transport/body/PushedBody.ts"
import type { FrontRequest } from "../../../src/transport/front/FrontRequest.ts"
import { type FrontOptions, serve } from "../../../src/transport/front/NodeFront.ts"
import * as Http2Front from "../../../src/transport/h2/Http2Front.ts"
import * as FailurePage from "../../../src/web/FailurePage.ts"
import * as Harness from "../../support/Harness.ts"
import { Watch } from "../../support/Watch.ts"

const certificate = X509.selfSigned({
  names: ["localhost"],
  title: "test",
  from: Date.now() - 60_000,
  until: Date.now() + 3_600_000,
})

const first = (headers: HeaderList, wanted: string): ReadonlyArray<string> =>
  headers.flatMap(([name, value]) => (name.toLowerCase() === wanted ? [value] : []))

const start = Effect.fnUntraced(function* (
  handler: FrontOptions["handler"],
  options: Partial<FrontOptions> = {},
) {
  const front = yield* serve({
    host: "127.0.0.1",
    port: 0,
    certificate,
    http2: Http2Front.make,
    renderFailure: FailurePage.render,
    handler,
    ...options,
  })
  const session = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const session = http2.connect(`https://localhost:${front.port}`, {
        rejectUnauthorized: false,
        servername: "localhost",
      })
      session.on("error", () => {})
      await once(session, "remoteSettings")
      return session
    }),
    (session) => Effect.sync(() => session.destroy()),
  )
  return { front, session }
})

interface Answer {
  readonly headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader
  readonly trailers: http2.IncomingHttpHeaders
  readonly text: string
  readonly code: number
}

/** Not `once` of Node, which fails for a stream that was reset. */
const closed = (one: NodeJS.EventEmitter): Promise<void> =>
  new Promise((resolve) => one.once("close", () => resolve()))

const ask = (
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders | ReadonlyArray<string>,
  body?: string,
  trailers?: http2.OutgoingHttpHeaders,
): Effect.Effect<Answer> =>
  Effect.promise(async () => {
    const stream = session.request(headers as http2.OutgoingHttpHeaders, {
      endStream: body === undefined,
      waitForTrailers: trailers !== undefined,
    })
    stream.on("error", () => {})
    let head = {} as Answer["headers"]
    let last = {} as http2.IncomingHttpHeaders
    stream.on("response", (fields) => {
      head = fields
    })
    stream.on("trailers", (fields) => {
      last = fields
    })
    if (trailers !== undefined) stream.on("wantTrailers", () => stream.sendTrailers(trailers))
    const chunks: Array<Buffer> = []
    stream.on("data", (chunk: Buffer) => chunks.push(chunk))
    if (body !== undefined) stream.end(body)
    await closed(stream)
    return {
      headers: head,
      trailers: last,
      text: Buffer.concat(chunks).toString(),
      code: stream.rstCode,
    }
  })

/** Answers with what came. */
const mirror: FrontOptions["handler"] = ({ body, head }, reply) => {
  const flow = collectWith(body, (bytes, trailers) => {
    reply.respond(
      { status: 200, headers: [["Content-Type", "application/json"]] },
      fromText(JSON.stringify({ ...head, body: bytes.toString(), trailers })),
    )
  })
  return () => flow.cancel()
}

const collectWith = (body: Body, done: (bytes: Buffer, trailers: HeaderList) => void) => {
  const chunks: Array<Uint8Array> = []
  return body.read({
    data: (chunk) => {
      chunks.push(chunk)
      return true
    },
    end: (trailers) => done(Buffer.concat(chunks), trailers),
    fail: () => {},
  })
}

describe("a request by HTTP/2", () => {
  it.live(
    "arrives as one of HTTP/1.1: host, cookies joined, repeated fields, body and trailers",
    () =>
      Effect.gen(function* () {
        const { session } = yield* start(mirror)
        const answer = yield* ask(
          session,
          {
            ":method": "PUT",
            ":path": "/a%2Fb/../c?d=%20&e",
            ":authority": "files.example:8443",
            cookie: ["a=1", "b=2"],
            "x-many": ["1", "2"],
            te: "trailers",
          },
          "hello",
          { "x-checksum": "abc", host: "evil.example" },
        )
        assert.strictEqual(answer.headers[":status"], 200)
        const { body, headers, method, target, trailers } = JSON.parse(answer.text)
        assert.strictEqual(method, "PUT")
        assert.strictEqual(target, "/a%2Fb/../c?d=%20&e")
        assert.strictEqual(body, "hello")
        assert.deepStrictEqual(first(headers, "host"), ["files.example:8443"])
        assert.deepStrictEqual(first(headers, "cookie"), ["a=1; b=2"])
        assert.deepStrictEqual(first(headers, "x-many"), ["1", "2"])
        assert.deepStrictEqual(trailers, [["x-checksum", "abc"]])
        assert.isFalse(headers.some(([name]: [string]) => name.startsWith(":")))
      }).pipe(Effect.scoped),
  )

  it.live("is refused where two readers could see two hosts, or a target that is none", () =>
    Effect.gen(function* () {
      let handled = 0
      const { session } = yield* start((request, reply) => {
        handled += 1
        return mirror(request, reply)
      })
      const legal = [":method", "GET", ":scheme", "https", ":path", "/", ":authority", "a.example"]
      const refused: ReadonlyArray<readonly [what: string, fields: ReadonlyArray<string>]> = [
        ["another Host", [...legal, "host", "b.example"]],
        ["a host that is none", [...legal.slice(0, 6), ":authority", "user@a.example"]],
        ["a target without a slash", [...legal.slice(0, 4), ":path", "x", ...legal.slice(6)]],
        ["a fragment", [...legal.slice(0, 4), ":path", "/a#b", ...legal.slice(6)]],
        ["a space", [...legal.slice(0, 4), ":path", "/a HTTP/1.1", ...legal.slice(6)]],
      ]
      for (const [what, fields] of refused) {
        const answer = yield* ask(session, fields)
        // Node's library resets some of them before they come to us.
        const isRefused = answer.headers[":status"] === 400 || answer.code !== 0
        assert.isTrue(isRefused, `${what}: ${JSON.stringify(answer.headers)}`)
      }
      assert.strictEqual(handled, 0)
      const same = yield* ask(session, [...legal, "host", "A.example"])
      assert.strictEqual(same.headers[":status"], 200)
    }).pipe(Effect.scoped),
  )

  it.live("has no CONNECT, and none of the connection's fields", () =>
    Effect.gen(function* () {
      const { session } = yield* start(mirror)
      const connect = yield* ask(session, { ":method": "CONNECT", ":authority": "a.example:443" })
      assert.strictEqual(connect.headers[":status"], 405)
    }).pipe(Effect.scoped),
  )

  it.live("is read no faster than its handler takes it", () =>
    Effect.gen(function* () {
      const watch = new Watch()
      let request: FrontRequest | undefined
      const { session } = yield* start((one) => {
        request = one
        watch.changed()
        return () => {}
      })
      const stream = session.request({ ":method": "POST", ":path": "/" }, { endStream: false })
      stream.on("error", () => {})
      let taken = 0
      const piece = Buffer.alloc(64 * 1024)
      const write = (): void => {
        while (stream.write(piece, () => (taken += piece.length)));
        stream.once("drain", write)
      }
      write()
      yield* Effect.promise(() => watch.until("it has come", () => request !== undefined))
      yield* Harness.turns(300)
      assert.isBelow(taken, 1024 * 1024)
      request?.body.discard()
      stream.close()
    }).pipe(Effect.scoped),
  )
})

describe("a response by HTTP/2", () => {
  it.live("has fields as they are, trailers, interim responses, and no field of a connection", () =>
    Effect.gen(function* () {
      const { session } = yield* start((request, reply) => {
        request.body.discard()
        reply.inform?.({
          status: 103,
          headers: [
            ["constructor", "x"],
            ["Link", "</a.css>"],
          ],
        })
        const body = new PushedBody(undefined, { abandon: () => {} })
        reply.respond(
          {
            status: 200,
            headers: [
              ["Set-Cookie", "a=1"],
              ["Set-Cookie", "b=2"],
              ["Connection", "close, x-own"],
              ["X-Own", "1"],
              ["Transfer-Encoding", "chunked"],
              ["Trailer", "X-Sum"],
            ],
          },
          body,
        )
        body.data(Buffer.from("hello"))
        body.end([
          ["X-Sum", "5d41"],
          ["constructor", "x"],
          ["__proto__", "y"],
        ])
        return () => {}
      })
      const interim: Array<unknown> = []
      const stream = session.request({ ":path": "/" })
      stream.on("headers", (fields) => interim.push(fields[":status"], fields.link))
      stream.close()
      const answer = yield* ask(session, { ":path": "/" })
      assert.deepStrictEqual(answer.headers["set-cookie"], ["a=1", "b=2"])
      for (const name of ["connection", "transfer-encoding", "x-own"])
        assert.notProperty(answer.headers, name)
      assert.strictEqual(answer.text, "hello")
      assert.strictEqual(answer.trailers["x-sum"], "5d41")
      assert.deepInclude(Object.entries(answer.trailers), ["constructor", "x"])
    }).pipe(Effect.scoped),
  )

  it.live("of many requests of one connection comes at once, each whole", () =>
    Effect.gen(function* () {
      const bytes = Buffer.alloc(300_000, "ptth")
      const sum = createHash("sha256").update(bytes).digest("hex")
      const { session } = yield* start((request, reply) => {
        request.body.discard()
        reply.respond({ status: 200, headers: [] }, fromBytes(bytes))
        return () => {}
      })
      const answers = yield* Effect.all(
        Array.from({ length: 60 }, (_, i) => ask(session, { ":path": `/${i}` })),
        { concurrency: "unbounded" },
      )
      for (const { text } of answers)
        assert.strictEqual(createHash("sha256").update(text).digest("hex"), sum)
    }).pipe(Effect.scoped),
  )

  it.live("with fields that HTTP/2 does not have leaves them out, and harms nobody else", () =>
    Effect.gen(function* () {
      const names = [
        "Connection",
        "Keep-Alive",
        "Proxy-Connection",
        "TE",
        "Upgrade",
        "HTTP2-Settings",
        "X-Many",
        "Content-Type",
      ]
      const { session } = yield* start((request, reply) => {
        request.body.discard()
        const body = new PushedBody(undefined, { abandon: () => {} })
        reply.inform?.({ status: 103, headers: [["HTTP2-Settings", "x"]] })
        reply.respond(
          {
            status: 426,
            headers: names.flatMap((name) => [[name, "x"] as const, [name, "y"] as const]),
          },
          body,
        )
        body.end([
          ["HTTP2-Settings", "x"],
          ["Connection", "x"],
        ])
        return () => {}
      })
      const answer = yield* ask(session, { ":path": "/" })
      assert.include([426, undefined], answer.headers[":status"])
      const again = yield* ask(session, { ":path": "/" })
      assert.strictEqual(again.code, answer.code)
      assert.isFalse(session.destroyed)
    }).pipe(Effect.scoped),
  )

  it.live("has a status that Node's library can write, and no content with 205", () =>
    Effect.gen(function* () {
      const { session } = yield* start(({ head }, reply) => {
        const status = Number(head.target.slice(1))
        reply.respond({ status, headers: [["Content-Length", "2"]] }, fromText("ok"))
        return () => {}
      })
      const answer = (status: number) => ask(session, { ":path": `/${status}` })
      for (const [status, written] of [
        [299, 299],
        [599, 599],
        [600, 500],
        [999, 500],
      ] as const) {
        const { code, headers, text } = yield* answer(status)
        assert.deepStrictEqual([headers[":status"], text, code], [written, "ok", 0])
      }
      const reset = yield* answer(205)
      assert.deepStrictEqual([reset.headers[":status"], reset.text, reset.code], [205, "", 0])
      assert.strictEqual(reset.headers["content-length"], "0")
    }).pipe(Effect.scoped),
  )

  it.live("that breaks off resets its stream and no other", () =>
    Effect.gen(function* () {
      const { session } = yield* start((request, reply) => {
        request.body.discard()
        if (request.head.target !== "/cut") {
          reply.respond({ status: 204, headers: [] }, empty)
          return () => {}
        }
        const body: Body = {
          length: 10,
          whole: undefined,
          discard: () => {},
          read: (sink) => {
            setImmediate(() => {
              sink.data(Buffer.from("half"))
              sink.end([])
            })
            return { resume: () => {}, cancel: () => {} }
          },
        }
        reply.respond({ status: 200, headers: [] }, body)
        return () => {}
      })
      const cut = yield* ask(session, { ":path": "/cut" })
      assert.strictEqual(cut.code, http2.constants.NGHTTP2_INTERNAL_ERROR)
      const other = yield* ask(session, { ":path": "/" })
      assert.strictEqual(other.headers[":status"], 204)
    }).pipe(Effect.scoped),
  )

  it.live("is the last of its connection while the front drains", () =>
    Effect.gen(function* () {
      let release = (): void => {}
      const watch = new Watch()
      let isAsked = false
      const session = yield* Effect.scoped(
        Effect.gen(function* () {
          const { front } = yield* start(
            (request, reply) => {
              request.body.discard()
              release = () => reply.respond({ status: 200, headers: [] }, fromText("done"))
              isAsked = true
              watch.changed()
              return () => {}
            },
            { graceMillis: 5_000, onDrain: () => setImmediate(() => release()) },
          )
          const session = http2.connect(`https://localhost:${front.port}`, {
            rejectUnauthorized: false,
          })
          session.on("error", () => {})
          const stream = session.request({ ":path": "/" })
          const chunks: Array<Buffer> = []
          stream.on("data", (chunk: Buffer) => chunks.push(chunk))
          yield* Effect.promise(() => watch.until("it has come", () => isAsked))
          return { session, stream, chunks }
        }),
      )
      assert.strictEqual(Buffer.concat(session.chunks).toString(), "done")
      assert.isTrue(session.session.closed)
    }).pipe(Effect.scoped),
  )
})

describe("a WebSocket by HTTP/2", () => {
  it.live("is the 101 of HTTP/1.1 as a 200, with both directions on its stream", () =>
    Effect.gen(function* () {
      const { session } = yield* start((request, reply) => {
        assert.isTrue(request.upgrade)
        const key = first(request.head.headers, "sec-websocket-key")[0] ?? ""
        const accept = createHash("sha1")
          .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
          .digest("base64")
        const body = new PushedBody(undefined, { abandon: () => {} })
        request.body.read({
          data: (bytes) => {
            body.data(bytes)
            return true
          },
          end: () => body.end([]),
          fail: () => {},
        })
        reply.respond(
          {
            status: 101,
            headers: [
              ["Upgrade", "websocket"],
              ["Sec-WebSocket-Accept", accept],
              ["Sec-WebSocket-Protocol", "chat"],
            ],
          },
          body,
        )
        return () => {}
      })
      const stream = session.request(
        {
          ":method": "CONNECT",
          ":protocol": "websocket",
          ":path": "/chat",
          ":scheme": "https",
          ":authority": "a.example",
          "sec-websocket-version": "13",
        },
        { endStream: false },
      )
      const [headers] = (yield* Effect.promise(() => once(stream, "response"))) as [
        http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader,
      ]
      assert.strictEqual(headers[":status"], 200)
      assert.strictEqual(headers["sec-websocket-protocol"], "chat")
      assert.notProperty(headers, "sec-websocket-accept")
      stream.write("ping")
      const [echo] = (yield* Effect.promise(() => once(stream, "data"))) as [Buffer]
      assert.strictEqual(echo.toString(), "ping")
      stream.end()
      yield* Effect.promise(() => once(stream, "close"))
    }).pipe(Effect.scoped),
  )

  it.live("is no success where the application does not change the protocol", () =>
    Effect.gen(function* () {
      const { session } = yield* start((request, reply) => {
        request.body.discard()
        reply.respond({ status: 200, headers: [] }, fromText("a page"))
        return () => {}
      })
      const answer = yield* ask(session, {
        ":method": "CONNECT",
        ":protocol": "websocket",
        ":path": "/",
        ":scheme": "https",
        ":authority": "a.example",
      })
      assert.strictEqual(answer.headers[":status"], 502)
    }).pipe(Effect.scoped),
  )
})

/** A frame (RFC 9113 4.1). */
const frame = (type: number, flags: number, stream: number, payload: Buffer): Buffer => {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

const settings = frame(4, 0, 0, Buffer.alloc(0))

const preface = Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), settings])

/** The head of a request for "/" at "a", as HPACK writes it. */
const head = Buffer.from([0x82, 0x87, 0x84, 0x01, 0x01, 0x61])

/** A request for a path at "a", whose ":path" is a literal. */
const get = (stream: number, path: string): Buffer =>
  frame(
    1,
    5,
    stream,
    Buffer.concat([
      Buffer.from([0x82, 0x87, 0x04, path.length]),
      Buffer.from(path),
      Buffer.from([0x01, 0x01, 0x61]),
    ]),
  )

/** A connection on which the test writes the frames itself. */
const connect = Effect.fnUntraced(function* (port: number) {
  const socket = tls.connect({
    port,
    host: "127.0.0.1",
    rejectUnauthorized: false,
    ALPNProtocols: ["h2"],
  })
  yield* Effect.addFinalizer(() => Effect.sync(() => socket.destroy()))
  socket.on("error", () => {})
  yield* Effect.promise(() => once(socket, "secureConnect"))
  return socket
})

/** A field "a: b". */
const field = Buffer.from([0x00, 0x01, 0x61, 0x01, 0x62])

const cancel = Buffer.from([0, 0, 0, 8])

/** What a visitor sends without end: the frames of each round. */
const floods: ReadonlyArray<readonly [what: string, round: (number: number) => Buffer]> = [
  [
    "streams that are opened and reset",
    (i) => Buffer.concat([frame(1, 5, 2 * i + 1, head), frame(3, 0, 2 * i + 1, cancel)]),
  ],
  [
    "a head in frames that do not end",
    (i) => (i === 0 ? frame(1, 0, 1, head) : frame(9, 0, 1, field)),
  ],
  ["pings, of which no answer is read", () => frame(6, 0, 0, Buffer.alloc(8))],
  ["settings, of which no answer is read", () => settings],
]

/** A field, whose name and value are short. */
const fieldOf = (name: string, value: string): Buffer =>
  Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ])

const none = Buffer.alloc(0)

/** Requests of which all frames come at once, before anybody reads their bodies. */
const wholes: ReadonlyArray<
  readonly [what: string, frames: ReadonlyArray<Buffer>, body: string, trailers: HeaderList]
> = [
  ["whose body is an empty frame", [frame(0, 1, 1, none)], "", []],
  ["with content", [frame(0, 0, 1, Buffer.from("a")), frame(0, 1, 1, Buffer.from("b"))], "ab", []],
  [
    "with trailers",
    [frame(0, 0, 1, Buffer.from("a")), frame(1, 5, 1, fieldOf("x-sum", "1"))],
    "a",
    [["x-sum", "1"]],
  ],
  ["with trailers alone", [frame(1, 5, 1, fieldOf("x-sum", "1"))], "", [["x-sum", "1"]]],
]

describe("a request by HTTP/2 that comes at once", () => {
  for (const [what, frames, body, trailers] of wholes)
    for (const [how, turns] of [
      ["read", 0],
      ["read later", 5],
    ] as const)
      it.live(`${what} is whole when it is ${how}`, () =>
        Effect.gen(function* () {
          const watch = new Watch()
          let got: unknown
          const { front } = yield* start(({ body }, reply) => {
            const read = (): void =>
              void collectWith(body, (bytes, trailers) => {
                got = { body: bytes.toString(), trailers }
                reply.respond({ status: 204, headers: [] }, empty)
                watch.changed()
              })
            Effect.runFork(Effect.andThen(Harness.turns(turns), Effect.sync(read)))
            return () => {}
          })
          const socket = yield* connect(front.port)
          socket.resume()
          socket.write(Buffer.concat([preface, frame(1, 4, 1, head), ...frames]))
          yield* Effect.promise(() => watch.until("the body is over", () => got !== undefined))
          assert.deepStrictEqual(got, { body, trailers })
        }).pipe(Effect.scoped),
      )
})

describe("a visitor who leaves without a word", () => {
  for (const [how, leave] of [
    ["closes the connection", (socket: tls.TLSSocket) => socket.end()],
    ["is gone", (socket: tls.TLSSocket) => socket.destroy()],
  ] as const) {
    it.live(`and ${how} ends its requests`, () =>
      Effect.gen(function* () {
        const watch = new Watch()
        let running = 0
        let asked = 0
        const { front } = yield* start((request, reply) => {
          request.body.discard()
          asked += 1
          running += 1
          watch.changed()
          if (request.head.target === "/body")
            reply.respond(
              { status: 200, headers: [] },
              {
                length: undefined,
                whole: undefined,
                discard: () => {},
                read: (sink) => {
                  sink.data(Buffer.alloc(64 * 1024))
                  return { resume: () => {}, cancel: () => {} }
                },
              },
            )
          return () => {
            running -= 1
            watch.changed()
          }
        })
        const socket = yield* connect(front.port)
        socket.resume()
        socket.write(preface)
        socket.write(Buffer.concat([frame(1, 5, 1, head), get(3, "/body")]))
        yield* Effect.promise(() => watch.until("both run", () => asked === 2))
        leave(socket)
        yield* Effect.promise(() => watch.until("none runs", () => running === 0))
      }).pipe(Effect.scoped),
    )
  }
})

/** Windows that are never used up: the visitor's TCP connection is what stops the sender. */
const largestWindows = Buffer.concat([
  frame(4, 0, 0, Buffer.from([0x00, 0x04, 0x7f, 0xff, 0xff, 0xff])),
  frame(8, 0, 0, Buffer.from([0x7f, 0xff, 0x00, 0x00])),
])

describe("a visitor who does not read its connection", () => {
  /** Two requests of a visitor who reads nothing: one gets a body without end, one waits for its response. */
  const stall = Effect.fnUntraced(function* (options: Partial<FrontOptions>) {
    const watch = new Watch()
    const running = new Set<string>()
    let asked = 0
    let chunks = 0
    let answer = (): void => {}
    const { front } = yield* start(
      ({ body, head: { target } }, reply) => {
        body.discard()
        asked += 1
        running.add(target)
        watch.changed()
        if (target === "/wait") answer = () => reply.respond({ status: 204, headers: [] }, empty)
        if (target === "/body")
          reply.respond(
            { status: 200, headers: [] },
            {
              length: undefined,
              whole: undefined,
              discard: () => {},
              read: (sink) => {
                const write = (): void => {
                  chunks += 1
                  if (sink.data(Buffer.alloc(64 * 1024))) setImmediate(write)
                }
                write()
                return { resume: write, cancel: () => {} }
              },
            },
          )
        return () => {
          running.delete(target)
          watch.changed()
        }
      },
      { http2: (context) => Http2Front.make(context, 10), ...options },
    )
    const socket = yield* connect(front.port)
    socket.pause()
    socket.write(Buffer.concat([preface, largestWindows, get(1, "/body"), get(3, "/wait")]))
    yield* Effect.promise(() => watch.until("two run", () => asked === 2))
    yield* Effect.promise(async () => {
      for (let turns = 0, before = 0; turns < 100; turns = before === chunks ? turns + 1 : 0) {
        before = chunks
        await new Promise((resolve) => setImmediate(resolve))
      }
    })
    return { answer, running, socket, watch }
  })

  it.live("and leaves ends its requests", () =>
    Effect.gen(function* () {
      const { running, socket, watch } = yield* stall({})
      socket.destroy()
      yield* Effect.promise(() => watch.until("none runs", () => running.size === 0))
    }).pipe(Effect.scoped),
  )

  it.live("loses after the idle time what it could read, but not what waits for a response", () =>
    Effect.gen(function* () {
      const { answer, running, watch } = yield* stall({ idleMillis: () => 50 })
      yield* Effect.promise(() => watch.until("the body is over", () => !running.has("/body")))
      assert.deepStrictEqual([...running], ["/wait"])
      answer()
      yield* Effect.promise(() => watch.until("none runs", () => running.size === 0))
    }).pipe(Effect.scoped),
  )
})

describe("a visitor who sends without end", () => {
  for (const [what, round] of floods) {
    it.live(`${what} loses the connection`, () =>
      Effect.gen(function* () {
        let running = 0
        let most = 0
        const { front } = yield* start((request) => {
          request.body.discard()
          running += 1
          most = Math.max(most, running)
          return () => {
            running -= 1
          }
        })
        const socket = yield* connect(front.port)
        const isClosed = closed(socket)
        socket.pause()
        socket.write(preface)
        let number = 0
        const flood = (): void => {
          if (socket.destroyed) return
          const rounds = Array.from({ length: 200 }, () => round(number++))
          socket.write(Buffer.concat(rounds), () => setImmediate(flood))
        }
        flood()
        yield* Effect.promise(() => isClosed)
        assert.isAtMost(most, 128)
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        assert.strictEqual(running, 0)
      }).pipe(Effect.scoped),
    )
  }
})
