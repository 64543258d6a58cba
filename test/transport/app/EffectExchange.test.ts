/**
 * Handlers and exchanges made from each other, with arbitrary order of answers, bodies, failures
 * and cancellation.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import { type Exchange, ExchangeError } from "../../../src/protocol/Exchange.ts"
import type { RequestHead, ResponseHead } from "../../../src/protocol/Message.ts"
import * as EffectBody from "../../../src/transport/app/EffectBody.ts"
import * as EffectExchange from "../../../src/transport/app/EffectExchange.ts"
import * as Body from "../../../src/transport/body/Body.ts"
import type { Handler } from "../../../src/transport/body/Handler.ts"
import { Chunked, chunksOf, Pace, Picky, Sizes } from "../../support/Chunked.ts"
import { callHandler } from "../../support/callHandler.ts"
import { until } from "../../support/Harness.ts"

const runs = { arbitrary: { runs: 100 } }
const post: RequestHead = { method: "POST", target: "/", headers: [] }
const get: RequestHead = { method: "GET", target: "/", headers: [] }
const ok: ResponseHead = { status: 200, headers: [] }
const trailers: HeaderList = [["X-Sum", "1"]]
const Point = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 150_000 }))

const echo: Exchange = (_head, body) =>
  Effect.succeed({ head: ok, body, trailers: Effect.succeed(trailers) })

const collect = <E>(stream: Stream.Stream<Uint8Array, E>) =>
  Effect.map(Stream.runCollect(stream), (chunks) => Buffer.concat(chunks))

/** A handler that answers when it is told to, and remembers what happened to it. */
const scripted = (answer: (reply: Parameters<Handler>[2], body: Body.Body) => void) => {
  const seen = { cancels: 0, sent: 0, asked: 0 }
  const handler: Handler = (_head, body, reply) => {
    seen.asked += 1
    answer(
      {
        respond: (head, given) =>
          reply.respond(head, given, () => {
            seen.sent += 1
          }),
        fail: (error) => reply.fail(error),
      },
      body,
    )
    return () => {
      seen.cancels += 1
    }
  }
  return { handler, seen }
}

describe("An exchange made a handler and an exchange again", () => {
  it.effect.prop(
    "carries both bodies and the trailers unchanged",
    [Sizes, Schema.Boolean],
    ([sizes, promised]) =>
      Effect.gen(function* () {
        const chunks = chunksOf(sizes)
        const all = Buffer.concat(chunks)
        const headers: HeaderList = promised ? [["Content-Length", `${all.length}`]] : []
        const again = EffectExchange.fromHandler(EffectExchange.toHandler(echo))
        const response = yield* again({ ...post, headers }, Stream.fromIterable(chunks))
        assert.isTrue((yield* collect(response.body)).equals(all))
        assert.deepStrictEqual(yield* response.trailers, trailers)
      }).pipe(Effect.scoped),
    runs,
  )

  it.effect.prop(
    "passes a departure on in the other direction, whenever it comes",
    [Sizes, Pace, Point],
    ([sizes, pace, point]) =>
      Effect.gen(function* () {
        const chunks = chunksOf([...sizes, 200_000])
        const sender = new Chunked(chunks, pace)
        const receiver = new Picky([], pace, point)
        const handler = EffectExchange.toHandler(
          EffectExchange.fromHandler(EffectExchange.toHandler(echo)),
        )
        const cancel = handler(post, sender, {
          respond: (_head, body) => receiver.take(body),
          fail: (error) => assert.fail(error.message),
        })
        yield* Effect.promise(() => receiver.untilOver())
        cancel()
        yield* until("the sender is done with", () => sender.cancels === 1 || sender.ended)
        assert.deepStrictEqual([...sender.faults, ...receiver.faults], [])
        assert.isTrue(receiver.bytes.equals(Buffer.concat(chunks).subarray(0, receiver.size)))
      }),
    runs,
  )
})

