/** The codec of classic 2 against its schema, with arbitrary answers and arbitrary bytes. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { RequestId } from "../../src/domain/RequestId.ts"
import * as Classic2 from "../../src/protocol/Classic2.ts"
import { Answer, ListenAnswer, ResponseHead } from "../../src/protocol/Message.ts"
import { maxAnswerBody, maxHead, maxInline } from "../../src/protocol/Wire.ts"
import { Edits, mutate } from "./Mutation.ts"

const id = "01JD8Q6Z7M4V9C2K5T8XWNRE3A" as RequestId

/** Whether a decoded answer is one that the schema accepts; one without a head becomes a 502. */
const isLegal = (answer: Classic2.DecodedAnswer): boolean =>
  answer.head === undefined || Schema.is(Answer)(answer)

/** The answer with its bytes as numbers, so that a Buffer equals a Uint8Array. */
const comparable = (answer: ListenAnswer) =>
  answer.map((entry) =>
    entry._tag === "Offer" && entry.body._tag === "Inline"
      ? { ...entry, body: { ...entry.body, bytes: [...entry.body.bytes] } }
      : entry,
  )

describe("the codec of classic 2", () => {
  it.prop("reads back every listen answer that the schema accepts", [ListenAnswer], ([answer]) => {
    const decoded = Classic2.decodeListenAnswer(Classic2.encodeListenAnswer(answer))
    assert.deepStrictEqual(comparable(Result.getOrThrow(decoded)), comparable(answer))
  })

  it.prop(
    "accepts of changed listen answers only what the schema accepts",
    [ListenAnswer, Edits],
    ([answer, edits]) => {
      const bytes = mutate(Classic2.encodeListenAnswer(answer), edits)
      const decoded = Classic2.decodeListenAnswer(bytes)
      if (Result.isSuccess(decoded)) assert.isTrue(Schema.is(ListenAnswer)(decoded.success))
      else assert.strictEqual(decoded.failure._tag, "WireError")
    },
    { arbitrary: { runs: 500 } },
  )

  it.prop(
    "reads back every response head that the schema accepts, and waits for it until it is complete",
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
    "accepts of changed response heads only what the schema accepts",
    [ResponseHead, Edits],
    ([head, edits]) => {
      const decoded = Classic2.decodeResponseHead(mutate(Classic2.encodeResponseHead(head), edits))
      if (Result.isFailure(decoded)) assert.strictEqual(decoded.failure._tag, "WireError")
      else if (decoded.success !== undefined)
        assert.isTrue(Schema.is(ResponseHead)(decoded.success.head))
    },
    { arbitrary: { runs: 500 } },
  )

  it.prop(
    "never throws at arbitrary bytes, and accepts of them only what the schemas accept",
    [Schema.Uint8Array],
    ([bytes]) => {
      const listen = Classic2.decodeListenAnswer(bytes)
      if (Result.isSuccess(listen)) assert.isTrue(Schema.is(ListenAnswer)(listen.success))
      const head = Classic2.decodeResponseHead(Buffer.from(bytes))
      if (Result.isSuccess(head) && head.success !== undefined)
        assert.isTrue(Schema.is(ResponseHead)(head.success.head))
      const answers = Classic2.decodeAnswers(Buffer.from(bytes))
      if (Result.isSuccess(answers)) assert.isTrue(answers.success.every(isLegal))
    },
  )

  it("refuses an inline body above the limit", () => {
    const offer = (size: number): ListenAnswer => [
      {
        _tag: "Offer",
        id,
        head: { method: "POST", target: "/", headers: [] },
        body: { _tag: "Inline", bytes: new Uint8Array(size) },
      },
    ]
    for (const size of [maxInline, maxInline + 1]) {
      const decoded = Classic2.decodeListenAnswer(Classic2.encodeListenAnswer(offer(size)))
      assert.strictEqual(Result.isSuccess(decoded), size === maxInline)
      assert.strictEqual(Schema.is(ListenAnswer)(offer(size)), size === maxInline)
    }
  })

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

describe("several answers in one POST", () => {
  const Answers = Schema.Array(Answer)

  it.prop("are read back as the schema has them", [Answers], ([answers]) => {
    const decoded = Classic2.decodeAnswers(Classic2.encodeAnswers(answers))
    assert.deepStrictEqual(
      Result.getOrThrow(decoded).map(({ bytes, ...rest }) => ({ ...rest, bytes: [...bytes] })),
      answers.map(({ bytes, head, id }) => ({ id, head, bytes: [...bytes] })),
    )
  })

  it.prop(
    "are accepted with changes only if the schema accepts each that has a head",
    [Answers, Edits],
    ([answers, edits]) => {
      const decoded = Classic2.decodeAnswers(mutate(Classic2.encodeAnswers(answers), edits))
      if (Result.isSuccess(decoded)) assert.isTrue(decoded.success.every(isLegal))
      else assert.strictEqual(decoded.failure._tag, "WireError")
    },
    { arbitrary: { runs: 500 } },
  )

  it.prop("are refused if they are cut, except between two answers", [Answers], ([answers]) => {
    const encoded = Classic2.encodeAnswers(answers)
    for (let at = 0; at < encoded.length; at++) {
      const decoded = Classic2.decodeAnswers(encoded.subarray(0, at))
      if (Result.isFailure(decoded)) continue
      const whole = Classic2.encodeAnswers(answers.slice(0, decoded.success.length))
      assert.strictEqual(at, whole.length)
    }
  })

  it("lose only the answer whose head is illegal", () => {
    const good = { id, head: { status: 200, headers: [] }, bytes: Buffer.from("hi") }
    const bad = { ...good, head: { status: 200, headers: [["x", "a\r\nb"]] as const } }
    const decoded = Result.getOrThrow(Classic2.decodeAnswers(Classic2.encodeAnswers([bad, good])))
    assert.deepStrictEqual(
      decoded.map(({ head }) => head),
      [undefined, good.head],
    )
    assert.strictEqual(decoded[1]?.bytes.toString(), "hi")
  })

  it("are refused if a body is above the limit", () => {
    const bytes = new Uint8Array(maxAnswerBody + 1)
    const encoded = Classic2.encodeAnswers([{ id, head: { status: 200, headers: [] }, bytes }])
    assert.isTrue(Result.isFailure(Classic2.decodeAnswers(encoded)))
  })
})
