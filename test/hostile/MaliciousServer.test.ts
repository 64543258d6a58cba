/**
 * Servers that hold a valid key and do harm with it, against the relay as a
 * process of its own: visitors get honest errors, other servers notice
 * nothing, memory stays bounded, and the relay lives.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as StreamFrame from "../../src/protocol/StreamFrame.ts"
import { answerOf, ClassicPeer, framed } from "../support/ClassicPeer.ts"
import * as Harness from "../support/Harness.ts"
import { type Address, RawHttp, type RawResponse } from "../support/RawHttp.ts"
import { type RelayProgram, relayProgram, relayToml, unseen } from "./Process.ts"
import { rawFrame, responseHead, StreamPeer } from "./StreamPeer.ts"

const { type } = StreamFrame

/** How much a relay may grow by whatever one server does, in MiB. */
const bound = 96

const settings = 'response_timeout = "2s"'

/** A relay process with a good server, which still answers when the test is over. */
const besides = (test: (relay: RelayProgram) => Promise<void>) =>
  Effect.gen(function* () {
    const relay = yield* Harness.promised(() =>
      relayProgram(relayToml(["evil", "good", "victim"], settings)),
    )
    for (const transport of ["stream", "classic"] as const)
      yield* Harness.serverAt(relay.url, "good", Harness.echo, { transport })
    yield* Harness.promised(async () => {
      assert.strictEqual((await visit(relay, "/servers/good/before")).status, 200)
      await test(relay)
      assert.strictEqual((await visit(relay, "/servers/good/after")).status, 200)
      assert.isFalse(relay.hasEnded(), relay.said())
    })
  })

const ask = async (to: Address, target: string): Promise<RawHttp> => {
  const visitor = await RawHttp.connect(to)
  await visitor.send(`GET ${target} HTTP/1.1`, [["Host", "app.test"]])
  return visitor
}

const visit = async (to: Address, target: string): Promise<RawResponse> => {
  const visitor = await ask(to, target)
  const answer = await visitor.readResponse()
  visitor.socket.destroy()
  return answer
}

/** What a visitor is left with: a status, or the way the connection broke after the head. */
const outcome = async (visitor: RawHttp): Promise<string> => {
  const { bytes, how } = await readAnswer(visitor)
  visitor.socket.destroy()
  const text = bytes.toString("latin1")
  return `${/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? "nothing"} ${how}`
}

const readAnswer = async (
  visitor: RawHttp,
): Promise<{ readonly bytes: Buffer; readonly how: string }> => {
  try {
    const answer = await visitor.readResponse()
    return { bytes: Buffer.from(`HTTP/1.1 ${answer.status}\r\n\r\n${answer.text}`), how: "whole" }
  } catch {
    const { bytes, how } = await visitor.readRest()
    return { bytes, how: how === "reset" ? "broken" : "ended" }
  }
}

const none = Buffer.alloc(0)
const good = responseHead(200, [["Content-Type", "text/plain"]])

const answered = (stream: number, head: Uint8Array, body: string | Uint8Array = "") =>
  rawFrame(type.response, stream, Buffer.concat([head, Buffer.from(body)]), {
    flags: StreamFrame.flagEnd,
  })

