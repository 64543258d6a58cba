/**
 * The frames of stream: the codec accepts exactly what the schemas accept,
 * however the bytes are cut.
 */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as StreamFrame from "../../src/protocol/StreamFrame.ts"
import { maxHead } from "../../src/protocol/Wire.ts"
import type { WireError } from "../../src/protocol/WireError.ts"
import { FrameParser } from "../../src/transport/mux/FrameParser.ts"
import { Edits, mutate } from "./Mutation.ts"

type Frame = StreamFrame.Frame

interface Parsed {
  /** Consecutive data frames of a stream are joined. */
  readonly frames: ReadonlyArray<Frame>
  readonly illegal: ReadonlyArray<string>
  readonly fault: WireError | undefined
}

/** Parses bytes that arrive in pieces of the sizes `cuts`, repeated. */
const parse = (bytes: Buffer, cuts: ReadonlyArray<number> = []): Parsed => {
  const frames: Array<Frame> = []
  const illegal: Array<string> = []
  const parser = new FrameParser({
    frame: (frame) => frames.push(frame),
    data: (stream, part, end) => {
      const last = frames.at(-1)
      if (last?._tag === "Data" && last.stream === stream && !last.end)
        frames[frames.length - 1] = {
          ...last,
          bytes: Buffer.concat([last.bytes, part]),
          end,
        }
      else frames.push({ _tag: "Data", stream, bytes: Buffer.from(part), end })
    },
    illegal: (_kind, _stream, error) => illegal.push(error.detail),
  })
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const size = cuts.length === 0 ? bytes.length : (cuts[i % cuts.length] as number)
    const fault = parser.feed(Buffer.from(bytes.subarray(at, at + size)))
    if (fault !== undefined) return { frames, illegal, fault }
    at += size
  }
  return { frames, illegal, fault: undefined }
}

/** The frame with its bytes as numbers, so that a Buffer equals a Uint8Array. */
const comparable = (frame: Frame) =>
  "bytes" in frame && typeof frame.bytes !== "number"
    ? { ...frame, bytes: [...frame.bytes] }
    : frame

/** The frames that a parser reports: not an empty data frame that does not end its stream. */
const reported = (frames: ReadonlyArray<Frame>): ReadonlyArray<Frame> =>
  frames.filter((frame) => frame._tag !== "Data" || frame.end || frame.bytes.length > 0)

/** The frames with each data frame on its own stream, so that the parser joins none. */
const onOwnStreams = (frames: ReadonlyArray<Frame>): ReadonlyArray<Frame> =>
  frames.map((frame, i) => (frame._tag === "Data" ? { ...frame, stream: i + 1 } : frame))

const Frames = Schema.Array(StreamFrame.Frame).check(Schema.isMaxLength(8))
const Cuts = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 40 }))).check(
  Schema.isMinLength(1),
)

const knownTypes: ReadonlyArray<number> = Object.values(StreamFrame.type)
const unknownTypes = Array.from({ length: 256 }, (_, kind) => kind).filter(
  (kind) => !knownTypes.includes(kind),
)

const header = (kind: number, flags: number, stream: number, length: number): Buffer => {
  const bytes = Buffer.alloc(StreamFrame.headerBytes)
  bytes[0] = kind
  bytes[1] = flags
  bytes.writeUInt32BE(stream, 4)
  bytes.writeUInt32BE(length, 8)
  return bytes
}

