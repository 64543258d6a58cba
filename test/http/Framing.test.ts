/**
 * Request smuggling: bytes that two readers could understand differently, from
 * visitors and from a server with a valid key whose responses are not HTTP. Both
 * are refused, and the next request is served.
 */
import { assert, describe, it } from "@effect/vitest"
import { encode } from "@msgpack/msgpack"
import * as Effect from "effect/Effect"
import * as Upstream from "../../src/server/upstream/Upstream.ts"
import { answerOf, ClassicPeer, framed } from "../support/ClassicPeer.ts"
import * as Harness from "../support/Harness.ts"
import { HttpOrigin } from "../support/HttpOrigin.ts"
import { chunkOf, RawHttp, type RawResponse } from "../support/RawHttp.ts"

const canary = "GET /servers/app/canary HTTP/1.1\r\nHost: app.test\r\n\r\n"

/** A relay with a server in front of an origin. */
const proxied = Effect.gen(function* () {
  const origin = yield* Harness.promised(() => HttpOrigin.start())
  const relay = yield* Harness.relay({ servers: ["app"] })
  const to = Upstream.make({ origin: origin.url })
  yield* Effect.addFinalizer(() => Effect.sync(to.close))
  yield* Harness.server(relay, "app", to.handler)
  return { origin, relay }
})

/** Runs a test with a relay in front of an origin. */
const proves = (
  sentence: string,
  test: (relay: Harness.TestRelay, origin: HttpOrigin) => Promise<void>,
): void => {
  it.live(sentence, () =>
    Effect.gen(function* () {
      const { origin, relay } = yield* proxied
      yield* Harness.promised(() => test(relay, origin))
    }),
  )
}

/** A good request on a connection of its own reaches the origin, and the canary never did. */
const stillFine = async (relay: Harness.TestRelay, origin: HttpOrigin): Promise<void> => {
  const visitor = await RawHttp.connect(relay)
  await visitor.send("GET /servers/app/still-fine HTTP/1.1", [["Host", "app.test"]])
  assert.strictEqual((await visitor.readResponse()).status, 200)
  assert.strictEqual(origin.seen.at(-1)?.target, "/still-fine")
  assert.isFalse(origin.seen.some((seen) => seen.target.includes("canary")))
}

const start = "POST /servers/app/bad HTTP/1.1\r\n"
const named = `${start}Host: app.test\r\n`
const chunked = `${named}Transfer-Encoding: chunked\r\n`