describe("a server that speaks stream", () => {
  const heads: ReadonlyArray<readonly [what: string, head: Uint8Array]> = [
    ["CR LF in a value", responseHead(200, [["X", "a\r\nSet-Cookie: b=c"]])],
    ["LF in a value", responseHead(200, [["X", "a\nb"]])],
    ["NUL in a value", responseHead(200, [["X", "a\0b"]])],
    ["CR LF in a name", responseHead(200, [["X\r\nSet-Cookie", "a"]])],
    ["an empty name", responseHead(200, [["", "a"]])],
    ["a colon in a name", responseHead(200, [["X:", "a"]])],
    ...[0, 1, 99, 100, 101, 103, 199, 1000, 65535].map(
      (status) => [`status ${status}`, responseHead(status, [])] as const,
    ),
    [
      "two lengths",
      responseHead(200, [
        ["Content-Length", "1"],
        ["content-length", "2"],
      ]),
    ],
    ["a length that is no number", responseHead(200, [["Content-Length", "abc"]])],
    ["a head of three bytes", Buffer.from([0, 0, 0])],
    ["a head that is longer than its frame", Buffer.from([0, 0xff, 0xff, 0xff, 1, 2, 3])],
    ["a head of a size beyond all numbers", Buffer.from([0xff, 0xff, 0xff, 0xff])],
    [
      "65,535 fields that are not there",
      Buffer.from("0000000effffffffffff00c800000000ffff", "hex"),
    ],
    [
      "a head with something behind it",
      Buffer.concat([Buffer.from([0, 0, 0, 15]), good.subarray(4, 18), Buffer.from("x")]),
    ],
  ]

  it.live("and illegal heads: each visitor gets a 502, and the link goes on", () =>
    besides(async (relay) => {
      const peer = await StreamPeer.connect(relay, "evil")
      for (const [what, head] of heads) {
        const visitor = await ask(relay, "/servers/evil/x")
        const { stream } = await peer.request()
        peer.say(answered(stream, head))
        const answer = await visitor.readResponse()
        assert.strictEqual(answer.status, 502, what)
        assert.match(answer.text, /PTTH_BAD_ANSWER/, what)
        assert.isUndefined(answer.header("set-cookie"), what)
      }
      const last = ask(relay, "/servers/evil/x")
      peer.say(answered((await peer.request()).stream, good, "fine"))
      assert.strictEqual((await (await last).readResponse()).text, "fine")
    }),
  )

  it.live("and tells its frames in a wrong order: never more than an honest error", () =>
    besides(async (relay) => {
      const peer = await StreamPeer.connect(relay, "evil")
      const orders: ReadonlyArray<
        readonly [what: string, expected: RegExp, frames: (stream: number) => ReadonlyArray<Buffer>]
      > = [
        ["a body before its head", /^502 whole/, (s) => [rawFrame(type.data, s, Buffer.from("x"))]],
        [
          "the end before the head",
          /^502 whole/,
          (s) => [rawFrame(type.data, s, none, { flags: 1 }), rawFrame(type.response, s, good)],
        ],
        ["trailers before the head", /^502 whole/, (s) => [rawFrame(type.end, s, none)]],
        [
          "credit nobody asked for, then an answer",
          /^200 whole/,
          (s) => [
            rawFrame(type.credit, s, Buffer.from("ffffffff", "hex")),
            rawFrame(type.credit, s, Buffer.from("ffffffff", "hex")),
            answered(s, good),
          ],
        ],
        [
          "two answers",
          /^(200|nothing) broken/,
          (s) => [rawFrame(type.response, s, good), rawFrame(type.response, s, good)],
        ],
        [
          "fewer bytes than promised",
          /^(200|nothing) broken/,
          (s) => [
            rawFrame(type.response, s, responseHead(200, [["Content-Length", "10"]], 10)),
            rawFrame(type.data, s, Buffer.from("short"), { flags: 1 }),
          ],
        ],
        [
          "more bytes than promised",
          /^(200|nothing) broken/,
          (s) => [
            rawFrame(type.response, s, responseHead(200, [["Content-Length", "4"]], 4)),
            rawFrame(type.data, s, Buffer.from("goodHTTP/1.1 200 OK\r\n\r\n"), { flags: 1 }),
          ],
        ],
        [
          "other lengths in head and field",
          /^(200|nothing) broken/,
          (s) => [
            rawFrame(type.response, s, responseHead(200, [["Content-Length", "4"]], 9)),
            rawFrame(type.data, s, Buffer.from("123456789"), { flags: 1 }),
          ],
        ],
        [
          "illegal trailers",
          /^(200|nothing) broken/,
          (s) => [
            rawFrame(type.response, s, good),
            rawFrame(type.data, s, Buffer.from("x")),
            rawFrame(type.end, s, responseHead(0, [["X", "a\r\nb: c"]]).subarray(4)),
          ],
        ],
      ]
      let link = peer
      for (const [what, expected, frames] of orders) {
        if (link.isClosed) link = await StreamPeer.connect(relay, "evil")
        const visitor = await ask(relay, "/servers/evil/x")
        const { stream } = await link.request()
        link.say(...frames(stream))
        assert.match(await outcome(visitor), expected, what)
      }
    }),
  )

  it.live("and answers after its time: 504, and the answer is nobody's", () =>
    besides(async (relay) => {
      const peer = await StreamPeer.connect(relay, "evil")
      const visitor = await ask(relay, "/servers/evil/x")
      const { stream } = await peer.request()
      assert.strictEqual((await visitor.readResponse()).status, 504)
      peer.say(answered(stream, good, "late"))
      await visitor.send("GET /servers/evil/y HTTP/1.1", [["Host", "app.test"]])
      peer.say(answered((await peer.request(1)).stream, good, "in time"))
      assert.strictEqual((await visitor.readResponse()).text, "in time")
    }),
  )

  it.live("and breaks the framing: its link ends, whatever it sends", () =>
    besides(async (relay) => {
      const broken: ReadonlyArray<readonly [what: string, send: (peer: StreamPeer) => void]> = [
        ["no hello", (peer) => peer.say(rawFrame(type.ping, 0, Buffer.alloc(4)))],
        ["a hello that is cut short", (peer) => peer.say(rawFrame(type.hello, 0, Buffer.alloc(3)))],
        [
          "a frame that announces 4 GiB",
          (peer) => peer.say(rawFrame(type.response, 1, none, { says: 0xffff_ffff })),
        ],
        [
          "a reset of no reason it knows",
          (peer) =>
            peer.say(
              StreamFrame.hello({ version: 1, maxStreams: 1, window: 1, publicUrl: "" }),
              rawFrame(type.reset, 1, Buffer.from("ffffffff", "hex")),
            ),
        ],
        ["a text message", (peer) => peer.socket.send("\xff".repeat(12))],
        ["a message above 4 MiB", (peer) => peer.socket.send(Buffer.alloc(5 * 1024 * 1024))],
        [
          "a WebSocket frame that claims to be packed",
          (peer) => void peer.raw.write(Buffer.from([0xc2, 0x80, 0, 0, 0, 0])),
        ],
        [
          "a WebSocket frame without a mask",
          (peer) => void peer.raw.write(Buffer.from([0x82, 0x01, 0x00])),
        ],
        [
          "a WebSocket frame of 2^63 bytes",
          (peer) => void peer.raw.write(Buffer.from("82ffffffffffffffffff00000000", "hex")),
        ],
        [
          "no WebSocket at all",
          (peer) => void peer.raw.write(Buffer.from("GET / HTTP/1.1\r\n\r\n")),
        ],
        [
          "a thousand fragments",
          (peer) => {
            peer.raw.write(Buffer.from([0x02, 0x81, 0, 0, 0, 0, 0]))
            for (let i = 0; i < 1_000; i++) peer.raw.write(Buffer.from([0x00, 0x81, 0, 0, 0, 0, 0]))
          },
        ],
      ]
      for (const [what, send] of broken) {
        const peer = await StreamPeer.connect(relay, "evil", { hello: false })
        send(peer)
        await peer.until(`the link ends: ${what}`, () => peer.isClosed)
      }
    }),
  )
})

