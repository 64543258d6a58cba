/**
 * What a server's owner is told of an application that does not respond.
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as OriginLog from "../../../src/cli/serve/OriginLog.ts"
import { ExchangeError } from "../../../src/protocol/Exchange.ts"
import { empty } from "../../../src/transport/body/Body.ts"
import type { Handler } from "../../../src/transport/body/Handler.ts"
import { capture } from "../../support/harness/LogLines.ts"

const lines: Array<string> = []

it.effect("an application that is down is logged at once, then seldom, and when it is back", () =>
  Effect.gen(function* () {
    let isDown = true
    const application: Handler = (_head, _body, reply) => {
      if (isDown)
        reply.fail(
          new ExchangeError({ code: "PTTH_ORIGIN_DOWN", detail: "nothing answers at a:1" }),
        )
      else reply.respond({ status: 200, headers: [] }, empty)
      return () => {}
    }
    const handler = (yield* OriginLog.make).watch(application)
    const ask = (count: number) =>
      Effect.gen(function* () {
        for (let i = 0; i < count; i++)
          handler({ method: "GET", target: "/", headers: [] }, empty, {
            respond: () => {},
            fail: () => {},
          })
        yield* Effect.yieldNow
      })
    yield* ask(100)
    assert.lengthOf(lines, 1)
    assert.match(
      `${lines[0]}`,
      /PTTH_ORIGIN_DOWN: nothing answers at a:1\. Start the application, or correct its address\./,
    )
    yield* TestClock.adjust("1 minute")
    yield* ask(100)
    assert.lengthOf(lines, 2)
    assert.match(`${lines[1]}`, /101 failed requests in 60 s/)
    isDown = false
    yield* ask(2)
    assert.lengthOf(lines, 3)
    assert.match(`${lines[2]}`, /responds again, after 200 failed requests in 60 s/)
    isDown = true
    yield* ask(1)
    assert.lengthOf(lines, 4)
  }).pipe(Effect.provide(capture(lines))),
)

it.effect("an error of a single request is not one of the application", () =>
  Effect.gen(function* () {
    const logged: Array<string> = []
    const { watch } = yield* Effect.provide(OriginLog.make, capture(logged))
    watch((_head, _body, reply) => {
      reply.fail(new ExchangeError({ code: "PTTH_BAD_REQUEST", detail: "a target" }))
      return () => {}
    })({ method: "GET", target: "/", headers: [] }, empty, { respond: () => {}, fail: () => {} })
    yield* Effect.yieldNow
    assert.isEmpty(logged)
  }),
)

it.effect("a loop and a cause with a remedy of its own are logged with what to do", () =>
  Effect.gen(function* () {
    const logged: Array<string> = []
    const ownerRemedy = "Use http:// in its address."
    for (const error of [
      new ExchangeError({ code: "PTTH_LOOP", detail: "it came back" }),
      new ExchangeError({ code: "PTTH_ORIGIN_BROKEN", detail: "no TLS", ownerRemedy }),
    ]) {
      const { watch: handlerOf } = yield* Effect.provide(OriginLog.make, capture(logged))
      handlerOf((_head, _body, reply) => {
        reply.fail(error)
        return () => {}
      })({ method: "GET", target: "/", headers: [] }, empty, { respond: () => {}, fail: () => {} })
      yield* Effect.yieldNow
    }
    assert.lengthOf(logged, 2)
    assert.match(`${logged[0]}`, /PTTH_LOOP: it came back\. Give the address of an application/)
    assert.match(`${logged[1]}`, /PTTH_ORIGIN_BROKEN: no TLS\. Use http:\/\/ in its address\./)
  }),
)

it.effect("loops between requests that succeed fill no log", () =>
  Effect.gen(function* () {
    const logged: Array<string> = []
    const { watch } = yield* Effect.provide(OriginLog.make, capture(logged))
    let isLoop = false
    const handler = watch((_head, _body, reply) => {
      isLoop = !isLoop
      if (isLoop) reply.fail(new ExchangeError({ code: "PTTH_LOOP", detail: "it came back" }))
      else reply.respond({ status: 508, headers: [] }, empty)
      return () => {}
    })
    for (let i = 0; i < 100; i++)
      handler({ method: "GET", target: "/", headers: [] }, empty, {
        respond: () => {},
        fail: () => {},
      })
    yield* Effect.yieldNow
    assert.lengthOf(logged, 1)
  }),
)

/** A log, its lines, and requests to an application. */
const watching = Effect.gen(function* () {
  const logged: Array<string> = []
  const log = yield* Effect.provide(OriginLog.make, capture(logged))
  const ask = (application: Handler) =>
    log.watch(application)({ method: "GET", target: "/", headers: [] }, empty, {
      respond: () => {},
      fail: () => {},
    })
  return { ask, log, logged }
})

