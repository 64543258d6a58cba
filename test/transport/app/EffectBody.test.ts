/**
 * Bodies as Streams and Streams as bodies, with back-pressure, failures and interruption at
 * arbitrary points.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import { BodyError } from "../../../src/protocol/Exchange.ts"
import * as EffectBody from "../../../src/transport/app/EffectBody.ts"
import * as Body from "../../../src/transport/body/Body.ts"
import { Chunked, chunksOf, Pace, Picky, Sizes } from "../../support/Chunked.ts"
import { turns, until } from "../../support/Harness.ts"

const runs = { arbitrary: { runs: 150 } }
const Refusals = Schema.Array(Schema.Boolean)
const Trailers = Schema.Literals(["", "x"])
const Point = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 150_000 }))
const broken = new BodyError({ reason: "idle", detail: "the test broke it" })

const collect = <E>(stream: Stream.Stream<Uint8Array, E>) =>
  Effect.map(Stream.runCollect(stream), (chunks) => Buffer.concat(chunks))

/** Takes one array of chunks at a time and lets everything else go on in between. */
const slowly = <E>(stream: Stream.Stream<Uint8Array, E>): Stream.Stream<Uint8Array, E> =>
  Stream.mapArrayEffect(stream, (chunks) =>
    Effect.as(
      Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve))),
      chunks,
    ),
  )

const streamOf = (chunks: ReadonlyArray<Uint8Array>, perPull: number) =>
  Stream.rechunk(Stream.fromIterable(chunks), Math.max(1, perPull))

const capture = (lines: Array<unknown>) =>
  Logger.layer([Logger.make(({ message }) => lines.push([message].flat()[0]))])

const trailersOf = (value: string): HeaderList => (value === "" ? [] : [["X-Sum", value]])

describe("A body as a Stream", () => {
  it.effect.prop(
    "has the same bytes and trailers, whatever the chunks and paces",
    [Sizes, Pace, Schema.Boolean, Trailers],
    ([sizes, pace, slow, trailer]) =>
      Effect.gen(function* () {
        const chunks = chunksOf(sizes)
        const body = new Chunked(chunks, pace, trailersOf(trailer))
        const opened = EffectBody.open(body)
        const bytes = yield* collect(slow ? slowly(opened.stream) : opened.stream)
        assert.isTrue(bytes.equals(Buffer.concat(chunks)))
        assert.deepStrictEqual(yield* opened.trailers, trailersOf(trailer))
        assert.deepStrictEqual(body.faults, [])
        assert.strictEqual(body.cancels, 0)
      }),
    runs,
  )

  it.effect.prop(
    "gives what came before a failure, then the failure",
    [Sizes, Pace],
    ([sizes, pace]) =>
      Effect.gen(function* () {
        const chunks = chunksOf(sizes)
        const got: Array<Uint8Array> = []
        const body = new Chunked(chunks, pace, broken)
        const opened = EffectBody.open(body)
        const error = yield* opened.stream.pipe(
          Stream.runForEach((chunk) => Effect.sync(() => got.push(chunk))),
          Effect.flip,
        )
        assert.strictEqual(error, broken)
        assert.isTrue(Buffer.concat(got).equals(Buffer.concat(chunks)))
        assert.deepStrictEqual(yield* opened.trailers, [])
      }),
    runs,
  )

  it.effect.prop(
    "cancels its sender when the consumer stops at any point, and asks for no more than it may hold",
    [Sizes, Pace, Point],
    ([sizes, pace, point]) =>
      Effect.gen(function* () {
        const chunks = chunksOf(sizes)
        const total = Buffer.concat(chunks).length
        const largest = Math.max(0, ...sizes)
        const body = new Chunked(chunks, pace)
        let seen = 0
        let asked = 0
        yield* EffectBody.toStream(body).pipe(
          slowly,
          Stream.takeWhile((chunk) => {
            seen += chunk.length
            asked = Math.max(asked, body.given - seen)
            return seen < point
          }),
          Stream.runDrain,
        )
        // One batch is with the consumer while the next one gathers.
        assert.isAtMost(asked, 2 * (EffectBody.highWater + largest))
        assert.strictEqual(body.cancels, body.ended || total === 0 ? 0 : 1)
        assert.deepStrictEqual(body.faults, [])
      }),
    runs,
  )

  it.effect("holds its sender back while nothing is pulled", () =>
    Effect.gen(function* () {
      const body = new Chunked(chunksOf(Array.from({ length: 100 }, () => 10_000)), "now")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const pull = yield* Stream.toPull(EffectBody.toStream(body))
          const first = Buffer.concat(yield* pull).length
          yield* turns(5)
          assert.isAtMost(body.given - first, EffectBody.highWater + 10_000)
          assert.isAtLeast(body.given - first, EffectBody.highWater)
        }),
      )
      assert.strictEqual(body.cancels, 1)
    }),
  )

  it.effect("is read at the first pull and not before, and only once", () =>
    Effect.gen(function* () {
      const body = new Chunked(chunksOf([3]), "soon")
      const stream = EffectBody.toStream(body)
      assert.strictEqual(body.reads, 0)
      yield* Effect.scoped(Stream.toPull(stream))
      assert.strictEqual(body.reads, 0)
      assert.strictEqual(body.discards, 1)
      const other = new Chunked(chunksOf([3]), "soon")
      const twice = EffectBody.toStream(other)
      yield* Stream.runDrain(twice)
      const error = yield* Effect.flip(Stream.runDrain(twice))
      assert.strictEqual(error.reason, "cancelled")
      assert.strictEqual(other.reads, 1)
    }),
  )

  it.effect("tells who waits for more when it is cancelled from outside", () =>
    Effect.gen(function* () {
      const flow = { cancels: 0 }
      const silent: Body.Body = {
        length: undefined,
        whole: undefined,
        discard: () => {},
        read: () => ({
          resume: () => {},
          cancel: () => {
            flow.cancels += 1
          },
        }),
      }
      const opened = EffectBody.open(silent)
      const waiting = yield* Effect.forkChild(Stream.runDrain(opened.stream), {
        startImmediately: true,
      })
      opened.cancel()
      const exit = yield* Fiber.await(waiting)
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual(flow.cancels, 1)
      assert.deepStrictEqual(yield* opened.trailers, [])
    }),
  )

  it.effect("is let go of unread when nobody runs it", () =>
    Effect.sync(() => {
      const body = new Chunked(chunksOf([3]), "soon")
      EffectBody.open(body).cancel()
      assert.strictEqual(body.discards, 1)
    }),
  )

  it.effect(
    "says that everything was taken once the consumer has the end, never when it left",
    () =>
      Effect.gen(function* () {
        let taken = 0
        const onTaken = () => {
          taken += 1
        }
        const body = new Chunked(chunksOf([5, 5]), "soon")
        yield* Stream.runDrain(EffectBody.open(body, { onTaken }).stream)
        assert.strictEqual(taken, 1)
        const left = new Chunked(chunksOf([5, 5]), "soon")
        yield* Stream.runDrain(Stream.take(EffectBody.open(left, { onTaken }).stream, 1))
        assert.strictEqual(taken, 1)
      }),
  )
})

