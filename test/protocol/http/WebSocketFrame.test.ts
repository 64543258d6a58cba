/**
 * The reader and writer of WebSocket frames with every split into pieces, and illegal frames (RFC
 * 6455 5).
 */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Frame from "../../../src/protocol/http/WebSocketFrame.ts"

/** The result of reading bytes that arrive in pieces of at most `size`. */
const read = (bytes: Buffer, masked: boolean, size: number) => {
  const data: Array<Buffer> = []
  const controls: Array<readonly [number, string]> = []
  let fault: string | undefined
  const reader = new Frame.Reader(masked, {
    data: (piece) => data.push(Buffer.from(piece)),
    control: (kind, payload) => controls.push([kind, payload.toString("latin1")]),
  })
  for (let at = 0; at < bytes.length && fault === undefined; at += size)
    fault = reader.feed(Buffer.from(bytes.subarray(at, at + size)))
  return { data: Buffer.concat(data).toString("latin1"), controls, fault }
}

/** A frame as RFC 6455 5.2 defines it. */
const frame = (first: number, payload: Buffer, mask?: Buffer): Buffer => {
  const bit = mask === undefined ? 0 : 0x80
  const { length } = payload
  const size = Buffer.alloc(length < 126 ? 1 : length < 65_536 ? 3 : 9)
  if (length < 126) size[0] = bit | length
  else if (length < 65_536) {
    size[0] = bit | 126
    size.writeUInt16BE(length, 1)
  } else {
    size[0] = bit | 127
    size.writeBigUInt64BE(BigInt(length), 1)
  }
  const body = mask === undefined ? payload : payload.map((byte, i) => byte ^ (mask[i & 3] ?? 0))
  return Buffer.concat([Buffer.from([first]), size, mask ?? Buffer.alloc(0), body])
}

const Bytes = Schema.Uint8Array
const Size = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 40 }))
const Mask = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))).check(
  Schema.isMinLength(4),
  Schema.isMaxLength(4),
)

describe("a reader of WebSocket frames", () => {
  it.prop(
    "reads the bytes of messages, masked and fragmented or not, however they are cut",
    [Schema.Array(Bytes), Mask, Schema.Boolean, Size],
    ([parts, mask, masked, size]) => {
      const key = masked ? Buffer.from(mask) : undefined
      const frames = parts.flatMap((part, i) => {
        const bytes = Buffer.from(part)
        const half = bytes.length >> 1
        return i % 2 === 0
          ? [frame(0x82, bytes, key)]
          : [
              frame(0x02, bytes.subarray(0, half), key),
              frame(0x89, Buffer.from("ping"), key),
              frame(0x80, bytes.subarray(half), key),
            ]
      })
      const result = read(Buffer.concat(frames), masked, size)
      assert.isUndefined(result.fault)
      assert.strictEqual(result.data, Buffer.concat(parts).toString("latin1"))
      assert.deepStrictEqual(
        result.controls,
        parts.flatMap((_, i) => (i % 2 === 0 ? [] : [[Frame.opcode.ping, "ping"] as const])),
      )
    },
  )

  it.each([0, 1, 125, 126, 65_535, 65_536, 70_000])("reads what is written, of %i bytes", (n) => {
    for (const masked of [false, true]) {
      const bytes = Buffer.alloc(n, "x")
      const header = Buffer.alloc(Frame.headerBytes(n, masked))
      const end = Frame.writeHeader(header, Frame.opcode.binary, n, masked)
      assert.strictEqual(end, header.length)
      const written = Buffer.concat([header, bytes])
      assert.deepStrictEqual(written, frame(0x82, bytes, masked ? Buffer.alloc(4) : undefined))
      assert.strictEqual(read(written, masked, 1_000).data, bytes.toString("latin1"))
    }
  })

  it("reads a control frame, empty or full", () => {
    for (const n of [0, 125]) {
      const payload = Buffer.alloc(n, "p")
      const written = Frame.control(Frame.opcode.ping, payload, true)
      const { controls } = read(written, true, 7)
      assert.deepStrictEqual(controls, [[Frame.opcode.ping, payload.toString()]])
    }
  })

  const text = Buffer.from("text")
  it.each([
    ["reserved bits", frame(0xc2, text)],
    ["a text", frame(0x81, text)],
    ["an unknown type of data", frame(0x83, text)],
    ["an unknown type of control", frame(0x8b, text)],
    ["a control frame of more than 125 bytes", frame(0x89, Buffer.alloc(126))],
    ["a fragmented control frame", frame(0x09, text)],
    ["a continuation of nothing", frame(0x80, text)],
    ["a message in a message", Buffer.concat([frame(0x02, text), frame(0x82, text)])],
    ["a mask where there must be none", frame(0x82, text, Buffer.from("mask"))],
    ["a length above 2^48", Buffer.from("827f00010000000000000000", "hex")],
  ])("refuses %s", (_what, bytes) => {
    assert.isDefined(read(bytes, false, 3).fault)
  })

  it("refuses a frame without a required mask", () => {
    assert.isDefined(read(frame(0x82, text), true, 3).fault)
  })
})
