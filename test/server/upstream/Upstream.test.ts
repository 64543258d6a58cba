/**
 * How the handler of `--to` speaks with an application: that downloads and uploads
 * are judged alike, that responses to unfinished uploads arrive, what is sent
 * again, and that upgraded connections and TLS work the same.
 */
import { readFileSync } from "node:fs"
import * as http from "node:http"
import * as https from "node:https"
import type { AddressInfo } from "node:net"
import * as path from "node:path"
import * as tls from "node:tls"
import { assert, describe, it, onTestFinished } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import { BodyError, type ExchangeError } from "../../../src/protocol/Exchange.ts"
import * as Upstream from "../../../src/server/upstream/Upstream.ts"
import type { Body } from "../../../src/transport/body/Body.ts"
import { empty, fromText } from "../../../src/transport/body/Body.ts"
import type { Handler } from "../../../src/transport/body/Handler.ts"
import { PushedBody } from "../../../src/transport/body/PushedBody.ts"
import { type Call, callHandler, openHandler, readBody } from "../../support/callHandler.ts"
import { RawOrigin } from "../../support/HttpOrigin.ts"
import { certificate } from "../../support/Proxies.ts"
import { chunkOf, lastChunk, type RawHttp } from "../../support/RawHttp.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const handlerFor = (origin: URL): Handler => {
  const upstream = Upstream.make({ origin })
  onTestFinished(() => upstream.close())
  return upstream.handler
}

