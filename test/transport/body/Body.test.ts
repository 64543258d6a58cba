/** The wrappers that hold a body to its length, to a limit and to a rate of progress. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import type { BodyError } from "../../../src/protocol/Exchange.ts"
import * as Body from "../../../src/transport/body/Body.ts"
import { idle } from "../../../src/transport/body/IdleBody.ts"
import * as Deadlines from "../../../src/transport/runtime/Deadlines.ts"

/** A body that says what the test tells it to. */
const scripted = (length?: number) => {
  let sink: Body.BodySink | undefined
  const state = { cancelled: 0, resumed: 0 }
  const body: Body.Body = {
    length,
    whole: undefined,
    discard: () => {},
    read: (to) => {
      sink = to
      return {
        resume: () => {
          state.resumed += 1
        },
        cancel: () => {
          state.cancelled += 1
        },
      }
    },
  }
  return { body, state, say: () => sink as Body.BodySink }
}

const collecting = () => {
  const got = { bytes: 0, ended: 0, errors: [] as Array<BodyError["reason"]> }
  const sink: Body.BodySink = {
    data: (chunk) => {
      got.bytes += chunk.length
      return true
    },
    end: () => {
      got.ended += 1
    },
    fail: (error) => {
      got.errors.push(error.reason)
    },
  }
  return { got, sink }
}

const Sizes = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 50 })))
const Length = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 200 }))

describe("a promised length", () => {
  it.prop(
    "is kept exactly, or the body fails and never ends",
    [Sizes, Length],
    ([sizes, promised]) => {
      const { body, say } = scripted()
      const { got, sink } = collecting()
      Body.promise(body, promised).read(sink)
      for (const size of sizes) say().data(new Uint8Array(size))
      say().end([])
      const sent = sizes.reduce((a, b) => a + b, 0)
      assert.isAtMost(got.bytes, promised)
      if (sent === promised) assert.deepStrictEqual(got, { bytes: sent, ended: 1, errors: [] })
      else
        assert.deepStrictEqual([got.ended, got.errors], [0, [sent > promised ? "long" : "short"]])
    },
  )
})

describe("a limit", () => {
  it.prop(
    "lets everything below it through and fails everything above it",
    [Sizes, Length],
    ([sizes, max]) => {
      const { body, say } = scripted()
      const { got, sink } = collecting()
      let over = 0
      Body.limit(body, max, () => {
        over += 1
      }).read(sink)
      let sent = 0
      for (const size of sizes) {
        sent += size
        say().data(new Uint8Array(size))
        if (sent > max) break
      }
      if (sent <= max) say().end([])
      assert.strictEqual(over, sent > max ? 1 : 0)
      assert.deepStrictEqual([got.ended, got.errors], sent > max ? [0, ["limit"]] : [1, []])
    },
  )
})

describe("an idle limit", () => {
  it.effect("ends a body in which nothing moves, and only then", () =>
    Effect.gen(function* () {
      const deadlines = yield* Deadlines.make
      const { body, say, state } = scripted()
      const { got, sink } = collecting()
      idle(body, deadlines, 60_000).read(sink)
      for (let i = 0; i < 10; i++) {
        yield* TestClock.adjust(59_000)
        say().data(new Uint8Array(1))
      }
      assert.deepStrictEqual(got, { bytes: 10, ended: 0, errors: [] })
      yield* TestClock.adjust(61_000)
      assert.deepStrictEqual(got.errors, ["idle"])
      assert.strictEqual(state.cancelled, 1)
    }),
  )

  it.effect("that is for the sender does not count while the receiver wants no more", () =>
    Effect.gen(function* () {
      const deadlines = yield* Deadlines.make
      const { body, say } = scripted()
      const { got, sink } = collecting()
      const held = { ...sink, data: (chunk: Uint8Array) => sink.data(chunk) && false }
      const flow = idle(body, deadlines, 60_000, "sender").read(held)
      say().data(new Uint8Array(1))
      yield* TestClock.adjust(600_000)
      assert.deepStrictEqual(got.errors, [])
      flow.resume()
      yield* TestClock.adjust(59_000)
      assert.deepStrictEqual(got.errors, [])
      yield* TestClock.adjust(2_000)
      assert.deepStrictEqual(got.errors, ["idle"])
      flow.resume()
      yield* TestClock.adjust(600_000)
      assert.deepStrictEqual(got, { bytes: 1, ended: 0, errors: ["idle"] })
    }),
  )

  it.effect("is silent once the body has ended or nobody wants it", () =>
    Effect.gen(function* () {
      const deadlines = yield* Deadlines.make
      const ended = scripted()
      const first = collecting()
      idle(ended.body, deadlines, 60_000).read(first.sink)
      ended.say().end([])
      const left = scripted()
      const second = collecting()
      idle(left.body, deadlines, 60_000).read(second.sink).cancel()
      yield* TestClock.adjust(600_000)
      assert.deepStrictEqual(first.got, { bytes: 0, ended: 1, errors: [] })
      assert.deepStrictEqual(second.got, { bytes: 0, ended: 0, errors: [] })
      assert.strictEqual(left.state.cancelled, 1)
    }),
  )
})