describe("a server that speaks classic", () => {
  const packed: ReadonlyArray<readonly [what: string, bytes: Buffer]> = [
    ["an array of 4 billion", Buffer.from("ddffffffff", "hex")],
    ["a map of 4 billion", Buffer.from("dfffffffff", "hex")],
    ["a text of 4 GB", Buffer.from("dbffffffff", "hex")],
    ["bytes of 4 GB", Buffer.from("c6ffffffff", "hex")],
    ["100,000 arrays in each other", Buffer.alloc(100_000, 0x91)],
    ["100,000 maps in each other", Buffer.alloc(100_000, 0x81)],
    [
      "100,000 empty arrays",
      Buffer.concat([Buffer.from("dd000186a0", "hex"), Buffer.alloc(100_000, 0x90)]),
    ],
    ["an extension", Buffer.from("c7ff01", "hex")],
    ["a time", Buffer.from("d6ff00000000", "hex")],
    ["a type that is none", Buffer.from("c1", "hex")],
    ["the text __proto__ as a head", Buffer.from("a95f5f70726f746f5f5f", "hex")],
    ["a map with __proto__", Buffer.from("81a95f5f70726f746f5f5f90", "hex")],
    ["nothing", Buffer.alloc(0)],
  ]

  it.live("and MessagePack bombs as heads of classic 2: each visitor gets a 502", () =>
    besides(async (relay) => {
      const peer = new ClassicPeer(relay, "evil")
      for (const [what, bytes] of packed) {
        const visitor = await ask(relay, "/servers/evil/x")
        const post = await peer.respond(await peer.listen(), framed(bytes))
        assert.strictEqual((await visitor.readResponse()).status, 502, what)
        assert.strictEqual((await post.readResponse()).status, 400, what)
      }
    }),
  )

  it.live("and bombs in the magic header of classic 1: refused, and the visitor gets 504", () =>
    besides(async (relay) => {
      const peer = new ClassicPeer(relay, "evil", { dialect: 1 })
      const visitor = await ask(relay, "/servers/evil/x")
      const id = await peer.listen()
      const bombs = [
        ...packed.map(([, bytes]) => bytes.subarray(0, 30_000).toString("base64")),
        "A".repeat(60_000),
        "%%%",
        "=".repeat(100),
      ]
      for (const magic of bombs) {
        const post = await peer.respond(id, Buffer.alloc(0), [["X-PTTH-2LJYXWC4", magic]])
        assert.include([400, 502], (await post.readResponse()).status, magic.slice(0, 20))
      }
      const huge = await peer.respond(id, Buffer.alloc(0), [
        ["X-PTTH-2LJYXWC4", "A".repeat(100_000)],
      ])
      assert.strictEqual((await huge.readResponse()).status, 431)
      assert.strictEqual((await visitor.readResponse()).status, 504)
    }),
  )

  it.live("and another server's id: 403, and its visitor gets the right answer", () =>
    besides(async (relay) => {
      const evil = new ClassicPeer(relay, "evil")
      const victim = new ClassicPeer(relay, "victim")
      const visitor = await ask(relay, "/servers/victim/x")
      const id = await victim.listen()
      const forged = await evil.respond(id, answerOf(200, [], "forged"))
      assert.strictEqual((await forged.readResponse()).status, 403)
      assert.strictEqual((await evil.fetch(id)).status, 403)
      const right = await victim.respond(id, answerOf(200, [], "right"))
      assert.strictEqual((await visitor.readResponse()).text, "right")
      assert.strictEqual((await right.readResponse()).text, "StreamFinished\n")
      for (const peer of [victim, evil]) {
        const again = await peer.respond(id, answerOf(200, [], "again"))
        assert.include([400, 502], (await again.readResponse()).status)
      }
    }),
  )

  it.live("and a head that comes byte by byte: nobody else waits for it", () =>
    besides(async (relay) => {
      const peer = new ClassicPeer(relay, "evil")
      const visitor = await ask(relay, "/servers/evil/x")
      const id = await peer.listen()
      const post = await RawHttp.connect(relay)
      await post.send(`POST /7ZSFUKGV/http_response/${id} HTTP/1.1`, [
        ...peer.fields,
        ["Transfer-Encoding", "chunked"],
      ])
      const size = Buffer.alloc(4)
      size.writeUInt32BE(250_000)
      const byte = Buffer.from("1\r\nx\r\n")
      const dribble = Buffer.concat(Array.from({ length: 250_000 }, () => byte))
      void post.write(Buffer.concat([Buffer.from("4\r\n"), size, Buffer.from("\r\n"), dribble]))
      // 504 where the machine is too busy to read so many chunks within the time for a response.
      assert.include([502, 504], (await visitor.readResponse()).status)
    }),
  )

  it.live.skipIf(unseen !== undefined)(
    "and listens without end on one connection: memory stays bounded",
    () =>
      besides(async (relay) => {
        const before = relay.memory()
        for (const dialect of [1, 2] as const) {
          const peer = new ClassicPeer(relay, "evil", { dialect })
          const connection = await RawHttp.connect(relay)
          const listen = peer.listenBytes()
          const many = Buffer.concat(Array.from({ length: 1_000 }, () => listen))
          for (let i = 0; i < 50; i++) {
            if (connection.isOver) break
            void connection.write(many)
            await visit(relay, "/servers/good/meanwhile")
          }
        }
        assert.isBelow(relay.memory() - before, bound)
      }),
  )

  it.live.skipIf(unseen !== undefined)(
    "and says with each listen that it is another process: memory stays bounded",
    () =>
      besides(async (relay) => {
        const before = relay.memory()
        const connection = await RawHttp.connect(relay)
        connection.socket.resume()
        for (let i = 0; i < 40; i++) {
          if (connection.isOver) break
          const many = Array.from({ length: 500 }, (_, n) =>
            new ClassicPeer(relay, "evil", { instance: `instance ${i} ${n}` }).listenBytes(),
          )
          await connection.write(Buffer.concat(many))
        }
        await visit(relay, "/servers/good/meanwhile")
        assert.isBelow(relay.memory() - before, bound)
      }),
  )
})
