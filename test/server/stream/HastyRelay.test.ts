/**
 * A relay that answers each listen at once and with nothing: the server listens
 * less and less often, and without a pause again once there is a request.
 */
import * as http from "node:http"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import * as RequestId from "../../../src/domain/RequestId.ts"
import * as Classic1 from "../../../src/protocol/Classic1.ts"
import * as Classic2 from "../../../src/protocol/Classic2.ts"
import * as Harness from "../../support/Harness.ts"
import { listeningUrl } from "../../support/LocalServer.ts"

const head = { method: "GET", target: "/x", headers: [] }

const dialects = {
  "classic 1": {
    headers: {},
    request: () => Classic1.encodeListenAnswer([{ id: RequestId.make(1), head }]),
    cancel: () => Buffer.from([0x90]),
  },
  "classic 2": {
    headers: { "X-PTTH-Version": "2" },
    request: () =>
      Classic2.encodeListenAnswer([
        { _tag: "Offer", id: RequestId.make(1), head, body: { _tag: "None" } },
      ]),
    cancel: () => Classic2.encodeListenAnswer([{ _tag: "Cancel", id: RequestId.make(1) }]),
  },
}

/** What a listen is answered with at once; `undefined` is nothing. */
type AnswerOf = (listen: number) => Buffer | undefined

const hastyRelay = Effect.fnUntraced(function* (
  dialect: keyof typeof dialects,
  answerOf: AnswerOf,
) {
  let listens = 0
  const { headers } = dialects[dialect]
  const server = http.createServer((request, response) => {
    request.resume()
    if (request.method !== "GET") return void response.end("StreamFinished\n")
    listens += 1
    const bytes = answerOf(listens)
    response.writeHead(bytes === undefined ? 204 : 200, headers).end(bytes)
  })
  return { url: yield* listeningUrl(server), listens: () => listens }
})

/** Lets so many minutes pass, in steps shorter than any pause; how many listens came. */
const listensWithin = Effect.fnUntraced(function* (listens: () => number, minutes: number) {
  const before = listens()
  for (let i = 0; i < minutes * 120; i++) {
    yield* TestClock.adjust("500 millis")
    yield* Harness.turns(5)
  }
  return listens() - before
})

describe.each(["classic 1", "classic 2"] as const)("a relay that parks nothing, %s", (dialect) => {
  const { cancel, request } = dialects[dialect]
  const empty = [
    { what: "nothing", answer: () => undefined },
    { what: "an answer without a request", answer: cancel },
  ]
  for (const { answer, what } of empty)
    it.effect(
      `answers each listen at once with ${what}: the server listens less and less often`,
      () =>
        Effect.gen(function* () {
          const { listens, url } = yield* hastyRelay(dialect, answer)
          const server = yield* Harness.serverAt(url, "demo", Harness.echo)
          yield* Harness.until("it is said", () =>
            server.lines.some((line) => line.includes("each listen at once and without requests")),
          )
          // Only relays say their version; 204 is what some networks answer everything with.
          assert.strictEqual(
            server.lines.some((line) => line.startsWith("connected")),
            dialect === "classic 2",
          )
          yield* Harness.turns(500)
          assert.isBelow(listens(), 16)
          assert.isBelow(yield* listensWithin(listens, 1), 200)
          yield* TestClock.adjust("20 minutes")
          assert.isBelow(yield* listensWithin(listens, 5), 60)
          assert.strictEqual(
            server.lines.filter(
              (line) =>
                !line.includes("still not") && line.includes("at once and without requests"),
            ).length,
            1,
          )
        }),
    )

  it.effect("has a request at last: the server listens again without a pause", () =>
    Effect.gen(function* () {
      let has = false
      let asked: number | undefined
      let served = 0
      const { listens, url } = yield* hastyRelay(dialect, (listen) => {
        if (!has || asked !== undefined) return undefined
        asked = listen
        return request()
      })
      const counting = Harness.handler(() => {
        served += 1
        return { body: "served" }
      })
      const server = yield* Harness.serverAt(url, "demo", counting)
      yield* Harness.until("it is said", () =>
        server.lines.some((line) => line.includes("at once and without requests")),
      )
      yield* Harness.turns(200)
      has = true
      yield* Harness.advanceUntil("it is asked", () => asked !== undefined)
      const first = asked ?? 0
      yield* Harness.until("it is asked again", () => listens() >= first + 8 && served === 1)
    }),
  )
})

describe("a relay that holds listens open", () => {
  it.effect(
    "answers them with nothing when their time is over: the server listens again at once",
    () =>
      Effect.gen(function* () {
        const relay = yield* Harness.classicRelay("demo")
        const server = yield* Harness.serverAt(relay.url, "demo", Harness.echo)
        for (let i = 0; i < 30; i++) {
          yield* Harness.promised(() => relay.until("a listen comes", (one) => one.isParked))
          yield* TestClock.adjust("25 seconds")
          relay.expire()
        }
        assert.strictEqual(server.lines.length, 1)
      }),
  )
})
