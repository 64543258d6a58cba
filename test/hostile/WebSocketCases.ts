/**
 * What a visitor can send on a WebSocket, rightly and wrongly: frames as
 * RFC 6455 has them and as it forbids them, each case with an end of its own.
 */
import { deflateRawSync } from "node:zlib"
import type { Seeded } from "../support/Seeded.ts"

/** Bytes behind the handshake. */
export interface WebSocketCase {
  readonly name: string
  /** What is written at once; the first may go with the handshake itself. */
  readonly parts: ReadonlyArray<Buffer>
  /** The first part is sent before the handshake is answered. */
  readonly early?: boolean
  /** Compression is offered. */
  readonly deflate?: boolean
  /** The visitor ends the connection behind the last part. */
  readonly ends?: boolean
}

/** What a frame may have otherwise than most. */
export interface Odd {
  readonly fin?: boolean
  /** The three reserved bits, as 4, 2 and 1. */
  readonly reserved?: number
  readonly masked?: boolean
  /** How many bytes the length takes, 1, 2 or 8, although fewer would do. */
  readonly lengthBytes?: 1 | 2 | 8
  /** What the length says, if it is not the payload's. */
  readonly length?: number
}

const mask = Buffer.from("37fa213d", "hex")

/** A frame of a client's. */
export const frame = (opcode: number, payload: string | Buffer = "", odd: Odd = {}): Buffer => {
  const bytes = Buffer.from(payload as string)
  const { fin = true, reserved = 0, masked = true, length = bytes.length } = odd
  const lengthBytes = odd.lengthBytes ?? (length < 126 ? 1 : length < 65_536 ? 2 : 8)
  const head = Buffer.alloc(lengthBytes === 1 ? 2 : lengthBytes + 2)
  head[0] = (fin ? 0x80 : 0) | (reserved << 4) | opcode
  head[1] = (masked ? 0x80 : 0) | (lengthBytes === 1 ? length : lengthBytes === 2 ? 126 : 127)
  if (lengthBytes === 2) head.writeUInt16BE(length, 2)
  if (lengthBytes === 8) head.writeBigUInt64BE(BigInt(length), 2)
  if (!masked) return Buffer.concat([head, bytes])
  return Buffer.concat([head, mask, bytes.map((byte, i) => byte ^ (mask[i % 4] ?? 0))])
}

const [more, text, binary, close, ping, pong] = [0, 1, 2, 8, 9, 10] as const

/** A close frame. */
export const closing = (code: number, reason: string | Buffer = ""): Buffer => {
  const number = Buffer.alloc(2)
  number.writeUInt16BE(code)
  return frame(close, Buffer.concat([number, Buffer.from(reason as string)]))
}

const goodbye = closing(1000)

/** A whole message as permessage-deflate has it. */
const packed = (content: string): Buffer => {
  const bytes = deflateRawSync(content, { finishFlush: 2 })
  return bytes.subarray(0, bytes.length - 4)
}

const one = (name: string, ...parts: ReadonlyArray<Buffer>): WebSocketCase => ({ name, parts })