describe("frames", () => {
  it.prop(
    "that the schema accepts are read back, however their bytes are cut",
    [Frames, Cuts],
    ([given, cuts]) => {
      const frames = onOwnStreams(given)
      const parsed = parse(Buffer.concat(frames.map(StreamFrame.encode)), cuts)
      assert.isUndefined(parsed.fault)
      assert.deepStrictEqual(parsed.illegal, [])
      assert.deepStrictEqual(parsed.frames.map(comparable), reported(frames).map(comparable))
    },
    { arbitrary: { runs: 300 } },
  )

  it.prop(
    "from arbitrary bytes are ones that the schema accepts, and nothing is thrown",
    [Schema.Uint8Array, Cuts],
    ([noise, cuts]) => {
      const parsed = parse(Buffer.from(noise), cuts)
      if (parsed.fault !== undefined) assert.strictEqual(parsed.fault._tag, "WireError")
      for (const frame of parsed.frames) assert.isTrue(Schema.is(StreamFrame.Frame)(frame))
    },
    { arbitrary: { runs: 300 } },
  )

  it.prop(
    "with an arbitrary payload are decoded only if the schema accepts them",
    [Schema.Natural, Schema.Natural, Schema.Natural, Schema.Uint8Array],
    ([kind, flags, stream, payload]) => {
      const read = StreamFrame.decode(kind % 18, flags % 4, stream % 3, Buffer.from(payload))
      if (Result.isFailure(read)) assert.strictEqual(read.failure._tag, "WireError")
      else if (read.success !== undefined)
        assert.isTrue(Schema.is(StreamFrame.Frame)(read.success), JSON.stringify(read.success))
    },
    { arbitrary: { runs: 500 } },
  )

  it.prop(
    "from changed bytes are ones that the schema accepts, and nothing is thrown",
    [Frames, Edits, Cuts],
    ([frames, edits, cuts]) => {
      const parsed = parse(mutate(Buffer.concat(frames.map(StreamFrame.encode)), edits), cuts)
      if (parsed.fault !== undefined) assert.strictEqual(parsed.fault._tag, "WireError")
      for (const frame of parsed.frames) assert.isTrue(Schema.is(StreamFrame.Frame)(frame))
    },
    { arbitrary: { runs: 500 } },
  )

  it.prop(
    "with a changed payload are decoded only if the schema accepts them",
    [StreamFrame.Frame, Edits],
    ([frame, edits]) => {
      const bytes = StreamFrame.encode(frame)
      const payload = mutate(bytes.subarray(StreamFrame.headerBytes), edits)
      const decoded = StreamFrame.decode(
        bytes.readUInt8(0),
        bytes.readUInt8(1),
        bytes.readUInt32BE(4),
        payload,
      )
      if (Result.isFailure(decoded)) assert.strictEqual(decoded.failure._tag, "WireError")
      else assert.isTrue(Schema.is(StreamFrame.Frame)(decoded.success))
    },
    { arbitrary: { runs: 1000 } },
  )

  it.prop(
    "of unknown type are skipped, whatever their payload and position",
    [Schema.Uint8Array, Schema.Natural, Cuts],
    ([payload, kind, cuts]) => {
      const unknown = unknownTypes[kind % unknownTypes.length] as number
      const bytes = Buffer.concat([
        StreamFrame.ping(1),
        header(unknown, 0xff, kind >>> 0, payload.length),
        payload,
        StreamFrame.ping(2),
      ])
      const parsed = parse(bytes, cuts)
      assert.isUndefined(parsed.fault)
      assert.deepStrictEqual(parsed.frames, [
        { _tag: "Ping", nonce: 1 },
        { _tag: "Ping", nonce: 2 },
      ])
    },
  )

  it("above the size limit are refused from their first twelve bytes", () => {
    for (let kind = 0; kind < 256; kind++) {
      const most = kind === StreamFrame.type.data ? StreamFrame.maxData : StreamFrame.maxControl
      const { fault } = parse(header(kind, 0, 1, most + 1))
      assert.strictEqual(fault?.detail, "a frame is too large", `type ${kind}`)
      assert.isUndefined(parse(header(kind, 0, 1, most)).fault, `type ${kind}`)
    }
  })

  it("on the wrong stream are refused", () => {
    const { type } = StreamFrame
    const ofLink: ReadonlyArray<number> = [
      type.hello,
      type.ping,
      type.pong,
      type.drain,
      type.clock,
      type.relays,
    ]
    for (const kind of Object.values(type)) {
      const stream = ofLink.includes(kind) ? 7 : 0
      const { fault, frames } = parse(
        Buffer.concat([header(kind, 0, stream, 4), Buffer.from([0, 0, 0, 0])]),
      )
      assert.strictEqual(fault?.detail, "a frame is on the wrong stream", `type ${kind}`)
      assert.deepStrictEqual(frames, [])
    }
  })

  it("with a number that does not have four bytes, or a hello that is cut short, are refused", () => {
    const { type } = StreamFrame
    for (const kind of [type.credit, type.reset])
      for (const size of [0, 3, 5])
        assert.isDefined(parse(Buffer.concat([header(kind, 0, 1, size), Buffer.alloc(size)])).fault)
    for (const kind of [type.ping, type.pong, type.hello])
      for (const size of [0, 3, 11])
        assert.isDefined(parse(Buffer.concat([header(kind, 0, 0, size), Buffer.alloc(size)])).fault)
    const unknownReason = Buffer.concat([header(type.reset, 0, 1, 4), Buffer.from([0, 0, 0, 99])])
    assert.isDefined(parse(unknownReason).fault)
  })

  it("with an illegal head affect only their stream", () => {
    const heads: ReadonlyArray<Frame> = [
      {
        _tag: "Response",
        stream: 5,
        head: { status: 99, headers: [] },
        bytes: Buffer.alloc(0),
        end: true,
      },
      {
        _tag: "Response",
        stream: 5,
        head: { status: 200, headers: [["x", "a\r\nb: c"]] },
        bytes: Buffer.alloc(0),
        end: true,
      },
      {
        _tag: "Request",
        stream: 5,
        head: { method: "GET", target: "no-slash", headers: [] },
        bytes: Buffer.alloc(0),
        end: true,
        held: false,
      },
      {
        _tag: "Request",
        stream: 5,
        head: { method: "G T", target: "/", headers: [] },
        bytes: Buffer.alloc(0),
        end: true,
        held: false,
      },
      { _tag: "End", stream: 5, trailers: [["bad name", "x"]] },
    ]
    for (const frame of heads) {
      const parsed = parse(Buffer.concat([StreamFrame.encode(frame), StreamFrame.ping(3)]))
      assert.isUndefined(parsed.fault)
      assert.strictEqual(parsed.illegal.length, 1, JSON.stringify(frame))
      assert.deepStrictEqual(parsed.frames, [{ _tag: "Ping", nonce: 3 }])
    }
  })

  it("with lengths in the head that exceed the head affect only their stream", () => {
    const head = Buffer.alloc(14)
    head.writeUInt16BE(0xffff, 12)
    const size = Buffer.alloc(4)
    size.writeUInt32BE(head.length)
    const request = Buffer.concat([
      header(StreamFrame.type.request, 1, 1, 4 + head.length),
      size,
      head,
    ])
    assert.deepStrictEqual(parse(request).illegal, ["a head is cut short"])
    size.writeUInt32BE(0xffff_ffff)
    const longer = Buffer.concat([
      header(StreamFrame.type.request, 1, 1, 4 + head.length),
      size,
      head,
    ])
    assert.deepStrictEqual(parse(longer).illegal, ["a head is cut short"])
  })

  it("are collected in memory of their declared size, once", () => {
    const parser = new FrameParser({ frame: () => {}, data: () => {}, illegal: () => {} })
    const before = process.memoryUsage().arrayBuffers
    assert.isUndefined(parser.feed(header(StreamFrame.type.request, 0, 1, StreamFrame.maxControl)))
    const byte = Buffer.alloc(1)
    let faults = 0
    for (let i = 1; i < StreamFrame.maxControl; i++)
      if (parser.feed(byte) !== undefined) faults += 1
    assert.strictEqual(faults, 0)
    assert.isAtMost(process.memoryUsage().arrayBuffers - before, 2 * StreamFrame.maxControl)
  })
})