describe("A Stream as a body", () => {
  it.effect.prop(
    "has the same bytes and trailers for a receiver that refuses now and then",
    [
      Sizes,
      Refusals,
      Pace,
      Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5 })),
      Trailers,
    ],
    ([sizes, refuses, pace, perPull, trailer]) =>
      Effect.gen(function* () {
        const chunks = chunksOf(sizes)
        const sink = new Picky(refuses, pace)
        sink.take(
          EffectBody.fromStream(streamOf(chunks, perPull), {
            trailers: Effect.succeed(trailersOf(trailer)),
          }),
        )
        yield* Effect.promise(() => sink.untilOver())
        assert.deepStrictEqual(sink.ended, trailersOf(trailer))
        assert.isTrue(sink.bytes.equals(Buffer.concat(chunks)))
        assert.deepStrictEqual(sink.faults, [])
      }),
    runs,
  )

  it.effect.prop(
    "is interrupted when the receiver leaves at any point, and says nothing more",
    [Sizes, Refusals, Pace, Point],
    ([sizes, refuses, pace, point]) =>
      Effect.gen(function* () {
        const chunks = chunksOf(sizes)
        const total = Buffer.concat(chunks).length
        const closed = yield* Deferred.make<Exit.Exit<unknown, unknown>>()
        const sink = new Picky(refuses, pace, point)
        const stream = streamOf(chunks, 2).pipe(
          slowly,
          Stream.concat(total < point ? Stream.empty : Stream.never),
          Stream.onExit((exit) => Deferred.succeed(closed, exit)),
        )
        sink.take(EffectBody.fromStream(stream))
        yield* Effect.promise(() => sink.untilOver())
        if (point > 0) {
          const exit = yield* Deferred.await(closed)
          assert.strictEqual(Exit.isFailure(exit), total >= point)
        }
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        assert.deepStrictEqual(sink.faults, [])
        assert.isTrue(sink.bytes.equals(Buffer.concat(chunks).subarray(0, sink.size)))
      }),
    runs,
  )

  it.effect.prop(
    "fails its receiver with its own error after the bytes before it",
    [Sizes, Refusals, Pace],
    ([sizes, refuses, pace]) =>
      Effect.gen(function* () {
        const chunks = chunksOf(sizes)
        const sink = new Picky(refuses, pace)
        sink.take(EffectBody.fromStream(Stream.concat(streamOf(chunks, 2), Stream.fail(broken))))
        yield* Effect.promise(() => sink.untilOver())
        assert.strictEqual(sink.failed, broken)
        assert.isTrue(sink.bytes.equals(Buffer.concat(chunks)))
        assert.deepStrictEqual(sink.faults, [])
      }),
    runs,
  )

  const lines: Array<unknown> = []
  it.effect("is cut, not ended, when it dies, and the bug is logged", () =>
    Effect.gen(function* () {
      const sink = new Picky([], "soon")
      const context = yield* Effect.context<never>()
      sink.take(EffectBody.fromStream(Stream.die(new Error("a bug")), { context }))
      yield* Effect.promise(() => sink.untilOver())
      assert.strictEqual(sink.failed?.reason, "cut")
      assert.deepStrictEqual(lines, ["a body failed"])
    }).pipe(Effect.provide(capture(lines))),
  )

  it.effect("is cut when its sender stops, read or not", () =>
    Effect.gen(function* () {
      const reading = new Picky([], "soon")
      const body = EffectBody.fromStream(
        Stream.concat(Stream.succeed(Buffer.from("abc")), Stream.never),
      )
      reading.take(body)
      yield* until("the first chunk is there", () => reading.size === 3)
      body.stop()
      yield* Effect.promise(() => reading.untilOver())
      assert.strictEqual(reading.failed?.reason, "cut")

      const late = new Picky([], "soon")
      const stopped = EffectBody.fromStream(Stream.never)
      stopped.stop()
      late.take(stopped)
      yield* Effect.promise(() => late.untilOver())
      assert.strictEqual(late.failed?.reason, "cut")
      assert.deepStrictEqual([...reading.faults, ...late.faults], [])
    }),
  )

  it.effect.prop(
    "keeps the length that it promises, or fails as short or long",
    [Sizes, Schema.Int.check(Schema.isBetween({ minimum: -3, maximum: 3 }))],
    ([sizes, difference]) =>
      Effect.gen(function* () {
        const chunks = chunksOf(sizes)
        const total = Buffer.concat(chunks).length
        const length = Math.max(0, total + difference)
        const sink = new Picky([], "soon")
        sink.take(EffectBody.fromStream(streamOf(chunks, 2), { length }))
        yield* Effect.promise(() => sink.untilOver())
        assert.strictEqual(
          sink.failed?.reason,
          length > total ? "short" : length < total ? "long" : undefined,
        )
        assert.isAtMost(sink.size, length)
      }),
    runs,
  )

  it.effect.prop(
    "made a Stream again is the same, and stops its first sender when it is left",
    [Sizes, Pace, Point, Schema.Boolean],
    ([sizes, pace, point, leaves]) =>
      Effect.gen(function* () {
        const chunks = chunksOf(sizes)
        const first = new Chunked(chunks, pace)
        const again = EffectBody.toStream(EffectBody.fromStream(EffectBody.toStream(first)))
        if (!leaves) {
          assert.isTrue((yield* collect(again)).equals(Buffer.concat(chunks)))
          return
        }
        let seen = 0
        yield* again.pipe(
          Stream.takeWhile((chunk) => {
            seen += chunk.length
            return seen < point
          }),
          Stream.runDrain,
        )
        const total = Buffer.concat(chunks).length
        yield* until("the sender has ended", () => first.cancels === 1 || first.given === total)
        assert.deepStrictEqual(first.faults, [])
      }),
    runs,
  )
})

describe("A body that is here already", () => {
  it.effect("stays whole in both directions", () =>
    Effect.gen(function* () {
      const bytes = Buffer.from("whole")
      const stream = EffectBody.toStream(Body.fromBytes(bytes))
      assert.strictEqual((yield* collect(stream)).toString(), "whole")
      assert.strictEqual(EffectBody.fromStream(stream).whole, bytes)
      assert.strictEqual(EffectBody.fromStream(stream, { length: 5 }).whole, bytes)
      assert.strictEqual(EffectBody.fromStream(stream, { length: 6 }).whole, undefined)
      assert.strictEqual(EffectBody.fromStream(Stream.empty).whole?.length, 0)
      assert.strictEqual(EffectBody.toStream(Body.empty), Stream.empty)
    }),
  )
})
