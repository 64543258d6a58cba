/**
 * Upgrades other than WebSocket through a whole relay and server, before an application that
 * accepts, refuses or ignores them.
 */
import * as net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { BodyError } from "../../src/protocol/Exchange.ts"
import * as Upstream from "../../src/server/upstream/Upstream.ts"
import type { Body } from "../../src/transport/body/Body.ts"
import * as Harness from "../support/Harness.ts"
import { RawOrigin } from "../support/HttpOrigin.ts"
import { RawHttp } from "../support/RawHttp.ts"

/** A body that says something, and then ends or breaks. */
const saying = (text: string, isWhole: boolean): Body => ({
  length: undefined,
  whole: undefined,
  discard: () => {},
  read: (sink) => {
    setImmediate(() => {
      sink.data(Buffer.from(text))
      if (isWhole) sink.end([])
      else sink.fail(new BodyError({ reason: "cut", detail: "on purpose" }))
    })
    return { resume: () => {}, cancel: () => {} }
  },
})

/** What a visitor sees of a connection that is to be changed: how it ends, and what has come before. */
const change = (port: number): Promise<{ readonly end: string; readonly text: string }> =>
  new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1")
    let text = ""
    let end = "nothing"
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1")
    })
    socket.on("end", () => {
      end = "end"
    })
    socket.on("error", (error: NodeJS.ErrnoException) => {
      end = error.code ?? ""
    })
    socket.on("close", () => resolve({ end, text }))
    socket.write(
      "GET /servers/demo/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: talk\r\n\r\n",
    )
  })

describe("a request for another protocol that is answered in HTTP", () => {
  it.live("gets the whole answer, however large it is", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const body = "0123456789abcdef".repeat(500_000)
      yield* Harness.server(
        relay,
        "demo",
        Harness.handler(() => ({ body })),
        { transport: "stream" },
      )
      const { end, text } = yield* Effect.promise(() => change(relay.port))
      assert.strictEqual(end, "end")
      assert.strictEqual(text.slice(text.indexOf("\r\n\r\n") + 4).length, body.length)
    }),
  )
})

describe("a connection that has changed its protocol", () => {
  for (const [isWhole, what, expected] of [
    [true, "ends when the server has said everything", "end"],
    [false, "is reset when what the server says breaks off", "ECONNRESET"],
  ] as const)
    it.live(what, () =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers: ["demo"] })
        const handler = Harness.handler(() => ({
          status: 101,
          headers: [["Upgrade", "talk"]],
          body: saying("hello", isWhole),
        }))
        yield* Harness.server(relay, "demo", handler, { transport: "stream" })
        const { end, text } = yield* Effect.promise(() => change(relay.port))
        assert.strictEqual(end, expected)
        if (isWhole) assert.isTrue(text.endsWith("\r\n\r\nhello"), text)
      }),
    )
})

/** A relay, and a server before an origin whose bytes the test writes. */
const proxied = Effect.fnUntraced(function* (transport: "stream" | "classic") {
  const origin = yield* Harness.promised(() => RawOrigin.start())
  const relay = yield* Harness.relay({ servers: ["demo"] })
  const to = Upstream.make({ origin: origin.url })
  yield* Effect.addFinalizer(() => Effect.sync(to.close))
  yield* Harness.server(relay, "demo", to.handler, { transport })
  return { origin, relay }
})

const asking = (...fields: ReadonlyArray<string>): string =>
  [
    "POST /servers/demo/exec HTTP/1.1",
    "Host: x",
    "Connection: Upgrade",
    "Upgrade: tcp",
    ...fields,
    "",
    "",
  ].join("\r\n")

describe("a request for another protocol that has content", () => {
  for (const [what, sent, content] of [
    ["of a length", [asking("Content-Length: 4"), "ab", "cd"], "abcd"],
    ["of length 0", [asking("Content-Length: 0")], ""],
    [
      "in chunks",
      [asking("Transfer-Encoding: chunked"), "2\r\nab\r\n2\r\nc", "d\r\n0\r\n\r\n"],
      "abcd",
    ],
    ["of 64 KiB", [asking("Content-Length: 65536"), "x".repeat(65_536)], "x".repeat(65_536)],
  ] as const)
    it.live(`${what} is upgraded once the origin has it`, () =>
      Effect.gen(function* () {
        const { origin, relay } = yield* proxied("stream")
        yield* Harness.promised(async () => {
          const visitor = await RawHttp.connect(relay)
          for (const bytes of sent) await visitor.write(bytes)
          await visitor.write("early")
          const connection = await origin.connection()
          const head = await connection.readHeadText()
          assert.match(head, /^Upgrade: tcp\r?$/im)
          const received = await connection.readBytes(content.length)
          assert.strictEqual(received.toString(), content)
          await connection.write("HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhi")
          assert.strictEqual((await visitor.readHead()).status, 101)
          assert.strictEqual((await visitor.readBytes(2)).toString(), "hi")
          assert.strictEqual((await connection.readBytes(5)).toString(), "early")
        })
      }),
    )

  it.live("arrives with its content over classic, which leaves the upgrade out", () =>
    Effect.gen(function* () {
      const { origin, relay } = yield* proxied("classic")
      yield* Harness.promised(async () => {
        const visitor = await RawHttp.connect(relay)
        for (const [index, length] of [4, 40_000].entries()) {
          const content = "x".repeat(length)
          const another = index === 0 ? visitor : await RawHttp.connect(relay)
          await another.write(asking(`Content-Length: ${length}`) + content)
          const connection = await origin.connection(index)
          assert.notMatch(await connection.readHeadText(), /^Upgrade:/im)
          assert.strictEqual((await connection.readBytes(length)).toString(), content)
          await connection.write(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
          )
          assert.strictEqual((await another.readResponse()).text, "ok")
        }
      })
    }),
  )

  it.live("is refused if the content is too long or illegal", () =>
    Effect.gen(function* () {
      const { origin, relay } = yield* proxied("stream")
      yield* Harness.promised(async () => {
        for (const [sent, status] of [
          [`${asking("Transfer-Encoding: chunked")}fffff\r\n${"x".repeat(70_000)}`, 413],
          [`${asking("Transfer-Encoding: chunked")}zz\r\n`, 400],
        ] as const) {
          const visitor = await RawHttp.connect(relay)
          await visitor.write(sent)
          assert.strictEqual((await visitor.readResponse("POST")).status, status)
        }
        assert.strictEqual(origin.connections.length, 0)
      })
    }),
  )
})
