/**
 * The codec of classic 1, against bytes recorded from the original's Rust programs and against its
 * schema.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as HeaderList from "../../src/domain/HeaderList.ts"
import * as Classic1 from "../../src/protocol/Classic1.ts"
import { ListenAnswer } from "../../src/protocol/Message.ts"
import samples from "../fixtures/classic-v1.json" with { type: "json" }
import { Edits, mutate } from "./Mutation.ts"

const bytes = (hex: string): Buffer => Buffer.from(hex, "hex")

/** Reads just enough MessagePack to compare two values regardless of the order of map keys. */
const canonical = (buffer: Buffer): unknown => {
  let at = 0
  const take = (count: number): Buffer => {
    at += count
    return buffer.subarray(at - count, at)
  }
  const many = (count: number): Array<unknown> => Array.from({ length: count }, value)
  const pairs = (count: number): unknown =>
    Array.from({ length: count }, () => [value(), value()])
      .map((pair) => JSON.stringify(pair))
      .sort()
  const value = (): unknown => {
    const tag = take(1)[0] as number
    if (tag <= 0x7f) return tag
    if (tag <= 0x8f) return { map: pairs(tag & 15) }
    if (tag <= 0x9f) return many(tag & 15)
    if (tag <= 0xbf) return take(tag & 31).toString()
    if (tag === 0xc0) return null
    if (tag === 0xcc) return take(1)[0]
    if (tag === 0xd9) return take(take(1)[0] as number).toString()
    if (tag === 0xdc) return many(take(2).readUInt16BE())
    throw new Error(`tag ${tag.toString(16)}`)
  }
  const result = value()
  assert.strictEqual(at, buffer.length)
  return result
}

describe("the bytes that the published Rust binaries sent", () => {
  for (const sample of samples.listenResponses) {
    it(`are read as the listen answer that they mean: ${sample.note.slice(0, 40)}`, () => {
      const offers = Result.getOrThrow(Classic1.decodeListenAnswer(bytes(sample.hex)))
      assert.deepStrictEqual(
        offers.map(({ head, id }) => ({
          id: String(id),
          req: { method: head.method, uri: head.target, headers: Object.fromEntries(head.headers) },
        })),
        sample.decoded as unknown as typeof offers extends never ? never : Array<never>,
      )
    })

    it(`are what we write for the same listen answer, but for the order of maps: ${sample.note.slice(0, 40)}`, () => {
      const offers = Result.getOrThrow(Classic1.decodeListenAnswer(bytes(sample.hex)))
      const ours = Classic1.encodeListenAnswer(offers)
      assert.strictEqual(ours.length, bytes(sample.hex).length)
      assert.deepStrictEqual(canonical(ours), canonical(bytes(sample.hex)))
    })
  }

  for (const sample of samples.responseHeads) {
    it(`are read as the response head that they mean, and written again: ${sample.note.slice(0, 40)}`, () => {
      const base64 = bytes(sample.hex).toString("base64")
      const head = Result.getOrThrow(Classic1.decodeResponseHead(base64))
      assert.strictEqual(head.status, sample.decoded.status)
      assert.deepStrictEqual(Object.fromEntries(head.headers), { ...sample.decoded.headers })
      const ours = Buffer.from(Classic1.encodeResponseHead(head), "base64")
      assert.deepStrictEqual(canonical(ours), canonical(bytes(sample.hex)))
    })
  }
})

