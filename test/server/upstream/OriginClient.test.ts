/**
 * The client of `--to` against an application on a bare socket, which sends each byte and closes
 * when the test says so.
 */
import { assert, describe, it, onTestFinished } from "@effect/vitest"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import type { BodyError } from "../../../src/protocol/Exchange.ts"
import type { OriginResponse } from "../../../src/protocol/http/OriginResponse.ts"
import {
  OriginClient,
  type OriginClientOptions,
} from "../../../src/server/upstream/OriginClient.ts"
import type { Body } from "../../../src/transport/body/Body.ts"
import type { Cancel } from "../../../src/transport/body/Handler.ts"
import { PushedBody } from "../../../src/transport/body/PushedBody.ts"
import { readBody } from "../../support/callHandler.ts"
import { RawOrigin } from "../../support/HttpOrigin.ts"
import { chunkOf, lastChunk, type RawHttp, soon } from "../../support/RawHttp.ts"

interface Got {
  readonly response: OriginResponse
  readonly body: Body
}

interface Sent {
  readonly cancel: Cancel
  /** The head; rejects with what the client says of a failure. */
  readonly answer: Promise<Got>
}

const send = (client: OriginClient, method = "GET", body = ""): Sent => {
  let cancel: Cancel = () => {}
  const answer = new Promise<Got>((resolve, reject) => {
    cancel = client.send({
      method,
      head: `${method} / HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n`,
      content: { _tag: "Whole", bytes: Buffer.from(body, "latin1") },
      repeatable: method === "GET",
      informed: () => {},
      answered: (response, body) => resolve({ response, body }),
      failed: reject,
    })
  })
  answer.catch(() => {})
  return { cancel, answer }
}

interface Whole {
  readonly status: number
  readonly headers: HeaderList
  readonly text: string
  readonly failure: BodyError["reason"] | undefined
}

const whole = async ({ answer }: Sent): Promise<Whole> => {
  const { body, response } = await answer
  const { bytes, failure } = await readBody(body)
  return {
    status: response.status,
    headers: response.headers,
    text: bytes.toString("latin1"),
    failure: failure?.reason,
  }
}

const failureOf = (sent: Sent): Promise<NodeJS.ErrnoException> =>
  sent.answer.then(
    () => assert.fail("it was answered"),
    (error: NodeJS.ErrnoException) => error,
  )

