import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as HeaderList from "../../src/domain/HeaderList.ts"
import { RequestId } from "../../src/domain/RequestId.ts"
import * as Classic1 from "../../src/protocol/Classic1.ts"
import { ListenAnswer, ResponseHead, Target } from "../../src/protocol/Message.ts"
import samples from "../fixtures/classic-v1.json" with { type: "json" }

const bytes = (hex: string): Buffer => Buffer.from(hex, "hex")

/** Reads MessagePack just well enough to compare two values without regard to the order of map keys. */
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

describe("what the published Rust binaries sent", () => {
  for (const sample of samples.listenResponses) {
    it(`a listen answer decodes to its meaning: ${sample.note.slice(0, 40)}`, () => {
      const offers = Result.getOrThrow(Classic1.decodeListenAnswer(bytes(sample.hex)))
      assert.deepStrictEqual(
        offers.map(({ head, id }) => ({
          id: String(id),
          req: { method: head.method, uri: head.target, headers: Object.fromEntries(head.headers) },
        })),
        sample.decoded as unknown as typeof offers extends never ? never : Array<never>,
      )
    })

    it(`what we write for it is the same bytes up to map order: ${sample.note.slice(0, 40)}`, () => {
      const offers = Result.getOrThrow(Classic1.decodeListenAnswer(bytes(sample.hex)))
      const ours = Classic1.encodeListenAnswer(offers)
      assert.strictEqual(ours.length, bytes(sample.hex).length)
      assert.deepStrictEqual(canonical(ours), canonical(bytes(sample.hex)))
    })
  }

  for (const sample of samples.responseHeads) {
    it(`a response head decodes to its meaning and back: ${sample.note.slice(0, 40)}`, () => {
      const base64 = bytes(sample.hex).toString("base64")
      const head = Result.getOrThrow(Classic1.decodeResponseHead(base64))
      assert.strictEqual(head.status, sample.decoded.status)
      assert.deepStrictEqual(Object.fromEntries(head.headers), { ...sample.decoded.headers })
      const ours = Buffer.from(Classic1.encodeResponseHead(head), "base64")
      assert.deepStrictEqual(canonical(ours), canonical(bytes(sample.hex)))
    })
  }
})

describe("a codec of classic 1", () => {
  const Distinct = HeaderList.HeaderList.check(
    Schema.makeFilter(
      (list: HeaderList.HeaderList) =>
        new Set(list.map(([name]) => name.toLowerCase())).size === list.length,
    ),
  )
  const Lower = Schema.Struct({
    id: RequestId,
    method: Schema.Literals(["GET", "HEAD", "POST", "PUT"]),
    target: Target,
    headers: Distinct,
  })

  it.prop(
    "gives back every request that classic 1 can say",
    [Schema.Array(Lower)],
    ([requests]) => {
      const offers = requests.map(({ headers, id, method, target }) => ({
        id,
        head: {
          method,
          target,
          headers: headers.map(([name, value]) => [name.toLowerCase(), value] as const),
        },
      }))
      const back = Result.getOrThrow(
        Classic1.decodeListenAnswer(Classic1.encodeListenAnswer(offers)),
      )
      assert.deepStrictEqual(
        back.map(({ head, id }) => ({ id, head: { ...head, headers: sorted(head.headers) } })),
        offers.map(({ head, id }) => ({
          id,
          head: { ...head, target: utf8AsBytes(head.target), headers: sorted(head.headers) },
        })),
      )
    },
  )

  it.prop(
    "keeps the real status of every response, and says the nearest listed one to a Rust relay",
    [Schema.Struct({ status: ResponseHead.fields.status, headers: Distinct })],
    ([head]) => {
      if (head.status === 101) return
      const back = Result.getOrThrow(Classic1.decodeResponseHead(Classic1.encodeResponseHead(head)))
      assert.strictEqual(back.status, head.status)
      const listed = Classic1.nearestStatus(head.status)
      assert.isTrue(Classic1.carriesStatus(listed))
      assert.strictEqual(Math.floor(listed / 100), Math.floor(head.status / 100))
    },
  )

  it.prop(
    "answers arbitrary bytes with a typed error or a legal message, and never throws",
    [Schema.Uint8Array],
    ([noise]) => {
      const listen = Classic1.decodeListenAnswer(noise)
      if (Result.isSuccess(listen)) assert.isTrue(Schema.is(ListenAnswer)(listen.success))
      else assert.strictEqual(listen.failure._tag, "WireError")
      const head = Classic1.decodeResponseHead(Buffer.from(noise).toString("base64"))
      if (Result.isSuccess(head)) assert.isTrue(Schema.is(ResponseHead)(head.success))
      else assert.strictEqual(head.failure._tag, "WireError")
    },
  )

  it("answers every damaged sample with a typed error or a legal message", () => {
    for (const sample of samples.listenResponses) {
      const whole = bytes(sample.hex)
      for (let at = 0; at < whole.length; at++) {
        const cut = Classic1.decodeListenAnswer(whole.subarray(0, at))
        assert.isTrue(Result.isFailure(cut), `cut at ${at}`)
        for (const bit of [0x01, 0x40, 0x80, 0xff]) {
          const bent = Buffer.from(whole)
          bent[at] = (bent[at] as number) ^ bit
          const decoded = Classic1.decodeListenAnswer(bent)
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

  it("refuses lengths that the bytes cannot hold before anything is allocated", () => {
    for (const bomb of [
      "ddffffffff",
      "dfffffffff",
      "9192dbffffffff",
      "91".repeat(64),
      "c9ffffffff00",
    ]) {
      assert.isTrue(Result.isFailure(Classic1.decodeListenAnswer(bytes(bomb))))
    }
  })
})

const sorted = (headers: HeaderList.HeaderList) =>
  [...headers].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))

const utf8AsBytes = (text: string): string => Buffer.from(text, "utf8").toString("latin1")