describe("the codec of classic 1", () => {
  /** Classic 1 has one value for each name, in lower case. */
  const Fields = HeaderList.HeaderList.check(
    Schema.makeFilter(
      (list: HeaderList.HeaderList) =>
        new Set(list.map(([name]) => name.toLowerCase())).size === list.length,
    ),
  )
  const Request = Schema.Struct({
    ...Classic1.Request.fields,
    head: Schema.Struct({ ...Classic1.Request.fields.head.fields, headers: Fields }),
  })
  const Response = Schema.Struct({ ...Classic1.Response.fields, headers: Fields })
  const Requests = Schema.Array(Request)

  it.prop("reads back every request that the schema accepts", [Requests], ([requests]) => {
    const decoded = Classic1.decodeListenAnswer(Classic1.encodeListenAnswer(requests))
    assert.deepStrictEqual(
      Result.getOrThrow(decoded).map(({ head, id }) => ({
        id,
        head: { ...head, headers: sorted(head.headers) },
      })),
      requests.map(({ head, id }) => ({
        id,
        head: {
          ...head,
          target: utf8AsBytes(head.target),
          headers: sorted(lowerCase(head.headers)),
        },
      })),
    )
  })

  it.prop(
    "accepts of changed listen answers only what the schemas accept",
    [Requests, Edits],
    ([requests, edits]) => {
      const bytes = mutate(Classic1.encodeListenAnswer(requests), edits)
      const decoded = Classic1.decodeListenAnswer(bytes)
      if (Result.isFailure(decoded)) assert.strictEqual(decoded.failure._tag, "WireError")
      else {
        assert.isTrue(Schema.is(ListenAnswer)(decoded.success))
        assert.isTrue(Schema.is(Schema.Array(Classic1.Request))(decoded.success))
      }
    },
    { arbitrary: { runs: 500 } },
  )

  it.prop(
    "reads back every response head that the schema accepts, with the status that a Rust relay would not know",
    [Response],
    ([head]) => {
      const decoded = Classic1.decodeResponseHead(Classic1.encodeResponseHead(head))
      assert.deepStrictEqual(
        Result.map(decoded, ({ headers, status }) => ({ status, headers: sorted(headers) })),
        Result.succeed({ status: head.status, headers: sorted(lowerCase(head.headers)) }),
      )
    },
  )

  it("replaces a status by a listed one of the same class", () => {
    for (let status = 200; status <= 599; status++) {
      const listed = Classic1.nearestStatus(status)
      assert.isTrue(Classic1.carriesStatus(listed))
      assert.strictEqual(Math.floor(listed / 100), Math.floor(status / 100))
    }
  })

  it.prop(
    "accepts of changed response heads only what the schema accepts",
    [Response, Edits],
    ([head, edits]) => {
      const bytes = mutate(Buffer.from(Classic1.encodeResponseHead(head), "base64"), edits)
      const decoded = Classic1.decodeResponseHead(bytes.toString("base64"))
      if (Result.isSuccess(decoded)) assert.isTrue(Schema.is(Classic1.Response)(decoded.success))
      else assert.strictEqual(decoded.failure._tag, "WireError")
    },
    { arbitrary: { runs: 500 } },
  )

  it.prop(
    "never throws at arbitrary bytes, and accepts of them only what the schemas accept",
    [Schema.Uint8Array],
    ([bytes]) => {
      const listen = Classic1.decodeListenAnswer(bytes)
      if (Result.isSuccess(listen)) assert.isTrue(Schema.is(ListenAnswer)(listen.success))
      const head = Classic1.decodeResponseHead(Buffer.from(bytes).toString("base64"))
      if (Result.isSuccess(head)) assert.isTrue(Schema.is(Classic1.Response)(head.success))
    },
  )

  it("refuses samples that are cut short, and accepts of changed ones only what the schema accepts", () => {
    for (const sample of samples.listenResponses) {
      const whole = bytes(sample.hex)
      for (let at = 0; at < whole.length; at++) {
        const cut = Classic1.decodeListenAnswer(whole.subarray(0, at))
        assert.isTrue(Result.isFailure(cut), `cut at ${at}`)
        for (const bit of [0x01, 0x40, 0x80, 0xff]) {
          const changed = Buffer.from(whole)
          changed[at] = (changed[at] as number) ^ bit
          const decoded = Classic1.decodeListenAnswer(changed)
          if (Result.isSuccess(decoded)) assert.isTrue(Schema.is(ListenAnswer)(decoded.success))
        }
      }
    }
  })

  it("joins repeated fields where that is legal, with a semicolon for Cookie", () => {
    const bytesOf = Classic1.encodeListenAnswer([
      {
        id: "01M82KGWT5EEM3WHGFCZHFJSK0" as never,
        head: {
          method: "GET",
          target: "/",
          headers: [
            ["X-Two", "a"],
            ["Cookie", "a=1"],
            ["x-two", "b"],
            ["cookie", "b=2"],
          ],
        },
      },
    ])
    const [offer] = Result.getOrThrow(Classic1.decodeListenAnswer(bytesOf))
    assert.deepStrictEqual(offer?.head.headers, [
      ["x-two", "a, b"],
      ["cookie", "a=1; b=2"],
    ])
  })

  it("carries a header called __proto__ like any other", () => {
    const head = { status: 200, headers: [["__proto__", "x"]] as const }
    const back = Result.getOrThrow(Classic1.decodeResponseHead(Classic1.encodeResponseHead(head)))
    assert.deepStrictEqual(back.headers, [["__proto__", "x"]])
  })

  it("refuses lengths that are larger than the input", () => {
    for (const input of [
      "ddffffffff",
      "dfffffffff",
      "9192dbffffffff",
      "91".repeat(64),
      "c9ffffffff00",
    ]) {
      assert.isTrue(Result.isFailure(Classic1.decodeListenAnswer(bytes(input))))
    }
  })
})

const sorted = (headers: HeaderList.HeaderList) =>
  [...headers].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))

const lowerCase = (headers: HeaderList.HeaderList) =>
  headers.map(([name, value]) => [name.toLowerCase(), value] as const)

const utf8AsBytes = (text: string): string => Buffer.from(text, "utf8").toString("latin1")