describe("requests that two readers could understand differently", () => {
  const refused: ReadonlyArray<readonly [what: string, bytes: string, status: number]> = [
    ["two Hosts", `${named}Host: other.test\r\n\r\n`, 400],
    ["the same Host twice", `${named}Host: app.test\r\n\r\n`, 400],
    ["no Host on HTTP/1.1", `${start}Content-Length: 0\r\n\r\n`, 400],
    [
      "Transfer-Encoding on HTTP/1.0",
      "POST /servers/app/bad HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      400,
    ],
    [
      "Transfer-Encoding on HTTP/1.0 that is kept alive",
      "POST /servers/app/bad HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      400,
    ],
    ["gzip before chunked", `${named}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 501],
    ["chunked before gzip", `${named}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`, 400],
    ["chunked twice", `${chunked}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ["an empty coding", `${named}Transfer-Encoding: \r\n\r\n0\r\n\r\n`, 400],
    ["identity", `${named}Transfer-Encoding: identity\r\n\r\n`, 501],
    [
      "a vertical tab before chunked",
      `${named}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    ["a length and chunks", `${chunked}Content-Length: 5\r\n\r\n0\r\n\r\n`, 400],
    [
      "chunks and a length before",
      `${named}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    ["two lengths", `${named}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`, 400],
    ["the same length twice", `${named}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`, 400],
    ["a list of lengths", `${named}Content-Length: 5, 5\r\n\r\nhello`, 400],
    ["a length with a sign", `${named}Content-Length: +5\r\n\r\nhello`, 400],
    ["a negative length", `${named}Content-Length: -5\r\n\r\nhello`, 400],
    ["a length in hexadecimal", `${named}Content-Length: 0x5\r\n\r\nhello`, 400],
    ["a length with a space inside", `${named}Content-Length: 1 0\r\n\r\nhello`, 400],
    ["an empty length", `${named}Content-Length: \r\n\r\n`, 400],
    ["a length beyond all numbers", `${named}Content-Length: 99999999999999999999999\r\n\r\n`, 400],
    ["a bare LF after the request line", "GET /servers/app/bad HTTP/1.1\nHost: a\r\n\r\n", 400],
    ["a bare LF after a field", `${start}Host: app.test\n\r\n`, 400],
    ["a bare LF as the empty line", `${named}\n`, 400],
    ["a bare CR in a value", `${named}X: a\rGET /canary HTTP/1.1\r\n\r\n`, 400],
    ["a CR at the end of a name", `${named}X\r: a\r\n\r\n`, 400],
    ["a folded field", `${named}X: a\r\n b\r\n\r\n`, 400],
    ["a folded first field", `${start} Host: app.test\r\n\r\n`, 400],
    ["a space before the colon", `${start}Host : app.test\r\n\r\n`, 400],
    ["a field without a name", `${named}: x\r\n\r\n`, 400],
    ["a field without a colon", `${named}X\r\n\r\n`, 400],
    ["NUL in a value", `${named}X: a\0b\r\n\r\n`, 400],
    ["NUL in a name", `${named}X\0: a\r\n\r\n`, 400],
    ["a control character in a value", `${named}X: a\x01b\r\n\r\n`, 400],
    ["obs-text in a name", `${named}X\xe4: a\r\n\r\n`, 400],
    ["a space in the target", "GET /servers/app/ bad HTTP/1.1\r\nHost: a\r\n\r\n", 400],
    ["no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n", 400],
    ["a lower-case protocol", "GET /servers/app/bad http/1.1\r\nHost: a\r\n\r\n", 400],
    ["HTTP/2.0 on the request line", "GET /servers/app/bad HTTP/2.0\r\nHost: a\r\n\r\n", 505],
    ["HTTP/0.9 on the request line", "GET /servers/app/bad HTTP/0.9\r\nHost: a\r\n\r\n", 505],
    ["HTTP/1.2 on the request line", "GET /servers/app/bad HTTP/1.2\r\nHost: a\r\n\r\n", 400],
    ["no version at all", "GET /servers/app/bad\r\n\r\n", 505],
    ["the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400],
    ["a target of only *", "GET * HTTP/1.1\r\nHost: app.test\r\n\r\n", 400],
    ["OPTIONS with a target of */", "OPTIONS */ HTTP/1.1\r\nHost: app.test\r\n\r\n", 400],
    ["a fragment in the target", "GET /servers/app/bad#x HTTP/1.1\r\nHost: app.test\r\n\r\n", 400],
    [
      "another scheme",
      "GET ftp://app.test/servers/app/bad HTTP/1.1\r\nHost: app.test\r\n\r\n",
      400,
    ],
    ["CONNECT", "CONNECT app.test:80 HTTP/1.1\r\nHost: app.test\r\n\r\n", 405],
    ["a head of 100 KiB", `${named}X: ${"v".repeat(100 * 1024)}\r\n\r\n`, 431],
    [
      "a target of 100 KiB",
      `GET /servers/app/${"p".repeat(100 * 1024)} HTTP/1.1\r\nHost: a\r\n\r\n`,
      431,
    ],
    ["a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400],
  ]

  for (const [what, bytes, status] of refused) {
    proves(
      `${what}: refused with ${status}, the connection ends, nothing behind it runs`,
      async (relay, origin) => {
        const visitor = await RawHttp.connect(relay)
        await visitor.write(bytes + canary)
        const answer = await visitor.readResponse()
        assert.strictEqual(answer.status, status, answer.text)
        assert.match(answer.text, /PTTH_/)
        assert.strictEqual(answer.header("connection")?.toLowerCase(), "close")
        const { bytes: rest } = await visitor.readRest()
        assert.strictEqual(rest.toString("latin1"), "")
        await stillFine(relay, origin)
        assert.strictEqual(origin.seen.length, 1)
      },
    )
  }

  proves("a question about the server as a whole gets one answer", async (relay, origin) => {
    const visitor = await RawHttp.connect(relay)
    await visitor.send("OPTIONS * HTTP/1.1", [["Host", "app.test"]])
    const answer = await visitor.readResponse()
    assert.deepStrictEqual([answer.status, answer.header("content-length")], [200, "0"])
    await visitor.send("GET /servers/app/next HTTP/1.1", [["Host", "app.test"]])
    assert.strictEqual((await visitor.readResponse()).status, 200)
    assert.deepStrictEqual(
      origin.seen.map(({ target }) => target),
      ["/next"],
    )
    await stillFine(relay, origin)
  })

  proves("a canary that comes after the refusal does not run either", async (relay, origin) => {
    const visitor = await RawHttp.connect(relay)
    await visitor.write(`${named}Host: other.test\r\n\r\n`)
    assert.strictEqual((await visitor.readResponse()).status, 400)
    await visitor.write(canary)
    assert.strictEqual((await visitor.readRest()).bytes.length, 0)
    await stillFine(relay, origin)
  })

  proves("nothing behind an answer to an unfinished upload runs", async (relay, origin) => {
    origin.answer = ({ response }) => {
      response.end("no, thank you")
    }
    const visitor = await RawHttp.connect(relay)
    const body = "x".repeat(100_000)
    await visitor.write(`${named}Content-Length: ${body.length}\r\n\r\n${body.slice(0, 10)}`)
    assert.strictEqual((await visitor.readResponse()).text, "no, thank you")
    await visitor.write(body.slice(10) + canary)
    assert.strictEqual((await visitor.readRest()).bytes.length, 0)
    await stillFine(relay, origin)
  })

  proves(
    "nothing behind a request that says close runs, and that request is answered whole",
    async (relay, origin) => {
      for (const behind of [canary, "garbage", "\r\n", `${named}Host: other.test\r\n\r\n`]) {
        const visitor = await RawHttp.connect(relay)
        await visitor.write(`${named}Connection: close\r\nContent-Length: 2\r\n\r\nok${behind}`)
        assert.strictEqual((await visitor.readResponse()).text, "ok")
        assert.strictEqual((await visitor.readRest()).bytes.length, 0)
      }
      assert.strictEqual(origin.seen.length, 4)
      await stillFine(relay, origin)
    },
  )

  const brokenBodies: ReadonlyArray<readonly [what: string, body: string]> = [
    ["a chunk size beyond all numbers", "fffffffffffffffff\r\nx\r\n0\r\n\r\n"],
    ["a chunk size with a sign", "+1\r\nx\r\n0\r\n\r\n"],
    ["a chunk size with 0x", "0x1\r\nx\r\n0\r\n\r\n"],
    ["a chunk size that is none", "zz\r\nx\r\n0\r\n\r\n"],
    ["an empty chunk size", "\r\nx\r\n0\r\n\r\n"],
    ["a chunk extension of 20 KB", `1;${"e".repeat(20_000)}\r\nx\r\n0\r\n\r\n`],
    ["a bare LF in a chunk extension", "1;a\nb\r\nx\r\n0\r\n\r\n"],
    ["a bare LF after a chunk size", "1\nx\r\n0\r\n\r\n"],
    ["a bad end of a chunk", "1\r\nxyz\r\n0\r\n\r\n"],
    ["a bare LF as the end of a chunk", "1\r\nx\n0\r\n\r\n"],
    ["a trailer with a space before the colon", "1\r\nx\r\n0\r\nX : y\r\n\r\n"],
    ["a trailer without a colon", "1\r\nx\r\n0\r\nX\r\n\r\n"],
  ]
  for (const [what, body] of brokenBodies) {
    proves(
      `${what}: the upload never ends cleanly and nothing behind it runs`,
      async (relay, origin) => {
        origin.answer = ({ request, response, target }) => {
          request.resume()
          if (target !== "/bad") response.end("ok")
          else request.on("end", () => response.end("whole"))
        }
        const visitor = await RawHttp.connect(relay)
        await visitor.write(`${chunked}\r\n${body}${canary}`)
        const rest = (await visitor.readRest()).bytes.toString("latin1")
        assert.notMatch(rest, /whole/)
        assert.match(rest, /^$|^HTTP\/1\.1 4/)
        await stillFine(relay, origin)
        assert.isFalse(origin.seen.some((seen) => seen.target === "/bad" && seen.request.complete))
      },
    )
  }

  proves(
    "a broken chunk never puts a second head into an answer that is under way",
    async (relay, origin) => {
      origin.answer = ({ response, target }) => {
        if (target !== "/bad") return void response.end("ok")
        response.writeHead(200)
        response.write("under way")
      }
      const visitor = await RawHttp.connect(relay)
      await visitor.write(`${chunked}\r\n${chunkOf("fine").toString()}`)
      assert.strictEqual((await visitor.readHead()).status, 200)
      assert.strictEqual((await visitor.readChunk()).toString(), "under way")
      await visitor.write("zz\r\n")
      const { bytes } = await visitor.readRest()
      assert.strictEqual(bytes.toString("latin1"), "")
      await stillFine(relay, origin)
    },
  )

  proves(
    "garbage behind a request is never answered before or instead of that request",
    async (relay, origin) => {
      let answer: () => void = () => {}
      origin.answer = ({ response, target }) => {
        if (target === "/first") answer = () => response.end("the first")
        else response.end("ok")
      }
      const visitor = await RawHttp.connect(relay)
      await visitor.write("GET /servers/app/first HTTP/1.1\r\nHost: app.test\r\n\r\n")
      await origin.request()
      await visitor.write("garbage\r\n\r\n")
      answer()
      const { bytes } = await visitor.readRest()
      assert.match(
        bytes.toString("latin1"),
        /^(?:HTTP\/1\.1 200 [\s\S]*?\r\n\r\nthe first(?:HTTP\/1\.1 400 [\s\S]*)?)?$/,
      )
      await stillFine(relay, origin)
    },
  )

  proves(
    "an absolute target is taken for its path, whatever host it names",
    async (relay, origin) => {
      const elsewhere = await HttpOrigin.start()
      const visitor = await RawHttp.connect(relay)
      for (const authority of [
        "app.test",
        `127.0.0.1:${elsewhere.port}`,
        "user@app.test",
        "[::1]:1",
      ]) {
        await visitor.send(`GET http://${authority}/servers/app/p?q HTTP/1.1`, [
          ["Host", "app.test"],
        ])
        assert.strictEqual((await visitor.readResponse()).status, 200)
        assert.strictEqual(origin.seen.at(-1)?.target, "/p?q")
      }
      assert.strictEqual(elsewhere.connections, 0)
    },
  )

  proves("empty lines before a request are skipped", async (relay, origin) => {
    const visitor = await RawHttp.connect(relay)
    await visitor.write("\r\n\r\nGET /servers/app/x HTTP/1.1\r\nHost: app.test\r\n\r\n")
    assert.strictEqual((await visitor.readResponse()).status, 200)
    assert.strictEqual(origin.seen[0]?.target, "/x")
  })

  proves("a request that comes byte by byte is a request", async (relay, origin) => {
    const visitor = await RawHttp.connect(relay)
    const bytes =
      "PUT /servers/app/x HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\n\r\n"
    for (const byte of bytes) await visitor.write(byte)
    assert.strictEqual((await visitor.readResponse()).status, 200)
    assert.strictEqual(origin.seen[0]?.target, "/x")
  })

  proves(
    "the backend API reads no request differently from the visitors' side",
    async (relay, origin) => {
      for (const bytes of [
        "GET /7ZSFUKGV/http_listen/app HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "POST /7ZSFUKGV/http_response/x HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /7ZSFUKGV/http_response/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      ]) {
        const visitor = await RawHttp.connect(relay)
        await visitor.write(bytes + canary)
        assert.include([400, 501], (await visitor.readResponse()).status)
        assert.strictEqual((await visitor.readRest()).bytes.length, 0)
      }
      await stillFine(relay, origin)
    },
  )
})

// ---------------------------------------------------------------- answers

type Wire = readonly [status: number, headers: ReadonlyArray<readonly [string, string]>]

/** The start of an answer with this value as its head, valid or not. */
const headBytes = (head: unknown): Buffer => framed(encode(head))

const wire = ([status, headers]: Wire): Buffer => answerOf(status, headers)

describe("answers of a server that holds a valid key", () => {
  /** The visitor's answer to one that is handed to the relay as bytes, and what the server is told. */
  const answered = (
    bytes: Uint8Array,
    use: (visitor: RawHttp, told: () => Promise<RawResponse>) => Promise<void>,
  ) =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["app"] })
      yield* Harness.promised(async () => {
        const peer = new ClassicPeer(relay, "app")
        const visitor = await RawHttp.connect(relay)
        const get = "GET /servers/app/x HTTP/1.1"
        const listening = peer.listen()
        await visitor.send(get, [["Host", "app.test"]])
        const posted = await peer.respond(await listening, bytes)
        await use(visitor, () => posted.readResponse())
        // The next request and its answer are fine.
        const next = visitor.isOver ? await RawHttp.connect(relay) : visitor
        const again = peer.listen()
        await next.send(get, [["Host", "app.test"]])
        const good = await peer.respond(
          await again,
          Buffer.concat([wire([200, [["Content-Length", "4"]]]), Buffer.from("good")]),
        )
        assert.strictEqual((await next.readResponse()).text, "good")
        assert.strictEqual((await good.readResponse()).text, "StreamFinished\n")
      })
    })

  const bad: ReadonlyArray<readonly [what: string, bytes: Uint8Array]> = [
    ["an empty name", wire([200, [["", "x"]]])],
    ["a name with a space", wire([200, [["X Y", "x"]]])],
    ["a name with a colon", wire([200, [["X:", "x"]]])],
    ["a name with CR LF", wire([200, [["X\r\nSet-Cookie: a", "x"]]])],
    ["a name with obs-text", wire([200, [["X\xe4", "x"]]])],
    ["CR LF in a value", wire([200, [["X", "a\r\nSet-Cookie: b=c"]]])],
    ["a bare CR in a value", wire([200, [["X", "a\rb"]]])],
    ["a bare LF in a value", wire([200, [["X", "a\nb"]]])],
    ["NUL in a value", wire([200, [["X", "a\0b"]]])],
    ["a whole answer in a value", wire([200, [["X", "a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"]]])],
    ["DEL in a value", wire([200, [["X", "a\x7f"]]])],
    ["a space at the end of a value", wire([200, [["X", "a "]]])],
    ["status 0", wire([0, []])],
    ["status 99", wire([99, []])],
    ["status 100", wire([100, []])],
    ["status 101 without an upgrade", wire([101, []])],
    ["status 103", wire([103, []])],
    ["status 199", wire([199, []])],
    ["status 1000", wire([1000, []])],
    ["status -1", wire([-1, []])],
    ["status 200.5", wire([200.5, []])],
    ["a Content-Length that is no number", wire([200, [["Content-Length", "abc"]]])],
    ["a Content-Length with a sign", wire([200, [["Content-Length", "+4"]]])],
    ["a negative Content-Length", wire([200, [["Content-Length", "-4"]]])],
    ["a list as Content-Length", wire([200, [["Content-Length", "4, 4"]]])],
    [
      "two Content-Lengths",
      wire([
        200,
        [
          ["Content-Length", "4"],
          ["content-length", "5"],
        ],
      ]),
    ],
    ["a head that is no array", headBytes({ status: 200 })],
    ["a status that is a text", headBytes(["200", []])],
    ["fields that are no array", headBytes([200, { X: "a" }])],
    ["a value that is a text", headBytes([200, [["X", "a"]]])],
    ["a field of three", headBytes([200, [["X", Buffer.from("a"), "b"]]])],
    ["no MessagePack", Buffer.from([0, 0, 0, 2, 0xc1, 0xc1])],
    ["a head beyond all bounds", Buffer.from([0xff, 0xff, 0xff, 0xff, 0x92])],
    ["a head that is cut short", wire([200, [["X", "a"]]]).subarray(0, 6)],
    ["nothing", Buffer.alloc(0)],
  ]
  for (const [what, bytes] of bad) {
    it.live(`${what}: the visitor gets a 502, the server is told, the next request works`, () =>
      answered(bytes, async (visitor, told) => {
        const answer = await visitor.readResponse()
        assert.strictEqual(answer.status, 502)
        assert.match(answer.text, /PTTH_BAD_ANSWER|PTTH_LINK_LOST/)
        assert.strictEqual(answer.header("set-cookie"), undefined)
        assert.isAtLeast((await told()).status, 200)
      }),
    )
  }

  it.live("a body shorter than its length breaks the connection off after the head", () =>
    answered(
      Buffer.concat([wire([200, [["Content-Length", "10"]]]), Buffer.from("short")]),
      async (visitor, told) => {
        const { bytes, how } = await visitor.readRest()
        assert.match(bytes.toString("latin1"), /^(HTTP\/1\.1 200.*\r\n\r\n(?:short)?)?$/s)
        assert.strictEqual(how, "reset")
        await told()
      },
    ),
  )

  it.live("of a body longer than its length no more than that is sent", () =>
    answered(
      Buffer.concat([
        wire([200, [["Content-Length", "4"]]]),
        Buffer.from("goodHTTP/1.1 200 OK\r\n\r\n"),
      ]),
      async (visitor, told) => {
        const { bytes, how } = await visitor.readRest()
        assert.match(bytes.toString("latin1"), /^(HTTP\/1\.1 200.*\r\n\r\n(?:good)?)?$/s)
        assert.strictEqual(how, "reset")
        await told()
      },
    ),
  )

  it.live("framing and connection fields of a response are removed, and what they nominate", () =>
    answered(
      Buffer.concat([
        wire([
          200,
          [
            ["Transfer-Encoding", "chunked"],
            ["Connection", "X-Private, close"],
            ["X-Private", "secret"],
            ["Keep-Alive", "timeout=1"],
            ["Proxy-Authenticate", "Basic"],
            ["Proxy-Connection", "close"],
            ["TE", "gzip"],
            ["Upgrade", "h2c"],
            ["X-Public", "kept"],
          ],
        ]),
        Buffer.from("body"),
      ]),
      async (visitor) => {
        const answer = await visitor.readResponse()
        assert.strictEqual(answer.text, "body")
        assert.deepStrictEqual(answer.header("connection"), "keep-alive")
        const names = answer.headers.map(([name]) => name.toLowerCase())
        for (const name of ["x-private", "proxy-authenticate", "proxy-connection", "te", "upgrade"])
          assert.notInclude(names, name)
        assert.notStrictEqual(answer.header("keep-alive"), "timeout=1")
        assert.strictEqual(answer.header("x-public"), "kept")
      },
    ),
  )

  it.live("a body behind a 204 or a 304 never reaches the visitor", () =>
    Effect.gen(function* () {
      for (const status of [204, 304]) {
        yield* answered(
          Buffer.concat([wire([status, [["X-A", "b"]]]), Buffer.from("HTTP/1.1 200 OK\r\n\r\n")]),
          async (visitor) => {
            const answer = await visitor.readResponse()
            assert.strictEqual(answer.status, status)
            assert.strictEqual(answer.header("x-a"), "b")
          },
        )
      }
    }),
  )

  it.live("names that JavaScript gives a meaning are fields like any other", () =>
    answered(
      Buffer.concat([
        wire([
          200,
          [
            ["__proto__", "a"],
            ["constructor", "b"],
            ["toString", "c"],
          ],
        ]),
      ]),
      async (visitor) => {
        const answer = await visitor.readResponse()
        assert.strictEqual(answer.header("__proto__"), "a")
        assert.strictEqual(answer.header("constructor"), "b")
        assert.strictEqual(answer.header("tostring"), "c")
      },
    ),
  )

  it.live("fields of 300 KiB are refused, the next request works", () =>
    answered(
      wire([200, Array.from({ length: 30 }, (_, n) => [`X-${n}`, "v".repeat(10_240)] as const)]),
      async (visitor, told) => {
        assert.strictEqual((await visitor.readResponse()).status, 502)
        await told()
      },
    ),
  )
})
