import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { RequestId } from "../../src/domain/RequestId.ts"
import * as Classic2 from "../../src/protocol/Classic2.ts"
import { Answer, ListenAnswer, ResponseHead } from "../../src/protocol/Message.ts"
import { maxAnswerBody, maxHead, maxInline } from "../../src/protocol/Wire.ts"

/** Buffers and Uint8Arrays of the same bytes are the same to a reader. */
const plain = (answer: ListenAnswer) =>
  answer.map((entry) =>
    entry._tag === "Offer" && entry.body._tag === "Inline"
      ? { ...entry, body: { ...entry.body, bytes: [...entry.body.bytes] } }
      : entry,
  )

describe("a codec of classic 2", () => {
  it.prop("gives back every listen answer", [ListenAnswer], ([answer]) => {
    const small = answer.filter(
      (e) => e._tag === "Cancel" || e.body._tag !== "Inline" || e.body.bytes.length <= maxInline,
    )
    const back = Result.getOrThrow(Classic2.decodeListenAnswer(Classic2.encodeListenAnswer(small)))
    assert.deepStrictEqual(plain(back), plain(small))
  })

  it.prop(
    "gives back every response head, however the bytes are cut into chunks, and where the body starts",
    [ResponseHead, Schema.Uint8Array],
    ([head, body]) => {
      const encoded = Classic2.encodeResponseHead(head)
      const all = Buffer.concat([encoded, body])
      for (let cut = 0; cut < encoded.length; cut++) {
        assert.isUndefined(Result.getOrThrow(Classic2.decodeResponseHead(all.subarray(0, cut))))
      }
      assert.deepStrictEqual(Result.getOrThrow(Classic2.decodeResponseHead(all)), {
        head,
        end: encoded.length,
      })
    },
  )

  it.prop(
    "answers arbitrary bytes with a typed error or a legal message, and never throws",
    [Schema.Uint8Array],
    ([noise]) => {
      const listen = Classic2.decodeListenAnswer(noise)
      if (Result.isSuccess(listen)) assert.isTrue(Schema.is(ListenAnswer)(listen.success))
      else assert.strictEqual(listen.failure._tag, "WireError")
      const head = Classic2.decodeResponseHead(Buffer.from(noise))
      if (Result.isFailure(head)) assert.strictEqual(head.failure._tag, "WireError")
      else if (head.success !== undefined) assert.isTrue(Schema.is(ResponseHead)(head.success.head))
    },
  )

  it.prop(
    "answers a message with any one byte changed with a typed error or a legal message",
    [ListenAnswer, Schema.Natural, Schema.Natural],
    ([answer, where, change]) => {
      const encoded = Classic2.encodeListenAnswer(answer)
      if (encoded.length === 0) return
      encoded[where % encoded.length] = change & 0xff
      const decoded = Classic2.decodeListenAnswer(encoded)
      if (Result.isSuccess(decoded)) assert.isTrue(Schema.is(ListenAnswer)(decoded.success))
    },
  )

  it("refuses a head above the limit without waiting for it", () => {
    const announced = Buffer.alloc(4)
    announced.writeUInt32BE(maxHead + 1)
    assert.isTrue(Result.isFailure(Classic2.decodeResponseHead(announced)))
    assert.isTrue(Result.isFailure(Classic2.decodeListenAnswer(announced)))
  })

  it("refuses a status, name or value that is not legal HTTP", () => {
    const bad: ReadonlyArray<{ status: number; headers: ReadonlyArray<[string, string]> }> = [
      { status: 99, headers: [] },
      { status: 100, headers: [] },
      { status: 1000, headers: [] },
      { status: 200, headers: [["bad name", "x"]] },
      { status: 200, headers: [["", "x"]] },
      { status: 200, headers: [["x", "a\r\nb: c"]] },
      { status: 200, headers: [["x", "a\0"]] },
    ]
    for (const head of bad) {
      const decoded = Classic2.decodeResponseHead(Classic2.encodeResponseHead(head))
      assert.isTrue(Result.isFailure(decoded), JSON.stringify(head))
    }
  })
})

describe("answers that go together", () => {
  const answers = Schema.Array(Answer)

  it.prop("what is written is read back, whatever is in it", [answers], ([given]) => {
    const small = given.filter(({ bytes }) => bytes.length <= maxAnswerBody)
    const decoded = Classic2.decodeAnswers(Classic2.encodeAnswers(small))
    assert.deepStrictEqual(
      Result.getOrThrow(decoded).map(({ bytes, ...rest }) => ({ ...rest, bytes: [...bytes] })),
      small.map(({ bytes, head, id }) => ({ id, head, bytes: [...bytes] })),
    )
  })

  it.prop("every cut of it is refused, except between two answers", [answers], ([given]) => {
    const encoded = Classic2.encodeAnswers(given)
    for (let at = 0; at < encoded.length; at++) {
      const decoded = Classic2.decodeAnswers(encoded.subarray(0, at))
      if (Result.isFailure(decoded)) continue
      const whole = Classic2.encodeAnswers(given.slice(0, decoded.success.length))
      assert.strictEqual(at, whole.length)
    }
  })

  it("an illegal head spoils only its own answer", () => {
    const id = "01JD8Q6Z7M4V9C2K5T8XWNRE3A" as RequestId
    const good = { id, head: { status: 200, headers: [] }, bytes: Buffer.from("hi") }
    const bad = { ...good, head: { status: 200, headers: [["x", "a\r\nb"]] as const } }
    const decoded = Result.getOrThrow(Classic2.decodeAnswers(Classic2.encodeAnswers([bad, good])))
    assert.deepStrictEqual(
      decoded.map(({ head }) => head),
      [undefined, good.head],
    )
    assert.strictEqual(decoded[1]?.bytes.toString(), "hi")
  })

  it("a body above the limit is refused", () => {
    const id = "01JD8Q6Z7M4V9C2K5T8XWNRE3A" as RequestId
    const bytes = new Uint8Array(maxAnswerBody + 1)
    const encoded = Classic2.encodeAnswers([{ id, head: { status: 200, headers: [] }, bytes }])
    assert.isTrue(Result.isFailure(Classic2.decodeAnswers(encoded)))
  })
})