/** Cases that stand for a rule each. */
export const cases: ReadonlyArray<WebSocketCase> = [
  one("a text", frame(text, "Grüße"), goodbye),
  one("nothing", frame(text), frame(binary), goodbye),
  ...[125, 126, 127, 65_535, 65_536, 300_000].map((size) =>
    one(`${size} bytes`, frame(binary, Buffer.alloc(size, size)), goodbye),
  ),
  one(
    "all at once",
    Buffer.concat([frame(text, "a"), frame(ping, "b"), frame(text, "c"), goodbye]),
  ),
  {
    ...one("all with the handshake", Buffer.concat([frame(text, "early"), goodbye])),
    early: true,
  },
  {
    ...one(
      "half with the handshake",
      frame(text, "early").subarray(0, 4),
      frame(text, "early").subarray(4),
      goodbye,
    ),
    early: true,
  },
  one(
    "byte by byte",
    ...Array.from(Buffer.concat([frame(text, "slow"), frame(ping, "p"), goodbye]), (byte) =>
      Buffer.of(byte),
    ),
  ),
  one(
    "fragments",
    frame(text, "Gr", { fin: false }),
    frame(more, "ü", { fin: false }),
    frame(more, "ße"),
    goodbye,
  ),
  one(
    "a letter cut by fragments",
    frame(text, Buffer.of(0xc3), { fin: false }),
    frame(more, Buffer.of(0xbc)),
    goodbye,
  ),
  one(
    "pings between fragments",
    frame(binary, "a", { fin: false }),
    frame(ping, "1"),
    frame(more, "b", { fin: false }),
    frame(pong, "unasked"),
    frame(ping, ""),
    frame(more, "c"),
    goodbye,
  ),
  one(
    "empty fragments",
    frame(text, "", { fin: false }),
    frame(more, "", { fin: false }),
    frame(more),
    goodbye,
  ),
  one("a message within a message", frame(text, "a", { fin: false }), frame(text, "b")),
  one("a continuation of nothing", frame(more, "a")),
  one("close within a message", frame(text, "a", { fin: false }), goodbye),
  one("a ping of 125", frame(ping, Buffer.alloc(125, 1)), goodbye),
  one("a ping of 126", frame(ping, Buffer.alloc(126, 1))),
  one("a ping in fragments", frame(ping, "a", { fin: false }), frame(more, "b")),
  one("a close of 126", frame(close, Buffer.alloc(126, 1))),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) =>
    one(`opcode ${opcode}`, frame(opcode, "a")),
  ),
  ...[1, 2, 4, 7].map((reserved) =>
    one(`reserved bits ${reserved}`, frame(text, "a", { reserved })),
  ),
  one("a ping with a reserved bit", frame(ping, "a", { reserved: 4 })),
  one("no mask", frame(text, "a", { masked: false })),
  one("a close without a mask", frame(close, "", { masked: false })),
  one("a length in two bytes that needs one", frame(text, "a", { lengthBytes: 2 }), goodbye),
  one("a length in eight bytes that needs one", frame(text, "a", { lengthBytes: 8 }), goodbye),
  one("a length of 2^53", frame(binary, "a", { lengthBytes: 8, length: 2 ** 53 })),
  ...["80", "c3", "c0af", "eda080", "f4908080", "ff", "61c328"].map((hex) =>
    one(`text that is no UTF-8, ${hex}`, frame(text, Buffer.from(hex, "hex"))),
  ),
  one(
    "no UTF-8 across fragments",
    frame(text, Buffer.of(0xc3), { fin: false }),
    frame(more, Buffer.of(0x28)),
  ),
  ...[
    0, 999, 1001, 1003, 1004, 1005, 1006, 1007, 1011, 1012, 1014, 1015, 1016, 2999, 3000, 4999,
    5000, 65_535,
  ].map((code) => one(`close with ${code}`, closing(code, "why"))),
  one("close with nothing", frame(close)),
  one("close with one byte", frame(close, "a")),
  one("close with a reason of 123", closing(1000, "x".repeat(123))),
  one("close with a reason that is no UTF-8", closing(1000, Buffer.of(0xff))),
  one("a message after the close", goodbye, frame(text, "too late")),
  { ...one("the end without a close", frame(text, "a")), ends: true },
  { ...one("the end within a frame", frame(text, "abcdef").subarray(0, 8)), ends: true },
  { ...one("the end at once"), ends: true },
  {
    ...one("compressed", frame(text, packed("hello hello hello"), { reserved: 4 }), goodbye),
    deflate: true,
  },
  {
    ...one(
      "compressed, with one that is not",
      frame(text, packed("hello"), { reserved: 4 }),
      frame(text, "plain"),
      goodbye,
    ),
    deflate: true,
  },
  {
    ...one(
      "compressed in fragments",
      frame(text, packed("hello hello hello").subarray(0, 3), { fin: false, reserved: 4 }),
      frame(ping, "between"),
      frame(more, packed("hello hello hello").subarray(3)),
      goodbye,
    ),
    deflate: true,
  },
  {
    ...one(
      "compressed, a fragment marked anew",
      frame(text, packed("hello").subarray(0, 3), { fin: false, reserved: 4 }),
      frame(more, packed("hello").subarray(3), { reserved: 4 }),
    ),
    deflate: true,
  },
  {
    ...one("compressed, no deflate", frame(text, "\xff\xff\xff\xff", { reserved: 4 })),
    deflate: true,
  },
  {
    ...one(
      "a megabyte in a kilobyte",
      frame(text, packed("0".repeat(1_000_000)), { reserved: 4 }),
      goodbye,
    ),
    deflate: true,
  },
]

/** A case that chance has made: mostly legal frames, then perhaps an illegal one, and an end. */
export const anyCase = (random: Seeded): WebSocketCase => {
  const bytes = (most: number): Buffer =>
    Buffer.from(Array.from({ length: random.int(0, most) }, () => random.int(0, 255)))
  const ascii = (most: number): string => bytes(most).toString("hex")
  const frames: Array<Buffer> = []
  for (let i = random.int(0, 6); i > 0; i--) {
    if (random.chance(0.3)) frames.push(frame(random.pick([ping, pong]), bytes(125)))
    const parts = random.int(1, 4)
    const isText = random.chance(0.5)
    for (let part = 1; part <= parts; part++) {
      const content = isText
        ? ascii(random.pick([3, 100, 2_000]))
        : bytes(random.pick([3, 200, 70_000]))
      const opcode = part > 1 ? more : isText ? text : binary
      frames.push(frame(opcode, content, { fin: part === parts }))
      if (part < parts && random.chance(0.2)) frames.push(frame(ping, bytes(20)))
    }
  }
  const last = random.int(0, 4)
  if (last === 0)
    frames.push(
      frame(random.int(0, 15), bytes(200), {
        fin: random.chance(0.7),
        reserved: random.pick([0, 0, 0, 1, 2, 4, 7]),
        masked: random.chance(0.8),
      }),
      goodbye,
    )
  else if (last === 1) frames.push(closing(random.int(0, 5_100), ascii(20)))
  else if (last === 2) frames.push(bytes(40))
  else if (last === 3) frames.push(frame(text, ascii(40)).subarray(0, random.int(1, 6)))
  else frames.push(goodbye)
  const all = Buffer.concat(frames)
  const parts: Array<Buffer> = []
  for (let at = 0; at < all.length; ) {
    const size = random.pick([1, 7, 200, 5_000, 100_000])
    parts.push(all.subarray(at, at + size))
    at += size
  }
  // Whatever is left open by the last of them is ended.
  return { name: `chance: ${all.subarray(0, 60).toString("hex")}…`, parts, ends: true }
}
