/**
 * `docs/protocol.md` says what the schemas and codecs do: its tables, its limits
 * and its test vectors.
 */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { isRequestId, type RequestId } from "../../src/domain/RequestId.ts"
import type { ServerName } from "../../src/domain/ServerName.ts"
import type { Tripcode } from "../../src/domain/Tripcode.ts"
import * as Classic1 from "../../src/protocol/Classic1.ts"
import * as Classic2 from "../../src/protocol/Classic2.ts"
import type { ListenAnswer, ResponseHead } from "../../src/protocol/Message.ts"
import * as PeerFrame from "../../src/protocol/peer/PeerFrame.ts"
import * as StreamFrame from "../../src/protocol/StreamFrame.ts"
import * as Wire from "../../src/protocol/Wire.ts"

const doc = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8")

/** The cells of the first table with this header line, behind a heading if one is given. */
const table = (head: string, heading = ""): ReadonlyArray<ReadonlyArray<string>> => {
  const start = doc.indexOf(`\n${head}\n`, doc.indexOf(heading))
  assert.isAtLeast(start, 0, `docs/protocol.md has no table ${head}`)
  const [, , ...rows] = (doc.slice(start + 1).split("\n\n", 1)[0] as string).split("\n")
  return rows.map((row) => row.slice(2, -2).split(" | "))
}

const units: Readonly<Record<string, number>> = { "": 1, s: 1000, KiB: 1024, MiB: 1024 ** 2 }

/** A value of the table of limits, such as `16 KiB`, as the code has it. */
const amount = (text: string): number => {
  const [count, unit = ""] = text.split(" ")
  return Number(count) * (units[unit] ?? Number.NaN)
}