const start = async () => {
  const origin = await RawOrigin.start()
  return { origin, handler: handlerFor(origin.url) }
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/** A body that is not in memory as a whole. */
const streamed = (text: string): Body => ({
  ...fromText(text),
  length: undefined,
  whole: undefined,
})

/** A body that a test pushes, and whether its reader has left. */
const pushed = (length?: number) => {
  let leave: () => void = () => {}
  const left = new Promise<void>((resolve) => {
    leave = resolve
  })
  const body = new PushedBody(length, { abandon: leave })
  return { body, left }
}

/** A body without end. It reports when its reader has left. */
const endless = () => {
  const block = Buffer.alloc(64 * 1024, "x")
  const { body, left } = pushed()
  const timer = setInterval(() => {
    if (!body.hasQueued) body.data(block)
  }, 1)
  onTestFinished(() => clearInterval(timer))
  return { body, left: left.finally(() => clearInterval(timer)) }
}

const upload = (body: Body = streamed("upload"), fields: HeaderList = []): Call => ({
  method: "POST",
  target: "/",
  headers: [["Host", "h"], ...fields],
  body,
})
const download: Call = { target: "/", headers: [["Host", "h"]] }

const codeOf = (answer: Promise<unknown>): Promise<string> =>
  answer.then(
    () => "answered",
    (error: ExchangeError) => error.code,
  )

/** Reads a request with chunks, if it has a body. */
const readRequest = async (connection: RawHttp): Promise<string> => {
  const head = await connection.readHeadText()
  if (!/transfer-encoding: chunked/i.test(head)) return head
  while ((await connection.readChunk()).length > 0);
  await connection.readBytes(2)
  return head
}

/** The outcome of a response that is written in one piece, and the connection ended after it. */
const outcomeOf = async (call: Call, response: string): Promise<ReadonlyArray<unknown>> => {
  const { handler, origin } = await start()
  const answer = callHandler(handler, call).then(
    ({ failure, status, text }) => [status, text, failure?.reason],
    (error: ExchangeError) => [error.code, error.detail.replace(/:\d+ /, " ")],
  )
  const connection = await origin.connection()
  await readRequest(connection)
  await connection.write(response)
  connection.socket.end()
  return answer
}

const head = (fields: string, status = "200 OK"): string =>
  `HTTP/1.1 ${status}\r\n${fields === "" ? "" : `${fields}\r\n`}\r\n`

describe("a response", () => {
  const whole = [200, "hi", undefined] as const
  const broken = "PTTH_ORIGIN_BROKEN"
  it.each([
    ["a length", `${head("Content-Length: 2")}hi`, whole],
    ["chunks", `${head("Transfer-Encoding: chunked")}2\r\nhi\r\n0\r\n\r\n`, whole],
    ["neither", `${head("")}hi`, whole],
    ["lines that end in LF", `${head("Content-Length: 2").replaceAll("\r", "")}hi`, whole],
    ["white space before a colon", `${head("Content-Length : 2")}hi`, whole],
    ["padded sizes", `${head("Transfer-Encoding: chunked")}2  \r\nhi\r\n0  \r\n\r\n`, whole],
    ["chunks with LF", `${head("Transfer-Encoding: chunked")}2\nhi\n0\n\n`, whole],
    [
      "sixteen digits",
      `${head("Transfer-Encoding: chunked")}${"2\r\n".padStart(18, "0")}hi\r\n0\r\n\r\n`,
      whole,
    ],
    ["status 999", `${head("Content-Length: 2", "999 X")}hi`, [999, "hi", undefined]],
    ["status 1000", `${head("Content-Length: 2", "1000 X")}hi`, [broken]],
    ["one length twice", `${head("Content-Length: 2\r\nContent-Length: 2")}hi`, [broken]],
    ["a signed length", `${head("Content-Length: +2")}hi`, [broken]],
    [
      "a length and chunks",
      `${head("Content-Length: 2\r\nTransfer-Encoding: chunked")}2\r\nhi\r\n0\r\n\r\n`,
      [broken],
    ],
    [
      "chunked twice",
      `${head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")}2\r\nhi\r\n0\r\n\r\n`,
      [broken],
    ],
    ["another coding", `${head("Transfer-Encoding: gzip")}hi`, [broken]],
    ["a continued line", `${head("X: 1\r\n 2\r\nContent-Length: 2")}hi`, [broken]],
    ["a change of protocol unasked", head("Upgrade: x", "101 X"), [broken]],
    ["half a length", `${head("Content-Length: 9")}hi`, [200, "hi", "cut"]],
    ["half a chunk", `${head("Transfer-Encoding: chunked")}9\r\nhi`, [200, "hi", "cut"]],
    ["no last chunk", `${head("Transfer-Encoding: chunked")}2\r\nhi\r\n`, [200, "hi", "cut"]],
    [
      "a size that is none",
      `${head("Transfer-Encoding: chunked")}2\r\nhi\r\nzz\r\n`,
      [200, "", "cut"],
    ],
    ["half a head", "HTTP/1.1 200 OK\r\nX: y", [broken]],
  ] as const)(
    "with %s has the same outcome behind a GET and an upload",
    async (_what, text, expected) => {
      const [byGet, byUpload] = [await outcomeOf(download, text), await outcomeOf(upload(), text)]
      assert.deepStrictEqual(byGet, byUpload)
      assert.deepStrictEqual<ReadonlyArray<unknown>>(byGet.slice(0, expected.length), expected)
    },
  )

  for (const [what, call] of [
    ["a GET", download],
    ["an upload", upload()],
  ] as const)
    it(`without length that ends in a reset is cut, behind ${what}`, async () => {
      const { handler, origin } = await start()
      const opened = openHandler(handler, call)
      const connection = await origin.connection()
      await readRequest(connection)
      await connection.write(`${head("")}half`)
      const read = readBody((await opened).body)
      connection.reset()
      assert.strictEqual((await read).failure?.reason, "cut")
    })
})

describe("an upload", () => {
  it("arrives as it was, by length and by chunks with trailers", async () => {
    const { handler, origin } = await start()
    const { body } = pushed(6)
    const byLength = callHandler(handler, upload(body, [["Content-Length", "6"]]))
    const connection = await origin.connection()
    assert.match(await connection.readHeadText(), /\r\nContent-Length: 6(?:\r\n|$)/)
    body.data(Buffer.from("abc"))
    body.data(Buffer.from("def"))
    body.end([])
    assert.strictEqual(String(await connection.readBytes(6)), "abcdef")
    await connection.write(ok)
    assert.strictEqual((await byLength).text, "ok")

    const chunked = pushed()
    const byChunks = callHandler(handler, upload(chunked.body))
    await connection.readHeadText()
    chunked.body.data(Buffer.from("abc"))
    chunked.body.data(Buffer.alloc(0))
    chunked.body.data(Buffer.from("def"))
    chunked.body.end([["X-Sum", "7"]])
    const expected = Buffer.concat([
      chunkOf("abc"),
      chunkOf("def"),
      Buffer.from(lastChunk([["X-Sum", "7"]])),
    ])
    assert.deepStrictEqual(await connection.readBytes(expected.length), expected)
    await connection.write(ok)
    assert.strictEqual((await byChunks).text, "ok")
    assert.strictEqual(origin.connections.length, 1)
  })

  it("that is longer than its length never reaches the application as a second request", async () => {
    const { handler, origin } = await start()
    const { body } = pushed(3)
    const answer = codeOf(callHandler(handler, upload(body, [["Content-Length", "3"]])))
    const connection = await origin.connection()
    await connection.readHeadText()
    body.data(Buffer.from("abcGET / HTTP/1.1\r\n\r\n"))
    assert.strictEqual(String((await connection.readRest()).bytes), "")
    assert.strictEqual(await answer, "PTTH_ORIGIN_BROKEN")
  })

  it("that breaks off ends the connection, and its response", async () => {
    const { handler, origin } = await start()
    const { body } = pushed()
    const answer = codeOf(callHandler(handler, upload(body)))
    const connection = await origin.connection()
    await connection.readHeadText()
    body.fail(new BodyError({ reason: "cut", detail: "the test" }))
    await connection.readRest()
    assert.strictEqual(await answer, "PTTH_ORIGIN_BROKEN")
  })

  for (const [what, text] of [
    ["a length", `${head("Content-Length: 7\r\nConnection: close", "413 X")}too big`],
    ["no length", `${head("Connection: close", "413 X")}too big`],
  ] as const)
    it(`that is refused before it is read gets the response with ${what}`, async () => {
      for (let n = 0; n < 20; n++) {
        const { handler, origin } = await start()
        const { body, left } = endless()
        const answer = callHandler(handler, upload(body))
        const connection = await origin.connection()
        await connection.readHeadText()
        await connection.write(text)
        await new Promise<void>((resolve) => connection.socket.end(resolve))
        // Closed with unread bytes in it: a reset.
        connection.socket.destroy()
        const { status, text: got } = await answer
        assert.deepStrictEqual([status, got], [413, "too big"])
        await left
      }
    })

  it("goes on after the response if the connection stays open, and is then complete", async () => {
    const { handler, origin } = await start()
    const { body } = pushed()
    const answer = callHandler(handler, upload(body))
    const connection = await origin.connection()
    await connection.readHeadText()
    body.data(Buffer.from("abc"))
    await connection.write(ok)
    assert.strictEqual((await answer).text, "ok")
    body.data(Buffer.from("def"))
    body.end([])
    const expected = Buffer.concat([chunkOf("abc"), chunkOf("def"), Buffer.from(lastChunk())])
    assert.deepStrictEqual(await connection.readBytes(expected.length), expected)
  })

  it("waits for 100 Continue if the visitor asks for that, and is not read if it is refused", async () => {
    const { handler, origin } = await start()
    const first = pushed()
    first.body.data(Buffer.from("abc"))
    first.body.end([])
    const expects: HeaderList = [["Expect", "100-continue"]]
    const taken = callHandler(handler, upload(first.body, expects))
    const connection = await origin.connection()
    await connection.readHeadText()
    assert.isTrue(first.body.hasNoReader)
    await connection.write("HTTP/1.1 100 Continue\r\n\r\n")
    assert.strictEqual(String(await connection.readChunk()), "abc")
    await connection.readChunk()
    await connection.readBytes(2)
    await connection.write(ok)
    assert.strictEqual((await taken).text, "ok")

    const second = pushed()
    const refused = callHandler(handler, upload(second.body, expects))
    await connection.readHeadText()
    await connection.write(`${head("Content-Length: 2", "417 X")}no`)
    assert.strictEqual((await refused).status, 417)
    await second.left
    assert.strictEqual((await connection.readRest()).bytes.length, 0)
  })
})

describe("an upload that is refused before it is asked for", () => {
  for (const [what, length, response] of [
    ["with a length", 20, ok],
    ["in chunks", undefined, ok],
    ["by a response in pieces", 20, head("Transfer-Encoding: chunked")],
  ] as const)
    it(`${what} leaves no connection on which another request would be taken for it`, async () => {
      const { handler, origin } = await start()
      const { body } = pushed(length)
      const refused = callHandler(handler, upload(body, [["Expect", "100-continue"]]))
      const connection = await origin.connection()
      await connection.readHeadText()
      await connection.write(response)
      if (response !== ok) {
        await connection.write(chunkOf("ok"))
        await connection.write(lastChunk())
      }
      assert.strictEqual((await refused).text, "ok")
      const next = callHandler(handler, download)
      const fresh = await origin.connection(1)
      assert.match(await fresh.readHeadText(), /^GET /)
      await fresh.write(ok)
      assert.strictEqual((await next).status, 200)
      assert.strictEqual((await connection.readRest()).bytes.length, 0)
    })
})

describe("a reused connection that turns out to be closed", () => {
  /** A connection that is kept, and ends with the next request unread or read. */
  const dead = async () => {
    const { handler, origin } = await start()
    const answer = callHandler(handler, download)
    const connection = await origin.connection()
    await connection.readHeadText()
    await connection.write(ok)
    await answer
    return { handler, origin, connection }
  }

  for (const [what, method, body] of [
    ["QUERY with a body", "QUERY", fromText("select")],
    ["PROPFIND with a body in chunks", "PROPFIND", streamed("select")],
    ["PUT with a body", "PUT", fromText("select")],
    ["REPORT", "REPORT", undefined],
    ["DELETE", "DELETE", undefined],
  ] as const)
    it(`has ${what} sent again, whole`, async () => {
      const { connection, handler, origin } = await dead()
      const call = { method, target: "/", headers: [["Host", "h"]] } as const
      const answer = callHandler(handler, body === undefined ? call : { ...call, body })
      await connection.readHeadText()
      connection.reset()
      const fresh = await origin.connection(1)
      const text = await fresh.readHeadText()
      assert.match(text, new RegExp(`^${method} / `))
      if (body !== undefined) {
        const bytes = /chunked/.test(text) ? await fresh.readChunk() : await fresh.readBytes(6)
        assert.strictEqual(String(bytes), "select")
      }
      await fresh.write(ok)
      assert.strictEqual((await answer).text, "ok")
    })

  for (const [what, method, body] of [
    ["POST", "POST", fromText("once")],
    ["PATCH in chunks", "PATCH", streamed("once")],
    ["LOCK", "LOCK", fromText("once")],
    ["an unknown method", "FOO", fromText("once")],
    ["PUT with a body that is too large to be retained", "PUT", streamed("x".repeat(70_000))],
  ] as const)
    it(`fails ${what}, which is not sent again`, async () => {
      const { connection, handler, origin } = await dead()
      const answer = codeOf(
        callHandler(handler, { method, target: "/", headers: [["Host", "h"]], body }),
      )
      await readRequest(connection)
      connection.reset()
      assert.strictEqual(await answer, "PTTH_ORIGIN_BROKEN")
      assert.strictEqual(origin.connections.length, 1)
    })
})

describe("a change of protocol", () => {
  const upgrade = (body: Body): Call => ({
    target: "/",
    headers: [
      ["Host", "h"],
      ["Connection", "Upgrade"],
      ["Upgrade", "x"],
    ],
    body,
  })

  for (const fields of ["Connection: Upgrade\r\nUpgrade: x", "Upgrade: x", ""])
    it(`with the fields ${JSON.stringify(fields)} passes bytes both ways, and its connection is not used again`, async () => {
      const { handler, origin } = await start()
      const { body } = pushed()
      const opened = openHandler(handler, upgrade(body))
      const connection = await origin.connection()
      assert.match(await connection.readHeadText(), /\r\nUpgrade: x(?:\r\n|$)/)
      await connection.write(`${head(fields, "101 X")}early`)
      const { body: received, head: answered } = await opened
      assert.strictEqual(answered.status, 101)
      assert.deepInclude(answered.headers, ["Upgrade", "x"])
      body.data(Buffer.from("to the origin"))
      assert.strictEqual(String(await connection.readBytes(13)), "to the origin")

      const other = callHandler(handler, download)
      const next = await origin.connection(1)
      await next.readHeadText()
      await next.write(ok)
      assert.strictEqual((await other).text, "ok")

      const read = readBody(received)
      await connection.write(" and late")
      connection.socket.end()
      const { bytes, failure } = await read
      assert.deepStrictEqual([String(bytes), failure], ["early and late", undefined])
      body.data(Buffer.from("still open"))
      body.end([])
      const { bytes: rest, how } = await connection.readRest()
      assert.deepStrictEqual([String(rest), how], ["still open", "end"])
    })

  it("that is refused leaves an ordinary response", async () => {
    const { handler, origin } = await start()
    const { body, left } = pushed()
    const answer = callHandler(handler, upgrade(body))
    const connection = await origin.connection()
    await connection.readHeadText()
    await connection.write(ok)
    assert.strictEqual((await answer).text, "ok")
    await left
  })

  it("ends broken, in both directions, if its connection is reset", async () => {
    const { handler, origin } = await start()
    const { body, left } = pushed()
    const opened = openHandler(handler, upgrade(body))
    const connection = await origin.connection()
    await connection.readHeadText()
    await connection.write(head("Upgrade: x", "101 X"))
    const read = readBody((await opened).body)
    connection.reset()
    assert.strictEqual((await read).failure?.reason, "cut")
    await left
  })
})

describe("what cannot be forwarded", () => {
  it.each([
    ["a field with a line break", { target: "/", headers: [["X", "a\r\nY: b"]] }],
    ["a target with a space", { target: "/ HTTP/1.1", headers: [] }],
    ["a method with a space", { method: "GET /", target: "/", headers: [] }],
    ["CONNECT", { method: "CONNECT", target: "/", headers: [] }],
  ] as const)("because of %s is refused, and no connection is made", async (_what, call) => {
    const { handler, origin } = await start()
    assert.strictEqual(await codeOf(callHandler(handler, call)), "PTTH_BAD_REQUEST")
    assert.strictEqual(origin.connections.length, 0)
  })
})

describe("an application with TLS", () => {
  it.effect("is trusted only by its certificate, and then used like any other", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { cert, key, pem } = yield* certificate
        yield* Effect.promise(async () => {
          let connections = 0
          const server = https.createServer(
            { cert: readFileSync(cert), key: readFileSync(key) },
            (request, response) => {
              if (request.url === "/refused") {
                response.writeHead(413, { connection: "close" })
                response.end("too big")
                response.once("finish", () => request.socket.destroy())
                return
              }
              let received = 0
              request.on("data", (chunk: Buffer) => {
                received += chunk.length
              })
              request.on("end", () => response.end(`${received}`))
            },
          )
          server.on("secureConnection", () => {
            connections += 1
          })
          server.on("tlsClientError", () => {})
          onTestFinished(() => {
            server.closeAllConnections()
            server.close()
          })
          await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
          const address = server.address()
          const port = typeof address === "object" ? address?.port : undefined
          const handler = handlerFor(new URL(`https://localhost:${port}`))
          assert.strictEqual(await codeOf(callHandler(handler, download)), "PTTH_ORIGIN_TLS")
          assert.strictEqual(connections, 0)

          const trusted = tls.getCACertificates("default")
          tls.setDefaultCACertificates([...trusted, pem])
          onTestFinished(() => tls.setDefaultCACertificates(trusted))
          for (let n = 0; n < 3; n++) {
            assert.strictEqual((await callHandler(handler, download)).text, "0")
            const large = streamed("x".repeat(1_000_000))
            assert.strictEqual((await callHandler(handler, upload(large))).text, "1000000")
          }
          assert.strictEqual(connections, 1)
          const { body } = endless()
          const refused = await callHandler(handler, { ...upload(body), target: "/refused" })
          assert.deepStrictEqual([refused.status, refused.text], [413, "too big"])
        })
      }),
    ),
  )
})