const start = async (options: Partial<OriginClientOptions> = {}) => {
  const origin = await RawOrigin.start()
  const client = new OriginClient({
    host: origin.host,
    port: origin.port,
    isSecure: false,
    ...options,
  })
  onTestFinished(() => client.close())
  return { client, origin }
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/** One answered request, whose connection is kept. */
const warm = async (
  client: OriginClient,
  origin: RawOrigin,
  answer = ok,
  index = 0,
): Promise<RawHttp> => {
  const sent = send(client)
  const connection = await origin.connection(index)
  await connection.readHeadText()
  await connection.write(answer)
  assert.strictEqual((await whole(sent)).text, "ok")
  return connection
}

describe("a request", () => {
  it("is written with its body in one piece, byte for byte", async () => {
    const { client, origin } = await start()
    const sent = send(client, "POST", "\x00\xffbody")
    const connection = await origin.connection()
    assert.strictEqual(
      (await connection.readSome()).toString("latin1"),
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n\x00\xffbody",
    )
    await connection.write(ok)
    assert.strictEqual((await whole(sent)).status, 200)
  })

  it("to a port where nothing listens fails with the error of the connection", async () => {
    const { client, origin } = await start()
    await new Promise<void>((resolve) => origin.server.close(() => resolve()))
    const error = await failureOf(send(client))
    assert.strictEqual(error.syscall, "connect")
    assert.strictEqual(error.code, "ECONNREFUSED")
  })
})

describe("a response", () => {
  const interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
  const chunked = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunkOf("chu").toString("latin1")}${chunkOf("nks").toString("latin1")}${lastChunk([["X-Sum", "7"]])}`
  const answers = [
    ["a length", "HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 5\r\n\r\nhello", "hello", true],
    ["chunks", chunked, "chunks", true],
    ["heads that come before it", `${interim}${interim}${ok}`, "ok", true],
    ["no body", "HTTP/1.1 204 No Content\r\n\r\n", "", true],
    ["an end with the connection", "HTTP/1.1 200 OK\r\n\r\nto the end", "to the end", false],
  ] as const

  for (const [what, text, expected, persists] of answers) {
    it(`with ${what} is read the same wherever it is split in two writes`, async () => {
      for (let at = 1; at <= text.length; at++) {
        const { client, origin } = await start()
        const sent = send(client)
        const connection = await origin.connection()
        await connection.readHeadText()
        await connection.write(text.slice(0, at))
        // The client may read the first piece alone.
        await new Promise((resolve) => setImmediate(resolve))
        if (at < text.length) await connection.write(text.slice(at))
        if (!persists) connection.socket.end()
        const { failure, text: got } = await whole(sent)
        assert.deepStrictEqual([failure, got], [undefined, expected], `${at}`)
        client.close()
      }
    })

    it(`with ${what} is read the same byte by byte`, async () => {
      const { client, origin } = await start()
      const sent = whole(send(client))
      const connection = await origin.connection()
      await connection.readHeadText()
      for (const byte of text) await connection.write(byte)
      if (!persists) connection.socket.end()
      const { failure, text: got } = await sent
      assert.deepStrictEqual([failure, got], [undefined, expected])
    })
  }

  it("that is small has its whole body at once, and keeps it when others are read", async () => {
    const { client, origin } = await start()
    const first = send(client)
    const connection = await origin.connection()
    await connection.readHeadText()
    await connection.write(ok)
    const { body } = await first.answer
    const second = send(client)
    await connection.readHeadText()
    await connection.write(ok.replace("\r\n\r\nok", "\r\n\r\nno"))
    assert.strictEqual((await whole(second)).text, "no")
    assert.strictEqual(Buffer.from(body.whole ?? []).toString(), "ok")
  })

  it("to HEAD has no body, whatever its Content-Length", async () => {
    const { client, origin } = await start()
    const sent = send(client, "HEAD")
    const connection = await origin.connection()
    await connection.readHeadText()
    await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    assert.strictEqual((await whole(sent)).text, "")
  })

  it("has only the trailers that may be forwarded", async () => {
    const { client, origin } = await start()
    const sent = send(client)
    const connection = await origin.connection()
    await connection.readHeadText()
    const trailers = lastChunk([
      ["X-Sum", "7"],
      ["Set-Cookie", "a=b"],
    ])
    await connection.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${trailers}`)
    const { body } = await sent.answer
    const ended = await new Promise<HeaderList>((resolve, reject) => {
      body.read({ data: () => true, end: resolve, fail: reject })
    })
    assert.deepStrictEqual(ended, [["X-Sum", "7"]])
  })

  for (const [what, text] of [
    ["a length", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"],
    ["chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"],
    ["a broken chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n"],
  ] as const) {
    it(`that ends in the middle of ${what} fails`, async () => {
      const { client, origin } = await start()
      const sent = send(client)
      const connection = await origin.connection()
      await connection.readHeadText()
      await connection.write(text)
      connection.socket.end()
      const { failure } = await whole(sent)
      assert.strictEqual(failure, "cut")
    })
  }

  it("that ends with its connection fails if that is reset", async () => {
    const { client, origin } = await start()
    const sent = send(client)
    const connection = await origin.connection()
    await connection.readHeadText()
    await connection.write("HTTP/1.1 200 OK\r\n\r\nhalf")
    const { body } = await sent.answer
    const read = readBody(body)
    connection.reset()
    assert.strictEqual((await read).failure?.reason, "cut")
  })

  for (const [what, text] of [
    ["another protocol", "SSH-2.0-OpenSSH_9\r\n"],
    ["a broken field", "HTTP/1.1 200 OK\r\nX Y: z\r\n\r\n"],
    ["a change of protocol that nobody asked for", "HTTP/1.1 101 X\r\n\r\n"],
    ["a broken head after an interim one", `${interim}HTTP/1.1 200 OK\r\nX\r\n\r\n`],
  ] as const) {
    it(`of ${what} fails and closes the connection at once`, async () => {
      const { client, origin } = await start()
      const sent = send(client)
      const connection = await origin.connection()
      await connection.readHeadText()
      await connection.write(text)
      assert.isUndefined((await failureOf(sent)).syscall)
      await connection.readRest()
      assert.strictEqual(origin.connections.length, 1)
    })
  }
})

