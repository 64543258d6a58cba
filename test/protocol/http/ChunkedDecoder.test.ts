/**
 * The decoder of chunked bodies with every split into pieces, legal and illegal framing, and
 * limits.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import type { Header } from "../../../src/domain/HeaderList.ts"
import { ChunkedDecoder, maxLine, maxTrailers } from "../../../src/protocol/http/ChunkedDecoder.ts"
import { chunksOf } from "../../support/Chunked.ts"
import { chunkOf, lastChunk } from "../../support/RawHttp.ts"

const bytes = (text: string) => Buffer.from(text, "latin1")

/** The result of decoding bytes that arrive in these pieces. */
const decode = (pieces: ReadonlyArray<Uint8Array>) => {
  const decoder = new ChunkedDecoder()
  const data: Array<Uint8Array> = []
  for (const [i, piece] of pieces.entries()) {
    const decoded = decoder.decode(Buffer.from(piece))
    data.push(Buffer.from(decoded.data))
    const { fault } = decoded
    if (fault !== undefined) return { fault, data: Buffer.concat(data) }
    if (decoded.behind === undefined) continue
    const behind = pieces.slice(i + 1).reduce((sum, { length }) => sum + length, decoded.behind)
    return { data: Buffer.concat(data), trailers: decoder.trailers, behind }
  }
  return { data: Buffer.concat(data) }
}

const cut = (whole: Uint8Array, points: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const sorted: Array<number> = [0, ...points.map((at) => at % (whole.length + 1)), whole.length]
  sorted.sort((a, b) => a - b)
  return sorted.slice(1).map((at, i) => whole.subarray(sorted[i], at))
}

const Points = Schema.Array(Schema.Natural)
const ChunkSizes = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 300 })))

const sample = bytes(
  '3\r\nabc\r\n0A;x="y"; z\r\n0123456789\r\n1 ;e\r\n\n\r\n0\r\nX-Sum: 7\r\nX-Two:\r\n\r\nmore',
)

describe("chunks", () => {
  it.each([
    ["white space after the sizes", "2  \r\nhi\r\n0\t\r\n\r\n"],
    ["white space before the end of an extension", "2 ;a=b \r\nhi\r\n0\r\n\r\n", "strict"],
    ["sizes of sixteen digits", "0000000000000002\r\nhi\r\n0000000000000000\r\n\r\n"],
    ["LF after the sizes", "2\nhi\r\n0\n\r\n"],
    ["LF after a chunk", "2\r\nhi\n0\r\n\r\n"],
    ["LF after everything", "2\nhi\n0\nX: y\n\n"],
    ["LF as the end", "2\r\nhi\r\n0\r\n\n"],
  ])("with %s are decoded however they are cut, and noted", (_what, text, strict = "unusual") => {
    const whole = bytes(text)
    const trailers: Array<Header> = text.includes("X: y") ? [["X", "y"]] : []
    for (let at = 0; at <= whole.length; at++)
      assert.deepStrictEqual(decode(cut(whole, [at])), { data: bytes("hi"), trailers, behind: 0 })
    const decoder = new ChunkedDecoder()
    decoder.decode(Buffer.from(whole))
    assert.strictEqual(decoder.isStrict, strict === "strict")
  })

  it("are decoded, and the bytes after the end are counted", () => {
    assert.deepStrictEqual(decode([sample]), {
      data: bytes("abc0123456789\n"),
      trailers: [
        ["X-Sum", "7"],
        ["X-Two", ""],
      ],
      behind: 4,
    })
  })

  it("are decoded the same byte by byte and cut in two anywhere", () => {
    const whole = decode([sample])
    assert.deepStrictEqual(decode(Array.from(sample, (_, i) => sample.subarray(i, i + 1))), whole)
    for (let at = 0; at <= sample.length; at++)
      assert.deepStrictEqual(decode(cut(sample, [at])), whole, `${at}`)
  })

  it.prop(
    "of any sizes, cut anywhere, give the bytes that were sent",
    [ChunkSizes, Points],
    ([sizes, points]) => {
      const chunks = chunksOf(sizes)
      const whole = Buffer.concat([...chunks.map(chunkOf), bytes(lastChunk([["X", "y"]]))])
      assert.deepStrictEqual(decode(cut(whole, points)), {
        data: Buffer.concat(chunks),
        trailers: [["X", "y"]],
        behind: 0,
      })
    },
  )

  it.prop(
    "with a changed byte are decoded the same however they are cut",
    [Schema.Natural, Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })), Points],
    ([at, byte, points]) => {
      const changed = Buffer.from(sample)
      changed[at % changed.length] = byte
      assert.deepStrictEqual(decode(cut(changed, points)), decode([changed]))
    },
  )

  it.each([
    ["no size", "\r\nx\r\n0\r\n\r\n"],
    ["a size that is no number", "zz\r\n"],
    ["a signed size", "+1\r\nx\r\n"],
    ["a size with 0x", "0x1\r\nx\r\n"],
    ["a size beyond all numbers", `${"f".repeat(14)}\r\n`],
    ["zeros without end", "0".repeat(maxLine + 1)],
    ["a space before the size", " 1\r\nx\r\n"],
    ["a space in the size", "1 1\r\nx\r\n"],
    ["a bare CR after the size", "1\rx\r\n"],
    ["a bare CR in an extension", "1;a\rb\r\nx\r\n"],
    ["NUL in an extension", "1;a\0b\r\nx\r\n"],
    ["two bare LFs after a chunk", "1\r\nx\n\n0\r\n\r\n"],
    ["a chunk that is longer than its size", "1\r\nxy\r\n0\r\n\r\n"],
    ["a CR alone after a chunk", "1\r\nx\rx"],
    ["an extension without end", `1;${"e".repeat(maxLine)}`],
    ["a trailer without a colon", "0\r\nX\r\n\r\n"],
    ["a trailer with a space before the colon", "0\r\nX : y\r\n\r\n"],
    ["a continued trailer", "0\r\nX: y\r\n z\r\n\r\n"],
    ["trailers without end", `0\r\n${"X: y\r\n".repeat(maxTrailers / 4)}`],
    ["a trailer without end", `0\r\nX: ${"y".repeat(maxTrailers)}`],
  ])("with %s are broken, at once and byte by byte", (_what, text) => {
    assert.isDefined(decode([bytes(text)]).fault)
    assert.isDefined(decode(Array.from(bytes(text), (byte) => Uint8Array.of(byte))).fault)
  })
})