describe("A handler as an exchange", () => {
  it.effect("is cancelled when the Scope closes before there is an answer", () =>
    Effect.gen(function* () {
      const { handler, seen } = scripted(() => {})
      const scope = yield* Scope.make()
      const waiting = yield* EffectExchange.fromHandler(handler)(get, Stream.empty).pipe(
        Scope.provide(scope),
        Effect.forkChild({ startImmediately: true }),
      )
      assert.strictEqual(seen.cancels, 0)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(seen.cancels, 1)
      yield* Fiber.interrupt(waiting)
      assert.strictEqual(seen.cancels, 1)
    }),
  )

  it.effect("is cancelled when who waits for the answer is interrupted", () =>
    Effect.gen(function* () {
      const { handler, seen } = scripted(() => {})
      const waiting = yield* Effect.scoped(
        EffectExchange.fromHandler(handler)(get, Stream.empty),
      ).pipe(Effect.forkChild({ startImmediately: true }))
      yield* Fiber.interrupt(waiting)
      assert.strictEqual(seen.cancels, 1)
    }),
  )

  it.effect("cancels the response and stops the request body when the Scope closes", () =>
    Effect.gen(function* () {
      const stopped = yield* Deferred.make<void>()
      const receiver = new Picky([], "soon")
      const sender = new Chunked(chunksOf([10, 200_000]), "soon")
      const { handler, seen } = scripted((reply, body) => {
        receiver.take(body)
        reply.respond(ok, sender)
      })
      const upload = Stream.concat(Stream.succeed(Buffer.from("up")), Stream.never).pipe(
        Stream.ensuring(Deferred.succeed(stopped, undefined)),
      )
      const scope = yield* Scope.make()
      const { body } = yield* Scope.provide(
        EffectExchange.fromHandler(handler)(post, upload),
        scope,
      )
      const reading = yield* Stream.runForEachArray(body, () => Effect.never).pipe(
        Effect.forkChild({ startImmediately: true }),
      )
      yield* until("both bodies move", () => receiver.size === 2 && sender.given > 0)
      yield* Scope.close(scope, Exit.void)
      yield* Deferred.await(stopped)
      yield* Effect.promise(() => receiver.untilOver())
      assert.strictEqual(receiver.failed?.reason, "cut")
      assert.strictEqual(sender.cancels, 1)
      assert.deepStrictEqual(seen, { asked: 1, cancels: 1, sent: 0 })
      yield* Fiber.interrupt(reading)
    }),
  )

  it.effect("says `sent` once everything was read, also where there is nothing to read", () =>
    Effect.gen(function* () {
      const { handler, seen } = scripted((reply) =>
        reply.respond(ok, new Chunked(chunksOf([1, 2]), "soon")),
      )
      const exchange = EffectExchange.fromHandler(handler)
      const response = yield* exchange(get, Stream.empty)
      assert.strictEqual(seen.sent, 0)
      yield* Stream.runDrain(response.body)
      assert.strictEqual(seen.sent, 1)
      const head = yield* exchange({ ...get, method: "HEAD" }, Stream.empty)
      assert.strictEqual(seen.sent, 2)
      assert.strictEqual((yield* collect(head.body)).length, 0)
    }).pipe(Effect.scoped),
  )

  it.effect("fails with the handler's own error", () =>
    Effect.gen(function* () {
      const error = new ExchangeError({ code: "PTTH_SERVER_OFFLINE", detail: "x", retryAfter: 3 })
      const { handler } = scripted((reply) => reply.fail(error))
      const failed = yield* Effect.flip(EffectExchange.fromHandler(handler)(get, Stream.empty))
      assert.strictEqual(failed, error)
    }).pipe(Effect.scoped),
  )

  it.effect("does not take half a promised body for a whole one", () =>
    Effect.gen(function* () {
      const { handler } = scripted((reply) =>
        reply.respond(
          { status: 200, headers: [["Content-Length", "5"]] },
          new Chunked(chunksOf([3]), "soon"),
        ),
      )
      const { body } = yield* EffectExchange.fromHandler(handler)(get, Stream.empty)
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(body))).reason, "short")
    }).pipe(Effect.scoped),
  )

  it.effect("leaves a request body alone that the handler does not read", () =>
    Effect.gen(function* () {
      let pulled = false
      const { handler } = scripted((reply) => reply.respond(ok, Body.empty))
      const upload = Stream.sync(() => {
        pulled = true
        return Buffer.from("x")
      })
      yield* EffectExchange.fromHandler(handler)(post, upload)
      assert.isFalse(pulled)
    }).pipe(Effect.scoped),
  )

  it.effect("hands a whole body over whole, both ways", () =>
    Effect.gen(function* () {
      const bytes = Buffer.from("whole")
      let given: Uint8Array | undefined
      const { handler } = scripted((reply, body) => {
        given = body.whole
        reply.respond(ok, body)
      })
      const again = EffectExchange.toHandler(EffectExchange.fromHandler(handler))
      const answer = yield* Effect.promise(
        () =>
          new Promise<Body.Body>((resolve) => {
            again(post, Body.fromBytes(bytes), {
              respond: (_head, body) => resolve(body),
              fail: (error) => assert.fail(error.message),
            })
          }),
      )
      assert.strictEqual(given, bytes)
      assert.strictEqual(answer.whole, bytes)
    }),
  )
})

