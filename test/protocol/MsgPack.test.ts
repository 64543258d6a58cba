/**
 * MessagePack, held to an independent implementation of the same format.
 */
import { assert, describe, it } from "@effect/vitest"
import { decode as libraryDecode, encode as libraryEncode } from "@msgpack/msgpack"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as MsgPack from "../../src/protocol/MsgPack.ts"

const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(" ", ""), "hex")

const Text = Schema.String.check(Schema.makeFilter((text) => text.isWellFormed()))
/** The library refuses this one key. */
const Key = Text.check(Schema.makeFilter((text) => text !== "__proto__"))
const Leaf = Schema.Union([
  Schema.Null,
  Schema.Boolean,
  Schema.Int,
  Schema.Number,
  Text,
  Schema.Uint8Array,
])
const Branch = Schema.Array(Schema.Union([Leaf, Schema.Record(Key, Schema.Array(Leaf))]))

/** A decoded value in the form in which the library gives it. */
const asLibrary = (value: MsgPack.Value): unknown => {
  if (value instanceof MsgPack.ByteString) return [...Buffer.from(value.text, "latin1")]
  if (MsgPack.isArray(value)) return value.map(asLibrary)
  if (MsgPack.isMap(value))
    return Object.fromEntries([...value].map(([key, item]) => [key, asLibrary(item)]))
  return value
}

const withoutBytes = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return [...value]
  if (Array.isArray(value)) return value.map(withoutBytes)
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutBytes(item)]))
  return value
}

describe("the MessagePack decoder", () => {
  it.prop("reads what the library writes", [Branch], ([value]) => {
    const bytes = Buffer.from(libraryEncode(value))
    const decoded = Result.getOrThrow(MsgPack.decode(bytes))
    assert.deepStrictEqual(asLibrary(decoded), withoutBytes(libraryDecode(bytes)))
  })

  it.prop("never throws, and refuses every value that is cut short", [Branch], ([value]) => {
    const bytes = Buffer.from(libraryEncode(value))
    for (let end = 0; end < bytes.length; end++)
      assert.isTrue(Result.isFailure(MsgPack.decode(bytes, 0, end)), `cut at ${end}`)
  })

  it.prop(
    "agrees with the library about arbitrary bytes, where both read them",
    [Schema.Uint8Array],
    ([noise]) => {
      const decoded = MsgPack.decode(Buffer.from(noise))
      if (Result.isFailure(decoded)) return
      const text = JSON.stringify(asLibrary(decoded.success))
      if (text.includes("\ufffd")) return
      assert.strictEqual(text, JSON.stringify(withoutBytes(libraryDecode(noise))))
    },
    { arbitrary: { runs: 500 } },
  )

  it("reads every form of a number", () => {
    for (const [bytes, expected] of [
      ["00", 0],
      ["7f", 127],
      ["e0", -32],
      ["ff", -1],
      ["cc ff", 255],
      ["cd ff ff", 65_535],
      ["ce ff ff ff ff", 2 ** 32 - 1],
      ["cf 00 1f ff ff ff ff ff ff", Number.MAX_SAFE_INTEGER],
      ["d0 80", -128],
      ["d1 80 00", -32_768],
      ["d2 80 00 00 00", -(2 ** 31)],
      ["d3 ff ff ff ff ff ff ff fe", -2],
      ["ca 3f 80 00 00", 1],
      ["cb 40 09 21 fb 54 44 2d 18", Math.PI],
    ] as const)
      assert.strictEqual(Result.getOrThrow(MsgPack.decode(hex(bytes))), expected, bytes)
  })

  it("tells texts from bytes, and keeps a key called __proto__", () => {
    assert.deepStrictEqual(
      Result.getOrThrow(MsgPack.decode(hex("93 a2 c3a9 c4 02 c3a9 81 a9 5f5f70726f746f5f5f 01"))),
      ["é", new MsgPack.ByteString("\xc3\xa9"), new Map([["__proto__", 1]])],
    )
  })

  it("replaces bytes of a text that are not UTF-8", () => {
    assert.strictEqual(Result.getOrThrow(MsgPack.decode(hex("a2 41 ff"))), "A\ufffd")
  })

  it("refuses extension types, keys that are arrays, deep nesting and trailing bytes", () => {
    for (const [bytes, detail] of [
      ["c1", "a type that is not used"],
      ["d4 00 00", "a type that is not used"],
      ["c7 00 00", "a type that is not used"],
      ["81 90 c0", "a key that is neither a text nor a number"],
      [`${"91".repeat(9)}c0`, "nested too deeply"],
      ["c0 c0", "more than one value"],
      ["dd ff ff ff ff", "cut short"],
      ["df ff ff ff ff", "cut short"],
      ["db ff ff ff ff", "cut short"],
      ["c6 ff ff ff", "cut short"],
    ] as const) {
      const decoded = MsgPack.decode(hex(bytes))
      assert.strictEqual(Result.isFailure(decoded) ? decoded.failure.detail : "", detail, bytes)
    }
    assert.isTrue(Result.isSuccess(MsgPack.decode(hex(`${"91".repeat(8)}c0`))))
  })
})

describe("the MessagePack writer", () => {
  it.prop(
    "writes texts, bytes and numbers that the library reads back",
    [Schema.Array(Text), Schema.Uint8Array, Schema.Array(Schema.Natural)],
    ([texts, bytes, numbers]) => {
      const writer = new MsgPack.Writer()
      writer.array(texts.length + numbers.length + 2)
      for (const text of texts) writer.str(text)
      for (const number of numbers) writer.uint(number)
      writer.bin(Buffer.from(bytes).toString("latin1"))
      writer.byteArray(Buffer.from(bytes).toString("latin1"))
      assert.deepStrictEqual(libraryDecode(writer.take()), [
        ...texts,
        ...numbers,
        new Uint8Array(bytes),
        [...bytes],
      ])
    },
  )

  it("writes lengths of every size", () => {
    for (const length of [0, 15, 16, 31, 32, 255, 256, 65_535, 65_536]) {
      const writer = new MsgPack.Writer()
      writer.array(3)
      writer.str("s".repeat(length))
      writer.bin("b".repeat(length))
      writer.byteArray("a".repeat(length))
      const [text, bytes, array] = libraryDecode(writer.take()) as [string, Uint8Array, number[]]
      assert.deepStrictEqual([text.length, bytes.length, array.length], [length, length, length])
    }
  })
})