/** The bytes of a ```hex block of the document. */
const vector = (name: string): Buffer => {
  const block = new RegExp(`^\`\`\`hex ${name}\\n(.*?)^\`\`\``, "ms").exec(doc)?.[1]
  assert.isDefined(block, `docs/protocol.md has no vector ${name}`)
  const digits = block.replaceAll(/#.*$/gm, "").replaceAll(/\s/g, "")
  assert.match(digits, /^(?:[0-9a-f]{2})+$/)
  return Buffer.from(digits, "hex")
}

const id = (text: string): RequestId => {
  if (!isRequestId(text)) throw new Error(`${text} is not a request id`)
  return text
}

const answer: ListenAnswer = [
  {
    _tag: "Offer",
    id: id("01JD8Q6Z7M4V9C2K5T8XWNRE3A"),
    head: {
      method: "GET",
      target: "/files/a.txt?x=1",
      headers: [
        ["Host", "relay.example.com"],
        ["accept", "*/*"],
      ],
    },
    body: { _tag: "None" },
  },
  {
    _tag: "Offer",
    id: id("01JD8Q6Z7NB0F3H6Q9S1TVWXY4"),
    head: { method: "POST", target: "/notes", headers: [["Content-Length", "2"]] },
    body: { _tag: "Inline", bytes: Buffer.from("hi") },
  },
  {
    _tag: "Offer",
    id: id("01JD8Q6Z7P2D5G8J0M3N6R9SV7"),
    head: { method: "PUT", target: "/big", headers: [] },
    body: { _tag: "Fetch", length: 1024 ** 3 },
  },
  {
    _tag: "Offer",
    id: id("01JD8Q6Z7QE1H4K7N0P3S6V9X2"),
    head: { method: "PUT", target: "/endless", headers: [] },
    body: { _tag: "Fetch" },
  },
  { _tag: "Cancel", id: id("01JD8Q6Z7KAAAAAAAAAAAAAAAA") },
]

const head: ResponseHead = {
  status: 200,
  headers: [
    ["Content-Type", "text/plain"],
    ["Set-Cookie", "a=1"],
    ["Set-Cookie", "b=2"],
  ],
}

const frames: ReadonlyArray<readonly [name: string, frame: StreamFrame.Frame]> = [
  [
    "stream-hello",
    {
      _tag: "Hello",
      version: 1,
      maxStreams: 1024,
      window: 262_144,
      publicUrl: "https://relay.example.com",
    },
  ],
  [
    "stream-hello-connections",
    {
      _tag: "Hello",
      version: 1,
      maxStreams: 1024,
      window: 262_144,
      publicUrl: "",
      connections: true,
    },
  ],
  [
    "stream-request",
    {
      _tag: "Request",
      stream: 1,
      head: { method: "POST", target: "/notes", headers: [["Host", "relay.example.com"]] },
      bytes: Buffer.from("hi"),
      end: true,
      held: false,
      length: 2,
    },
  ],
  [
    "stream-upgrade",
    {
      _tag: "Request",
      stream: 1,
      head: {
        method: "POST",
        target: "/exec",
        headers: [
          ["Connection", "Upgrade"],
          ["Upgrade", "tcp"],
        ],
      },
      bytes: Buffer.from("hi"),
      end: false,
      held: true,
    },
  ],
  [
    "stream-response",
    {
      _tag: "Response",
      stream: 1,
      head: { status: 200, headers: [["Content-Type", "text/plain"]] },
      bytes: Buffer.alloc(0),
      end: false,
    },
  ],
  ["stream-data", { _tag: "Data", stream: 1, bytes: Buffer.from("hello"), end: false }],
  ["stream-end", { _tag: "End", stream: 1, trailers: [["X-Sum", "5"]] }],
  ["stream-credit", { _tag: "Credit", stream: 1, bytes: 131_072 }],
  ["stream-reset", { _tag: "Reset", stream: 3, reason: "cancelled" }],
  ["stream-ping", { _tag: "Ping", nonce: 0 }],
  ["stream-drain", { _tag: "Drain" }],
  [
    "stream-interim",
    {
      _tag: "Interim",
      stream: 1,
      head: { status: 103, headers: [["Link", "</a.css>; rel=preload"]] },
    },
  ],
  ["stream-relays", { _tag: "Relays", links: 3, machines: [["one.0", "one.1"], ["two.0"]] }],
]

const peerFrames: ReadonlyArray<readonly [name: string, frame: PeerFrame.PeerFrame]> = [
  [
    "peer-presence",
    {
      _tag: "Presence",
      sequence: 1,
      isFirst: true,
      isComplete: true,
      joined: [
        {
          name: "attic" as ServerName,
          instance: "i1",
          number: "0",
          tripcode: "A9rPwZyY89Ag4TJjMoyYA2NeGOm99Je6rq1s0rg8PfY=" as Tripcode,
          transport: "stream",
          openedAt: 0x0193_1d58_0000,
          program: "ptth",
        },
      ],
      left: [{ name: "attic" as ServerName, instance: "i1", number: "1" }],
    },
  ],
  [
    "peer-hop",
    {
      _tag: "Hop",
      stream: 1,
      name: "attic" as ServerName,
      millis: 30_000,
      trace: "",
      visitor: "v1",
    },
  ],
  [
    "peer-control",
    { _tag: "Control", id: 7, isReply: true, isPart: false, bytes: Buffer.from("null") },
  ],
  ["peer-failure", { _tag: "Failure", stream: 1, bytes: Buffer.from("{}") }],
  ["peer-placed", { _tag: "Placed", stream: 1, millis: 270 }],
]

describe("docs/protocol.md", () => {
  it("shows the bytes that the codec writes for its listen answer", () => {
    assert.strictEqual(
      Classic2.encodeListenAnswer(answer).toString("hex"),
      vector("listen-answer").toString("hex"),
    )
  })

  it("shows a listen answer that the codec reads as described", () => {
    assert.deepStrictEqual(
      Result.getOrThrow(Classic2.decodeListenAnswer(vector("listen-answer"))),
      answer,
    )
  })

  it("shows the bytes that the codec writes for its response head", () => {
    assert.strictEqual(
      Classic2.encodeResponseHead(head).toString("hex"),
      vector("response-head").toString("hex"),
    )
  })

  it("shows a response head that the codec reads as described", () => {
    const bytes = vector("response-head")
    assert.deepStrictEqual(
      Result.getOrThrow(Classic2.decodeResponseHead(Buffer.concat([bytes, Buffer.from("body")]))),
      { head, end: bytes.length },
    )
  })

  it("shows the bytes that the codec writes for each frame of stream, and reads them back", () => {
    for (const [name, frame] of frames) {
      const bytes = vector(name)
      assert.strictEqual(StreamFrame.encode(frame).toString("hex"), bytes.toString("hex"), name)
      const payload = bytes.subarray(StreamFrame.headerBytes)
      assert.strictEqual(bytes.readUInt32BE(8), payload.length)
      const read = StreamFrame.decode(
        bytes.readUInt8(0),
        bytes.readUInt8(1),
        bytes.readUInt32BE(4),
        payload,
      )
      assert.deepStrictEqual(Result.getOrThrow(read), frame, name)
    }
  })

  it("shows frames between relays as the codec writes them, and reads them back", () => {
    for (const [name, frame] of peerFrames) {
      const bytes = vector(name)
      assert.strictEqual(PeerFrame.encode(frame).toString("hex"), bytes.toString("hex"), name)
      const [kind = 0] = bytes
      const read = PeerFrame.decode(kind, bytes.readUInt32BE(4), bytes.subarray(12))
      assert.deepStrictEqual(Result.getOrThrow(read), frame, name)
    }
  })

  it("has the frames between relays, with their numbers and fields", () => {
    const rows = table("| Type | Frame | Stream | Payload |", "### Between relays")
    assert.deepStrictEqual(
      rows.map(([kind, name]) => [name, Number(kind)]),
      Object.entries(PeerFrame.type),
    )
    assert.deepStrictEqual(
      rows.map(([, , stream]) => stream),
      ["0", "any", "0", "any", "any"],
    )
  })

  it("shows several answers as the codec writes and reads them", () => {
    const bytes = vector("answers")
    const given = [
      {
        id: id("01JD8Q6Z7M4V9C2K5T8XWNRE3A"),
        head: { status: 200, headers: [["Content-Length", "2"]] as const },
        bytes: Buffer.from("hi"),
      },
    ]
    assert.deepStrictEqual(Classic2.encodeAnswers(given), bytes)
    assert.deepStrictEqual(Result.getOrThrow(Classic2.decodeAnswers(bytes)), given)
  })

  it("has the frames of the schemas, with their numbers, streams and payloads", () => {
    const names = new Map(Object.entries(StreamFrame.type).map(([name, kind]) => [kind, name]))
    assert.deepStrictEqual(
      table("| Type | Frame | Stream | Payload |"),
      StreamFrame.layouts.map(({ payload, scope, type }) => [
        `${type}`,
        names.get(type as never) ?? "",
        scope === "link" ? "0" : "number",
        payload,
      ]),
    )
  })

  it("has every limit of the code, with its value, and no other", () => {
    const limits = [
      ...Object.entries(Wire),
      ...Object.entries(StreamFrame).filter(([name]) => name.startsWith("max")),
    ].filter(([, value]) => typeof value === "number")
    const rows = table("| Name | Value | Limit of |")
    assert.deepStrictEqual(
      Object.fromEntries(rows.map(([name = "", value = ""]) => [name.slice(1, -1), amount(value)])),
      Object.fromEntries(limits),
    )
  })

  it("has every header field of the protocol, and no other", () => {
    const rows = table("| Field | Where | Value |")
    assert.sameMembers(
      rows.map(([name = ""]) => name.slice(1, -1).toLowerCase()),
      Object.values(Wire.header),
    )
  })

  it("has the fields of each frame without a head in the order of the schema", () => {
    const { Credit, Drain, Hello, Ping, Pong, Reset } = StreamFrame
    for (const { fields } of [Hello, Credit, Reset, Ping, Pong, Drain]) {
      const name = fields._tag.schema.literal
      const row = table("| Type | Frame | Stream | Payload |").find(
        ([, frame]) => frame === name.toLowerCase(),
      )
      assert.deepStrictEqual(
        Array.from((row?.[3] ?? "").matchAll(/`(\w+)/g), ([, field]) => field),
        Object.keys(fields).filter((field) => field !== "_tag" && field !== "stream"),
        name,
      )
    }
  })

  it("has the methods and statuses of classic 1 in the order of their numbers", () => {
    const methods = Classic1.Method.literals.map((name, index) => `{ ${index}: nil } ${name}`)
    assert.include(doc, `= ${methods.join(" | ")}\n`)
    assert.include(doc, ` ${Classic1.ListedStatus.literals.join(" ")}\n`)
  })

  it("has every path and text of the protocol", () => {
    for (const path of [
      Wire.listenPath,
      Wire.responsePath,
      Wire.responsesPath,
      Wire.requestPath,
      Wire.streamPath,
    ])
      assert.include(doc, `${Wire.prefix}${path}`)
    for (const line of Object.values(Wire.text)) assert.include(doc, `\`${line.trim()}\``)
  })

  it("has the same limits in its text", () => {
    const text = doc.replaceAll(/\s+/g, " ")
    for (const sentence of [
      `${Wire.listenMillis / 1000} s have passed`,
      `instead of ${Wire.listenMillis / 1000} seconds`,
      `Bodies of up to ${Wire.maxInline / 1024} KiB`,
      `at most ${Wire.listenBatch} requests`,
      `about ${Wire.listenBatchBytes / 1024 ** 2} MiB of bodies`,
      `an answer above ${Wire.maxListenAnswer / 1024 ** 2} MiB`,
      `head above ${Wire.maxHead / 1024} KiB`,
      `A head of more than ${Wire.maxHead / 1024} KiB is refused`,
      `A head has at most ${Wire.maxHead / 1024} KiB`,
      `at most ${Wire.maxAcks} ids`,
      `a text of at most ${Wire.maxInstance} characters`,
      `of at most ${Wire.maxAnswerBody / 1024} KiB each`,
      `the POST has at most ${Wire.maxAnswers / 1024 ** 2} MiB`,
      `${StreamFrame.maxData / 1024 ** 2} MiB in a data frame`,
      `${StreamFrame.maxControl / 1024} KiB in any other`,
    ])
      assert.include(text, sentence)
    assert.strictEqual(Wire.maxParked, 8)
    assert.include(text, "up to eight listens parked")
    assert.strictEqual(Wire.maxLinkNumber, 8)
    assert.include(text, "(at most eight characters)")
  })
})