describe("the application's place", () => {
  it.effect("may have a certificate of its own authority, or any if that is allowed", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { cert, key, pem } = yield* certificate
        yield* Effect.promise(async () => {
          const server = https.createServer(
            { cert: readFileSync(cert), key: readFileSync(key) },
            (_request, response) => response.end("secure"),
          )
          server.on("tlsClientError", () => {})
          await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
          const { port } = server.address() as AddressInfo
          const ask = async (options: Omit<Upstream.UpstreamOptions, "origin">, host: string) => {
            const upstream = Upstream.make({
              origin: new URL(`https://${host}:${port}`),
              ...options,
            })
            onTestFinished(() => upstream.close())
            return callHandler(upstream.handler, download)
          }
          assert.strictEqual((await ask({ ca: pem }, "localhost")).text, "secure")
          assert.strictEqual((await ask({ insecure: true }, "127.0.0.1")).text, "secure")
          assert.strictEqual(await codeOf(ask({}, "localhost")), "PTTH_ORIGIN_TLS")
          assert.strictEqual(await codeOf(ask({ insecure: false }, "localhost")), "PTTH_ORIGIN_TLS")
          server.closeAllConnections()
          server.close()
        })
      }),
    ),
  )

  it("may be a unix socket, with localhost as Host where the visitor sends none", async () => {
    const socketPath = path.join(temporaryFolder(), "app.sock")
    const server = http.createServer((request, response) =>
      response.end(`${request.headers.host} ${request.url}`),
    )
    await new Promise<void>((resolve) => server.listen(socketPath, resolve))
    const upstream = Upstream.make({ origin: new URL("http://localhost"), socketPath })
    onTestFinished(() => upstream.close())
    const { text } = await callHandler(upstream.handler, { target: "/x?y" })
    assert.strictEqual(text, "localhost /x?y")
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    const down = callHandler(upstream.handler, { target: "/" })
    await down.then(
      () => assert.fail("it is gone"),
      (error: ExchangeError) => {
        assert.strictEqual(error.code, "PTTH_ORIGIN_DOWN")
        assert.include(error.detail, `unix:${socketPath}`)
      },
    )
  })
})

