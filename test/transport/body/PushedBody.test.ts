/**
 * The state machine of pushed bodies under arbitrary order of writes, ends, failures and readers
 * that refuse.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { BodyError } from "../../../src/protocol/Exchange.ts"
import { PushedBody } from "../../../src/transport/body/PushedBody.ts"
import { at, chunksOf, Pace, Picky, Sizes } from "../../support/Chunked.ts"
import { turns } from "../../support/Harness.ts"

const Refusals = Schema.Array(Schema.Boolean)
const cut = new BodyError({ reason: "cut", detail: "the test cut it" })

/** A connection that reads chunk after chunk, and waits when it is told to. */
class Reader {
  readonly body = new PushedBody(undefined, {
    resume: () => {
      if (!this.waits) return
      this.waits = false
      this.later()
    },
    abandon: () => {
      this.abandoned += 1
    },
    consumed: (bytes) => {
      this.consumed += bytes
    },
  })
  abandoned = 0
  consumed = 0
  pushed = 0
  private waits = false
  private next = 0
  private readonly chunks: ReadonlyArray<Uint8Array>
  private readonly pace: Pace
  private readonly ending: (body: PushedBody) => void

  constructor(
    chunks: ReadonlyArray<Uint8Array>,
    pace: Pace,
    ending: (body: PushedBody) => void = (body) => body.end([["X-Sum", "7"]]),
  ) {
    this.chunks = chunks
    this.pace = pace
    this.ending = ending
    this.later()
  }

  private later(): void {
    at(this.pace === "now" ? "soon" : this.pace, () => this.go())
  }

  private go(): void {
    while (!this.waits && this.abandoned === 0) {
      const chunk = this.chunks[this.next]
      if (chunk === undefined) return this.ending(this.body)
      this.next += 1
      this.pushed += chunk.length
      this.waits = !this.body.data(chunk)
    }
  }
}

const runs = { arbitrary: { runs: 150 } }
const Point = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 150_000 }))

describe("a pushed body", () => {
  it.live.prop(
    "is delivered whole and in order, however it comes and whenever there is room",
    [Sizes, Pace, Refusals, Pace],
    ([sizes, pace, refusals, roomPace]) =>
      Effect.gen(function* () {
        const chunks = chunksOf(sizes)
        const reader = new Reader(chunks, pace)
        const sink = new Picky(refusals, roomPace)
        sink.take(reader.body)
        yield* Effect.promise(() => sink.untilOver())
        assert.isTrue(sink.bytes.equals(Buffer.concat(chunks)))
        assert.deepStrictEqual(sink.ended, [["X-Sum", "7"]])
        assert.strictEqual(reader.consumed, sink.size)
        assert.deepStrictEqual(sink.faults, [])
        assert.strictEqual(reader.abandoned, 0)
      }),
    runs,
  )

  it.live.prop(
    "that breaks off fails, and never ends",
    [Sizes, Pace, Refusals, Pace],
    ([sizes, pace, refusals, roomPace]) =>
      Effect.gen(function* () {
        const chunks = chunksOf(sizes)
        const reader = new Reader(chunks, pace, (body) => body.fail(cut))
        const sink = new Picky(refusals, roomPace)
        sink.take(reader.body)
        yield* Effect.promise(() => sink.untilOver())
        assert.strictEqual(sink.failed, cut)
        assert.isUndefined(sink.ended)
        assert.strictEqual(reader.consumed, reader.pushed)
        assert.isTrue(sink.bytes.equals(Buffer.concat(chunks).subarray(0, sink.size)))
        assert.deepStrictEqual(sink.faults, [])
      }),
    runs,
  )

  it.live.prop(
    "whose receiver leaves says nothing more, and abandons what has not come",
    [Sizes, Pace, Refusals, Pace, Point],
    ([sizes, pace, refusals, roomPace, point]) =>
      Effect.gen(function* () {
        let ended = false
        const reader = new Reader(chunksOf(sizes), pace, (body) => {
          ended = true
          body.end([])
        })
        const sink = new Picky(refusals, roomPace, point)
        sink.take(reader.body)
        yield* Effect.promise(() => sink.untilOver())
        yield* turns(3)
        assert.deepStrictEqual(sink.faults, [])
        assert.strictEqual(reader.consumed, reader.pushed)
        if (sink.cancelledAt !== undefined) assert.strictEqual(reader.abandoned, ended ? 0 : 1)
      }),
    runs,
  )

  it("that nobody reads is abandoned once", () => {
    const reader = new Reader([], "later")
    reader.body.discard()
    reader.body.discard()
    assert.strictEqual(reader.abandoned, 1)
  })

  it("counts bytes that are pushed after its reader has left as consumed", () => {
    const reader = new Reader([], "later")
    reader.body.discard()
    assert.isFalse(reader.body.data(Buffer.from("late")))
    assert.strictEqual(reader.consumed, 4)
  })

  it("fails though it had ended, as long as the reader has not been told", () => {
    const reader = new Reader([], "later")
    const sink = new Picky([], "now")
    reader.body.end([])
    reader.body.fail(cut)
    sink.take(reader.body)
    return sink.untilOver().then(() => {
      assert.strictEqual(sink.failed, cut)
      assert.isUndefined(sink.ended)
    })
  })

  it("is not asked to bring more before it is read", () => {
    const reader = new Reader([], "later")
    assert.isFalse(reader.body.data(Buffer.from("early")))
  })
})