describe("a hello", () => {
  const hello = (publicUrl: string): StreamFrame.Hello => ({
    _tag: "Hello",
    version: 1,
    maxStreams: 1,
    window: 1,
    publicUrl,
  })

  it("has a public URL of visible ASCII up to the limit", () => {
    const { maxPublicUrl } = StreamFrame
    for (const url of ["", "https://relay.example/", "u".repeat(maxPublicUrl)])
      assert.deepStrictEqual(parse(StreamFrame.encode(hello(url))).frames, [hello(url)])
    for (const url of ["a b", "\x7f", "\xe9", "a\n", "u".repeat(maxPublicUrl + 1)])
      assert.match(
        parse(StreamFrame.encode(hello(url))).fault?.detail ?? "",
        /^a hello is illegal: .*publicUrl/s,
      )
  })
})

describe("heads", () => {
  it("are accepted up to the limit, in requests, responses and trailers alike", () => {
    const fields = (size: number) => [["x", "v".repeat(size)]] as const
    const most = maxHead - 14 - 6 - 1
    for (const size of [most, most + 1]) {
      const isAccepted = size === most
      const frames: ReadonlyArray<Frame> = [
        { _tag: "End", stream: 1, trailers: fields(size) },
        {
          _tag: "Response",
          stream: 1,
          head: { status: 200, headers: fields(size) },
          bytes: Buffer.alloc(0),
          end: true,
        },
        {
          _tag: "Request",
          stream: 1,
          head: { method: "GET", target: "/", headers: fields(size - 4) },
          bytes: Buffer.alloc(0),
          end: true,
          held: false,
        },
      ]
      for (const frame of frames) {
        assert.strictEqual(Schema.is(StreamFrame.Frame)(frame), isAccepted, frame._tag)
        const parsed = parse(StreamFrame.encode(frame))
        assert.strictEqual(parsed.frames.length === 1, isAccepted, frame._tag)
        assert.strictEqual(parsed.illegal.length === 0, isAccepted, frame._tag)
      }
    }
  })

  it("are sent only if they can be read back", () => {
    const value = (size: number) => [["x", "v".repeat(size)]] as const
    const around = maxHead - 4 - 14 - 6 - 1
    for (const size of [around - 1, around, around + 1]) {
      const head = { status: 200, headers: value(size) }
      assert.strictEqual(StreamFrame.fitsResponse(head), size <= around)
      assert.strictEqual(StreamFrame.fitsEnd(value(size)), size <= around)
      assert.strictEqual(
        StreamFrame.fitsRequest({ method: "GET", target: "/", headers: value(size - 4) }),
        size <= around,
      )
    }
    const most = { status: 200, headers: value(around) }
    const parsed = parse(
      StreamFrame.response(1, most, Buffer.alloc(64 * 1024), StreamFrame.flagEnd, 64 * 1024),
    )
    assert.isUndefined(parsed.fault)
    assert.strictEqual(parsed.frames.length, 1)
  })

  it("with a name that is too long, too many fields or an illegal status are not sent", () => {
    assert.isFalse(StreamFrame.fitsEnd([["n".repeat(0x1_0000), ""]]))
    assert.isTrue(StreamFrame.fitsEnd([["n".repeat(0xffff), ""]]))
    assert.isFalse(StreamFrame.fitsEnd(Array.from({ length: 0x1_0000 }, () => ["n", ""] as const)))
    for (const status of [0, 99, 100, 102, 199, 1000, 1e6, -1, 200.5, Number.NaN])
      assert.isFalse(StreamFrame.fitsResponse({ status, headers: [] }), `${status}`)
    for (const status of [101, 200, 599, 999])
      assert.isTrue(StreamFrame.fitsResponse({ status, headers: [] }), `${status}`)
  })

  it("declare a length that has no room as unknown", () => {
    for (const length of [2 ** 48 - 1, 2 ** 48, 999_999_999_999_999]) {
      const bytes = StreamFrame.response(
        1,
        { status: 200, headers: [] },
        Buffer.alloc(0),
        0,
        length,
      )
      assert.notProperty(parse(bytes).frames[0], "length")
    }
  })
})