describe("a request that changes something", () => {
  /** Calls a handler with a reply that lets it have its effect when the test says so. */
  const held = (handler: Handler, method: string) => {
    let go: (() => void) | undefined
    let answer: () => void = () => {}
    const answered = new Promise<void>((resolve) => {
      answer = resolve
    })
    const asked = new Promise<void>((resolve) => {
      handler({ method, target: "/", headers: [["Host", "h"]] }, empty, {
        respond: () => answer(),
        fail: () => {},
        commit: (allowed) => {
          go = allowed
          resolve()
        },
      })
    })
    return { answered, asked, go: () => go?.() }
  }

  const readHead = (connection: RawHttp): Promise<string> => connection.readHeadText()

  it("is not written to a new or reused connection before it may have its effect", async () => {
    const { handler, origin } = await start()
    for (const [use, before] of [
      ["new", 0],
      ["reused", 1],
    ] as const) {
      const { answered, asked, go } = held(handler, "POST")
      await asked
      const connection = await origin.connection()
      const read = connection.socket.bytesRead
      // Another request goes all the way meanwhile.
      const other = callHandler(handler, download)
      const otherConnection = await origin.connection(before + 1)
      assert.match(await readHead(otherConnection), /^GET /)
      otherConnection.socket.end("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
      await other
      assert.strictEqual(connection.socket.bytesRead, read, use)
      go()
      assert.match(await readHead(connection), /^POST /)
      connection.socket.write(ok)
      await answered
    }
  })
})

describe("the owner is told", () => {
  it("of a response that breaks off, but not of a visitor who leaves", async () => {
    const origin = await RawOrigin.start()
    const told: Array<string> = []
    const upstream = Upstream.make({ origin: origin.url, onCut: ({ code }) => told.push(code) })
    onTestFinished(() => upstream.close())
    const begin = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"
    const leaving = openHandler(upstream.handler, download)
    const left = await origin.connection(0)
    left.socket.write(begin)
    const opened = await leaving
    opened.body.read({ data: () => true, end: () => {}, fail: () => {} }).cancel()
    opened.cancel()
    const staying = callHandler(upstream.handler, download)
    const cut = await origin.connection(1)
    cut.socket.end(begin)
    assert.strictEqual((await staying).failure?.reason, "cut")
    assert.deepStrictEqual(told, ["PTTH_ORIGIN_CUT"])
  })

  it.effect("that a port which closes plain connections speaks TLS", () =>
    Effect.gen(function* () {
      const { cert, key } = yield* certificate
      const server = https.createServer({ cert: readFileSync(cert), key: readFileSync(key) })
      yield* Effect.promise(
        () => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)),
      )
      onTestFinished(() => void server.close())
      const { port } = server.address() as AddressInfo
      const handler = handlerFor(new URL(`http://127.0.0.1:${port}`))
      const code = (): Promise<string> => codeOf(callHandler(handler, download))
      assert.strictEqual(yield* Effect.promise(code), "PTTH_ORIGIN_BROKEN")
      yield* Effect.promise(code).pipe(Effect.repeat({ until: (it) => it === "PTTH_ORIGIN_TLS" }))
    }).pipe(Effect.scoped),
  )
})