describe("An exchange as a handler", () => {
  it.effect("reads the visitor's body at the first pull and not before", () =>
    Effect.gen(function* () {
      const go = yield* Deferred.make<void>()
      const body = new Chunked(chunksOf([3]), "soon")
      const handler = EffectExchange.toHandler((_head, stream) =>
        Effect.as(Effect.andThen(Deferred.await(go), collect(stream)), {
          head: ok,
          body: Stream.empty,
          trailers: Effect.succeed([]),
        }).pipe(Effect.orDie),
      )
      const answered = callHandler(handler, { target: "/", method: "POST", body })
      assert.strictEqual(body.reads, 0)
      yield* Deferred.succeed(go, undefined)
      assert.strictEqual((yield* Effect.promise(() => answered)).status, 200)
      assert.strictEqual(body.reads, 1)
    }),
  )

  it.effect("is interrupted by the cancel, which closes its Scope and lets go of the body", () =>
    Effect.gen(function* () {
      let closed = 0
      const body = new Chunked(chunksOf([3]), "soon")
      const handler = EffectExchange.toHandler(() =>
        Effect.andThen(
          Effect.addFinalizer(() =>
            Effect.sync(() => {
              closed += 1
            }),
          ),
          Effect.never,
        ),
      )
      const cancel = handler(post, body, { respond: () => assert.fail(), fail: () => {} })
      assert.strictEqual(closed, 0)
      cancel()
      yield* until("the Scope is closed", () => closed === 1)
      cancel()
      assert.strictEqual(body.discards, 1)
    }),
  )

  it.effect("keeps its Scope until the response has been read, and no longer", () =>
    Effect.gen(function* () {
      let closed = 0
      const handler = EffectExchange.toHandler((_head, _body) =>
        Effect.as(
          Effect.addFinalizer(() =>
            Effect.sync(() => {
              closed += 1
            }),
          ),
          {
            head: ok,
            body: Stream.fromIterable(chunksOf([1, 2, 3])),
            trailers: Effect.succeed(trailers),
          },
        ),
      )
      const answer = yield* Effect.promise(
        () =>
          new Promise<Body.Body>((resolve) => {
            handler(get, Body.empty, {
              respond: (_head, body) => resolve(body),
              fail: (error) => assert.fail(error.message),
            })
          }),
      )
      assert.strictEqual(closed, 0)
      const sink = new Picky([true], "later")
      sink.take(answer)
      yield* Effect.promise(() => sink.untilOver())
      assert.deepStrictEqual(sink.ended, trailers)
      yield* until("the Scope is closed", () => closed === 1)
      handler(get, Body.empty, {
        respond: (_head, body) => body.discard(),
        fail: (error) => assert.fail(error.message),
      })
      yield* until("the Scope of an unread response is closed", () => closed === 2)
    }),
  )

  it.effect("answers a failure with its code and a defect with PTTH_INTERNAL", () =>
    Effect.gen(function* () {
      const codeOf = (exchange: Exchange) =>
        Effect.promise(() =>
          callHandler(EffectExchange.toHandler(exchange), { target: "/" }).then(
            () => "answered",
            (error: ExchangeError) => error.code,
          ),
        )
      const error = new ExchangeError({ code: "PTTH_NOT_FOUND", detail: "x" })
      assert.strictEqual(yield* codeOf(() => Effect.fail(error)), "PTTH_NOT_FOUND")
      assert.strictEqual(yield* codeOf(() => Effect.interrupt), "PTTH_INTERNAL")
    }),
  )

  it.effect("sends no body where there is none, and keeps the promised length where there is", () =>
    Effect.gen(function* () {
      const promising: Exchange = () =>
        Effect.succeed({
          head: { status: 200, headers: [["Content-Length", "9"]] },
          body: EffectBody.ofBytes(Buffer.from("four")),
          trailers: Effect.succeed([]),
        })
      const handler = EffectExchange.toHandler(promising)
      const head = yield* Effect.promise(() =>
        callHandler(handler, { target: "/", method: "HEAD" }),
      )
      assert.strictEqual(head.header("content-length"), "9")
      assert.strictEqual(head.body.length, 0)
      const short = yield* Effect.promise(() => callHandler(handler, { target: "/" }))
      assert.strictEqual(short.failure?.reason, "short")
    }),
  )
})