const vectors = JSON.parse(
  readFileSync(new URL("../fixtures/stream-vectors.json", import.meta.url), "utf8"),
) as ReadonlyArray<{ readonly name: string; readonly frame: unknown; readonly hex: string }>

/** The fixture has bytes as hex digits. */
const Vector = Schema.Struct({
  bytes: Schema.optionalKey(Schema.Union([Schema.String, Schema.Number])),
})

const frameOf = (json: unknown): Frame => {
  const { bytes } = Schema.decodeUnknownSync(Vector)(json)
  const whole = typeof bytes === "string" ? { bytes: Buffer.from(bytes, "hex") } : {}
  return Schema.decodeUnknownSync(Schema.toType(StreamFrame.Frame))({
    ...(json as object),
    ...whole,
  })
}

describe("the test vectors", () => {
  it("have every type of frame, every flag and every reason of a reset", () => {
    const frames = vectors.map(({ frame }) => frameOf(frame))
    for (const kind of Object.keys(StreamFrame.type))
      assert.isTrue(
        frames.some((frame) => frame._tag.toLowerCase() === kind),
        kind,
      )
    const reasons = frames.flatMap((frame) => (frame._tag === "Reset" ? [frame.reason] : []))
    assert.sameMembers(reasons, [...StreamFrame.ResetReason.literals])
    assert.isTrue(frames.some((frame) => frame._tag === "Request" && frame.held))
  })

  for (const { frame, hex, name } of vectors)
    it(`say how ${name} is written`, () => {
      const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex")
      assert.strictEqual(StreamFrame.encode(frameOf(frame)).toString("hex"), bytes.toString("hex"))
      assert.deepStrictEqual(parse(bytes, [1]).frames.map(comparable), [comparable(frameOf(frame))])
    })
})