describe("a connection", () => {
  it("is used again, the one that was used last first", async () => {
    const { client, origin } = await start()
    const first = await warm(client, origin)
    for (let n = 0; n < 20; n++) {
      const sent = send(client)
      await first.readHeadText()
      await first.write(ok)
      await whole(sent)
    }
    assert.strictEqual(origin.connections.length, 1)
    const [a, b] = [send(client), send(client)]
    const second = await origin.connection(1)
    await first.readHeadText()
    await second.readHeadText()
    await first.write(ok)
    await whole(a)
    await second.write(ok)
    await whole(b)
    const last = send(client)
    assert.match(await second.readHeadText(), /^GET/)
    await second.write(ok)
    await whole(last)
    assert.strictEqual(origin.connections.length, 2)
  })

  for (const [what, answer] of [
    ["says close", ok.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")],
    ["is of HTTP/1.0", ok.replace("1.1", "1.0")],
    ["keeps it for too short a time", ok.replace("\r\n\r\n", "\r\nKeep-Alive: timeout=1\r\n\r\n")],
    ["is followed by bytes that nobody asked for", `${ok}HTTP/1.1 200 OK\r\n\r\n`],
  ] as const) {
    it(`whose response ${what} is closed and not used again`, async () => {
      const { client, origin } = await start()
      const connection = await warm(client, origin, answer)
      assert.strictEqual((await connection.readRest()).bytes.length, 0)
      const sent = send(client)
      const next = await origin.connection(1)
      await next.readHeadText()
      await next.write(ok)
      assert.strictEqual((await whole(sent)).text, "ok")
    })
  }

  for (const [method, answer] of [
    ["HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 44\r\n\r\n"],
    ["HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
    ["GET", "HTTP/1.1 204 No Content\r\n\r\n"],
    ["GET", "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n"],
    ["GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 44\r\n\r\n"],
    ["POST", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"],
    ["GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"],
    ["GET", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"],
    ["GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\n\n"],
  ] as const)
    it(`is closed after ${JSON.stringify(answer)} to ${method}, because a body may follow`, async () => {
      const { client, origin } = await start()
      const sent = send(client, method)
      const connection = await origin.connection()
      await connection.readHeadText()
      await connection.write(answer)
      assert.strictEqual((await whole(sent)).text, "")
      assert.strictEqual((await connection.readRest()).bytes.length, 0)
      const next = send(client)
      const fresh = await origin.connection(1)
      await fresh.readHeadText()
      await fresh.write(ok)
      assert.strictEqual((await whole(next)).text, "ok")
    })

  for (const [method, status, isReused] of [
    ["GET", "200 OK", false],
    ["DELETE", "200 OK", false],
    ["OPTIONS", "200 OK", false],
    ["POST", "301 Moved Permanently", false],
    ["POST", "404 Not Found", false],
    ["PUT", "405 Method Not Allowed", false],
    ["POST", "200 OK", true],
    ["PROPFIND", "207 Multi-Status", true],
  ] as const)
    it(`is ${isReused ? "used again" : "closed"} after ${status} to ${method} with a body, which the application ${isReused ? "has read" : "may take for a request"}`, async () => {
      const { client, origin } = await start()
      const sent = send(client, method, "GET /other HTTP/1.1\r\nHost: h\r\n\r\n")
      const connection = await origin.connection()
      await connection.readHeadText()
      if (isReused) await connection.readHeadText()
      await connection.write(ok.replace("200 OK", status))
      assert.strictEqual((await whole(sent)).text, "ok")
      const next = send(client)
      const carrier = isReused ? connection : await origin.connection(1)
      await carrier.readHeadText()
      await carrier.write(ok)
      assert.strictEqual((await whole(next)).text, "ok")
      assert.strictEqual(origin.connections.length, isReused ? 1 : 2)
    })

  for (const [what, first, second] of [
    ["behind a response", `${ok}more`, ""],
    ["while it was idle", ok, "HTTP/1.1 408 Request Timeout\r\n\r\n"],
  ] as const)
    it(`is used for one request only, once the origin has sent bytes unasked ${what}`, async () => {
      const { client, origin } = await start()
      const connection = await warm(client, origin, first)
      if (second !== "") await connection.write(second)
      await connection.readRest()
      for (const index of [1, 2, 3]) {
        const sent = send(client)
        const fresh = await origin.connection(index)
        await fresh.readHeadText()
        await fresh.write(ok)
        assert.strictEqual((await whole(sent)).text, "ok")
        assert.strictEqual((await fresh.readRest()).bytes.length, 0)
      }
    })

  it.each([
    "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n",
    "HTTP/1.0 408 Request Time-out\r\nContent-Type: text/html\r\n\r\n<h1>408</h1>\n",
  ])("that is ended by %j while it is idle is closed, and others are used again", async (last) => {
    const { client, origin } = await start()
    const connection = await warm(client, origin)
    await connection.write(last)
    assert.strictEqual((await connection.readRest()).bytes.length, 0)
    const next = await warm(client, origin, ok, 1)
    const sent = send(client)
    await next.readHeadText()
    await next.write(ok)
    assert.strictEqual((await whole(sent)).text, "ok")
    assert.lengthOf(origin.connections, 2)
  })

  it.each([
    ["GET", 2, "ok"],
    ["POST", 1, "late"],
  ] as const)("that gives 408 to %s as it is used again is asked %i times", async (...row) => {
    const [method, connections, text] = row
    const { client, origin } = await start()
    const kept = await warm(client, origin)
    const sent = send(client, method)
    await kept.readHeadText()
    await kept.write("HTTP/1.1 408 X\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlate")
    if (connections === 2) {
      const fresh = await origin.connection(1)
      await fresh.readHeadText()
      await fresh.write(ok)
    }
    assert.strictEqual((await whole(sent)).text, text)
    assert.lengthOf(origin.connections, connections)
  })

  it("that gives no HTTP instead of a response has a GET sent again on a new one", async () => {
    const { client, origin } = await start()
    const kept = await warm(client, origin)
    const sent = send(client)
    await kept.readHeadText()
    await kept.write("the rest of the last response")
    const fresh = await origin.connection(1)
    await fresh.readHeadText()
    await fresh.write(ok)
    assert.strictEqual((await whole(sent)).text, "ok")
  })

  it("that receives bytes while it is idle is closed", async () => {
    const { client, origin } = await start()
    const connection = await warm(client, origin)
    await connection.write(ok)
    assert.strictEqual((await connection.readRest()).bytes.length, 0)
  })

  it("is closed after its idle time, and at once when the client is closed", async () => {
    const brief = await start({ idleMillis: 20 })
    const connection = await warm(brief.client, brief.origin)
    assert.strictEqual((await connection.readRest()).bytes.length, 0)
    const long = await start({ idleMillis: 3_600_000 })
    const kept = await warm(long.client, long.origin)
    long.client.close()
    assert.strictEqual((await kept.readRest()).bytes.length, 0)
  })

  it("is not kept if the pool is full, or the client was closed meanwhile", async () => {
    const none = await start({ maxIdle: 0 })
    const connection = await warm(none.client, none.origin)
    assert.strictEqual((await connection.readRest()).bytes.length, 0)
    const { client, origin } = await start()
    const sent = send(client)
    const open = await origin.connection()
    client.close()
    await open.readHeadText()
    await open.write(ok)
    assert.strictEqual((await whole(sent)).text, "ok")
    assert.strictEqual((await open.readRest()).bytes.length, 0)
  })

  it("that the origin has closed is not used", async () => {
    const { client, origin } = await start()
    const connection = await warm(client, origin)
    connection.socket.end()
    await connection.readRest()
    const sent = send(client, "POST", "body")
    const next = await origin.connection(1)
    await next.readHeadText()
    await next.write(ok)
    assert.strictEqual((await whole(sent)).text, "ok")
  })

  for (const how of ["end", "reset"] as const) {
    it(`that turns out to be closed (${how}) has a GET sent again on a new one`, async () => {
      const { client, origin } = await start()
      const kept = await warm(client, origin)
      const sent = send(client)
      await kept.readHeadText()
      if (how === "end") kept.socket.end()
      else kept.reset()
      const fresh = await origin.connection(1)
      assert.match(await fresh.readHeadText(), /^GET/)
      await fresh.write(ok)
      assert.strictEqual((await whole(sent)).text, "ok")
    })
  }

  it("that closes a second time, or was new, or has begun to respond, fails the request", async () => {
    const { client, origin } = await start()
    const kept = await warm(client, origin)
    const twice = send(client)
    await kept.readHeadText()
    kept.reset()
    const fresh = await origin.connection(1)
    await fresh.readHeadText()
    fresh.reset()
    assert.strictEqual((await failureOf(twice)).code, "ECONNRESET")
    assert.strictEqual(origin.connections.length, 2)

    const other = await start()
    const begun = await warm(other.client, other.origin)
    const half = send(other.client)
    await begun.readHeadText()
    await begun.write("HTTP/1.1 100 Continue\r\n\r\n")
    begun.socket.end()
    assert.strictEqual((await failureOf(half)).code, "ECONNRESET")
    assert.strictEqual(other.origin.connections.length, 1)
  })

  it("that turns out to be closed fails a POST", async () => {
    const { client, origin } = await start()
    const kept = await warm(client, origin)
    const sent = send(client, "POST", "once")
    await kept.readHeadText()
    kept.reset()
    assert.strictEqual((await failureOf(sent)).code, "ECONNRESET")
    assert.strictEqual(origin.connections.length, 1)
  })

  it("whose response comes before the request is written is not used again", async () => {
    const { client, origin } = await start()
    const size = 64 * 1024 * 1024
    const sent = send(client, "POST", "x".repeat(size))
    const connection = await origin.connection()
    await connection.write(ok)
    assert.strictEqual((await whole(sent)).text, "ok")
    const { bytes } = await connection.readRest()
    assert.isBelow(bytes.length, size)
  })
})

/** Sends a body in chunks; gives the body of the response. */
const upload = (client: OriginClient, body: Body): Promise<Body> =>
  new Promise((resolve, reject) => {
    client.send({
      method: "POST",
      head: "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
      content: { _tag: "Streamed", body, isChunked: true, expectsContinue: false },
      repeatable: false,
      informed: () => {},
      answered: (_response, body) => resolve(body),
      failed: reject,
    })
  })

describe("the rest of a request that is answered already", () => {
  it("is delivered, and its connection is not used again, since it may not be read", async () => {
    const { client, origin } = await start()
    const body = new PushedBody(undefined, { abandon: () => {} })
    body.data(Buffer.from("a"))
    const answered = upload(client, body)
    const connection = await origin.connection()
    await connection.readHeadText()
    await connection.write(ok)
    assert.strictEqual(String((await readBody(await answered)).bytes), "ok")
    body.data(Buffer.from("b"))
    body.end([])
    assert.strictEqual(
      (await connection.readRest()).bytes.toString(),
      "1\r\na\r\n1\r\nb\r\n0\r\n\r\n",
    )
    const next = send(client)
    const fresh = await origin.connection(1)
    await fresh.readHeadText()
    await fresh.write(ok)
    assert.strictEqual((await whole(next)).text, "ok")
  })

  for (const [what, size] of [
    ["the origin does not read it", 64 * 1024 * 1024],
    ["no more of it comes", 1],
  ] as const)
    it(`is dropped if ${what}`, async () => {
      const { client, origin } = await start({ stallMillis: 20 })
      let leave: () => void = () => {}
      const left = soon("the upload is dropped", new Promise<void>((resolve) => (leave = resolve)))
      const body = new PushedBody(undefined, { abandon: leave })
      body.data(Buffer.alloc(size))
      const answered = upload(client, body)
      const connection = await origin.connection()
      await connection.readHeadText()
      await connection.write(ok)
      assert.strictEqual(String((await readBody(await answered)).bytes), "ok")
      await left
    })
})

describe("a request that is cancelled", () => {
  it("before its response closes the connection, and nothing more is called", async () => {
    const { client, origin } = await start()
    const sent = send(client)
    const connection = await origin.connection()
    await connection.readHeadText()
    sent.cancel()
    await connection.readRest()
    let heard = false
    void sent.answer.finally(() => {
      heard = true
    })
    const next = send(client)
    const fresh = await origin.connection(1)
    await fresh.readHeadText()
    await fresh.write(ok)
    await whole(next)
    assert.isFalse(heard)
  })

  it("in the middle of the body closes the connection, and the body fails", async () => {
    const { client, origin } = await start()
    const sent = send(client)
    const connection = await origin.connection()
    await connection.readHeadText()
    await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    const read = readBody((await sent.answer).body)
    sent.cancel()
    await connection.readRest()
    assert.isDefined((await read).failure)
  })

  it("by discarding the body closes the connection", async () => {
    const { client, origin } = await start()
    const sent = send(client)
    const connection = await origin.connection()
    await connection.readHeadText()
    await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    const { body } = await sent.answer
    body.discard()
    await connection.readRest()
  })

  it("after its response disturbs no other request", async () => {
    const { client, origin } = await start()
    const first = send(client)
    const connection = await origin.connection()
    await connection.readHeadText()
    await connection.write(ok)
    await whole(first)
    const second = send(client)
    first.cancel()
    await connection.readHeadText()
    await connection.write(ok)
    assert.strictEqual((await whole(second)).text, "ok")
    assert.strictEqual(origin.connections.length, 1)
  })
})

/** An answer with a large body, in pieces. */
const answerWith = (
  content: Buffer,
  framing: "length" | "chunks",
): ReadonlyArray<Buffer | string> =>
  framing === "length"
    ? [`HTTP/1.1 200 OK\r\nContent-Length: ${content.length}\r\n\r\n`, content]
    : ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunkOf(content), lastChunk()]

describe("a slow reader", () => {
  for (const framing of ["length", "chunks"] as const) {
    it(`slows the origin down, and gets every byte in the end (${framing})`, async () => {
      const { client, origin } = await start()
      const sent = send(client)
      const connection = await origin.connection()
      await connection.readHeadText()
      const size = 64 * 1024 * 1024
      const block = Buffer.alloc(size)
      for (let at = 0; at < size; at += 4096) block.writeUInt32LE(at, at)
      let written = false
      const parts = answerWith(block, framing)
      const writing = Promise.all(parts.map((part) => connection.write(part))).then(() => {
        written = true
      })
      const { body } = await sent.answer
      let received = 0
      let intact = true
      let held = false
      let heldUp = 0
      const over = new Promise<void>((resolve, reject) => {
        const flow = body.read({
          data: (chunk) => {
            intact &&= !held && block.subarray(received, received + chunk.length).equals(chunk)
            received += chunk.length
            if (heldUp === 20) return true
            held = true
            setImmediate(() => {
              held = false
              heldUp += written ? 0 : 1
              flow.resume()
            })
            return false
          },
          end: () => resolve(),
          fail: reject,
        })
      })
      await over
      await writing
      assert.isTrue(intact)
      assert.strictEqual(heldUp, 20)
      assert.strictEqual(received, size)
    })
  }
})

describe("large bodies of several connections at once", () => {
  const mebibyte = 1024 * 1024
  const size = 16 * mebibyte

  /** Reads a body; `take` gets each piece, and says when the next one may come. */
  const read = (
    body: Body,
    take: (piece: Uint8Array, release: (() => void) | undefined, next: () => void) => void,
  ): Promise<void> =>
    new Promise((resolve, reject) => {
      const flow = body.read({
        data: (piece, release) => {
          take(piece, release, () => flow.resume())
          return false
        },
        end: () => resolve(),
        fail: reject,
      })
    })

  for (const framing of ["length", "chunks"] as const) {
    it(`arrive unchanged in memory that is used again, also behind one that is cancelled (${framing})`, async () => {
      const { client, origin } = await start()
      const memory = new Set<ArrayBufferLike>()
      let pieces = 0

      /** The bytes of an answer: each of a connection differs from those of others at the same place. */
      const contentOf = (index: number): Buffer => {
        const content = Buffer.alloc(size)
        for (let at = 0; at < size; at += 4) content.writeUInt32LE((at * 31 + index) >>> 0, at)
        return content
      }
      const answer = async (index: number): Promise<{ body: Body; content: Buffer }> => {
        const sent = send(client)
        const connection = await origin.connection(index)
        await connection.readHeadText()
        const content = contentOf(index)
        for (const part of answerWith(content, framing)) void connection.write(part)
        return { content, body: (await sent.answer).body }
      }

      /** Compares each piece when it comes, and again just before it gives its memory back. */
      const check = async (index: number): Promise<void> => {
        const { body, content } = await answer(index)
        let at = 0
        await read(body, (piece, release, next) => {
          const expected = content.subarray(at, at + piece.length)
          at += piece.length
          pieces += 1
          memory.add(piece.buffer)
          const isIntact = (): boolean => expected.equals(piece)
          if (!isIntact()) assert.fail(`piece at ${at} of ${index} is wrong`)
          next()
          setImmediate(() => {
            if (!isIntact()) assert.fail(`piece at ${at} of ${index} was overwritten`)
            release?.()
          })
        })
        assert.strictEqual(at, size)
      }
      const cancelled = async (index: number): Promise<void> => {
        const { body } = await answer(index)
        let taken = 0
        await new Promise<void>((resolve) => {
          const flow = body.read({
            data: (piece, release) => {
              taken += piece.length
              release?.()
              if (taken < mebibyte) return true
              flow.cancel()
              resolve()
              return false
            },
            end: () => {},
            fail: () => {},
          })
        })
      }
      await Promise.all([check(0), cancelled(1), check(2), cancelled(3), check(4)])
      assert.isBelow(memory.size, pieces / 2, `${pieces} pieces in ${memory.size} buffers`)
      // The connections are used again, and read into the client's own buffer.
      const next = send(client)
      const used = await Promise.any(
        [0, 2, 4].map(async (index) => {
          const connection = await origin.connection(index)
          await connection.readHeadText()
          return connection
        }),
      )
      await used.write(ok)
      assert.strictEqual((await whole(next)).text, "ok")
    })
  }
})