const silent: Handler = () => () => {}
const quick: Handler = (_head, _body, reply) => {
  reply.respond({ status: 200, headers: [] }, empty)
  return () => {}
}

it.effect(
  "an application that takes requests and never responds is logged once, then counted",
  () =>
    Effect.gen(function* () {
      const { ask, logged } = yield* watching
      const visits = Array.from({ length: 50 }, () => ask(silent))
      yield* TestClock.adjust("30 seconds")
      for (const leave of visits) leave()
      for (const leave of visits) leave()
      yield* Effect.yieldNow
      assert.lengthOf(logged, 1)
      assert.match(
        `${logged[0]}`,
        /PTTH_NO_ANSWER: .*has not responded for 30 s\. .*response_timeout/,
      )
      ask(quick)
      yield* Effect.yieldNow
      assert.match(`${logged[1]}`, /responds again, after 50 failed requests/)
    }),
)

it.effect("a visitor who leaves a long request, or soon, says nothing of the application", () =>
  Effect.gen(function* () {
    const { ask, logged } = yield* watching
    const long = ask(silent)
    yield* TestClock.adjust("20 seconds")
    ask(quick)
    long()
    const short = ask(silent)
    yield* TestClock.adjust("5 seconds")
    short()
    yield* Effect.yieldNow
    assert.lengthOf(logged, 0)
  }),
)

it.effect("responses that break off are logged once, then counted, whatever else is answered", () =>
  Effect.gen(function* () {
    const { ask, log, logged } = yield* watching
    const cut = new ExchangeError({
      code: "PTTH_ORIGIN_CUT",
      detail: "a:1 ended a response before it was complete",
    })
    for (let i = 0; i < 50; i++) {
      ask(quick)
      log.cut(cut)
    }
    yield* Effect.yieldNow
    assert.lengthOf(logged, 1)
    assert.match(
      `${logged[0]}`,
      /PTTH_ORIGIN_CUT: a:1 .*Content-Length\. Visitors get a broken connection/,
    )
    yield* TestClock.adjust("1 minute")
    log.cut(cut)
    yield* Effect.yieldNow
    assert.match(`${logged[1]}`, /51 failed requests in 60 s/)
  }),
)

it.effect("a problem lasts until the next response, and one that others get past is none", () =>
  Effect.gen(function* () {
    const problems: Array<string | undefined> = []
    const log = yield* OriginLog.makeWith({
      onProblem: (problem) => problems.push(problem),
      onDown: () => {},
    })
    const reply = { respond: () => {}, fail: () => {} }
    const ask = (application: Handler) =>
      log.watch(application)({ method: "GET", target: "/", headers: [] }, empty, reply)
    log.cut(new ExchangeError({ code: "PTTH_ORIGIN_CUT", detail: "it was cut" }))
    ask(quick)
    assert.deepStrictEqual(problems, [])
    ask((_head, _body, reply) => {
      reply.fail(new ExchangeError({ code: "PTTH_ORIGIN_DOWN", detail: "it is down" }))
      return () => {}
    })
    ask(quick)
    assert.deepStrictEqual(problems, ["it is down", undefined])
  }).pipe(Effect.provide(capture([]))),
)
