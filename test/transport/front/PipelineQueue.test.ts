import type { Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { fromText } from "../../../src/transport/body/Body.ts"
import type { Reply } from "../../../src/transport/body/Handler.ts"
import type { FrontRequest } from "../../../src/transport/front/FrontRequest.ts"
import { serve } from "../../../src/transport/front/NodeFront.ts"
import * as FailurePage from "../../../src/web/FailurePage.ts"
import * as Harness from "../../support/Harness.ts"

interface Asked {
  readonly target: string
  readonly upgrade: boolean
  readonly reply: Reply
}

/** A front whose answers are the test's, or made by `answer` at once. */
const front = Effect.fnUntraced(function* (answer?: (reply: Reply) => void) {
  const asked: Array<Asked> = []
  let socket: Socket | undefined
  const { host, port } = yield* serve({
    host: "127.0.0.1",
    port: 0,
    renderFailure: FailurePage.render,
    intercept: (request) => {
      socket = request.socket
      return false
    },
    handler: ({ head, upgrade }: FrontRequest, reply) => {
      asked.push({ target: head.target, upgrade, reply })
      answer?.(reply)
      return () => {}
    },
  })
  const visitor = yield* Harness.connect({ host, port })
  return { asked, visitor, unwritten: () => socket?.writableLength ?? 0 }
})

const get = (target: string, more = ""): string =>
  `GET ${target} HTTP/1.1\r\nHost: app.test\r\n${more}\r\n`

const respond = ({ reply }: Asked, text: string): void =>
  reply.respond({ status: 200, headers: [] }, fromText(text))

describe("pipelined requests", () => {
  it.effect("an upgrade among them is a request like any other", () =>
    Effect.gen(function* () {
      const { asked, visitor } = yield* front()
      const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
      visitor.write(get("/slow") + get("/socket", upgrade))
      yield* Harness.until("both are asked for", () => asked.length === 2)
      assert.deepStrictEqual(
        asked.map(({ target, upgrade }) => [target, upgrade]),
        [
          ["/slow", false],
          ["/socket", false],
        ],
      )
      for (const one of asked) respond(one, `answer to ${one.target}`)
      yield* visitor.until("answer to /socket")
      assert.include(visitor.received().toString(), "answer to /slow")
    }),
  )

  it.effect(
    "a CONNECT among them closes the connection instead of being answered inside a response",
    () =>
      Effect.gen(function* () {
        const { asked, visitor } = yield* front()
        visitor.write(get("/slow", "Accept: x\r\n") + get("/other"))
        yield* Harness.until("both are asked for", () => asked.length === 2)
        visitor.write("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n")
        yield* visitor.closed
        assert.strictEqual(visitor.received().length, 0)
      }),
  )

  it.effect(
    "one that may change something starts when those before it are answered, and runs alone",
    () =>
      Effect.gen(function* () {
        const { asked, visitor } = yield* front()
        const put = `PUT /2 HTTP/1.1\r\nHost: app.test\r\nContent-Length: 0\r\n\r\n`
        visitor.write(get("/0", "Accept: x\r\n") + get("/1") + put + get("/3") + get("/4"))
        yield* Harness.until("the two before it are asked for", () => asked.length === 2)
        yield* Harness.turns(20)
        const targets = (): ReadonlyArray<string> => asked.map(({ target }) => target)
        assert.deepStrictEqual(targets(), ["/0", "/1"])
        respond(asked[0] as Asked, "answer to /0")
        yield* visitor.until("answer to /0")
        yield* Harness.turns(20)
        assert.deepStrictEqual(targets(), ["/0", "/1"])
        respond(asked[1] as Asked, "answer to /1")
        yield* Harness.until("it is asked for", () => asked.length === 3)
        yield* Harness.turns(20)
        assert.deepStrictEqual(targets(), ["/0", "/1", "/2"])
        respond(asked[2] as Asked, "answer to /2")
        yield* Harness.until("the two behind it are asked for", () => asked.length === 5)
        for (const one of asked.slice(3)) respond(one, `answer to ${one.target}`)
        yield* visitor.until("answer to /4")
      }),
  )

  it.effect("eight run at once, the others one after the other", () =>
    Effect.gen(function* () {
      const { asked, visitor } = yield* front()
      visitor.write(Array.from({ length: 20 }, (_, n) => get(`/${n}`)).join(""))
      yield* Harness.until("eight are asked for", () => asked.length === 8)
      yield* Harness.turns(20)
      assert.strictEqual(asked.length, 8)
      // The last of the eight has to wait for those before it, and so do all behind it.
      respond(asked[7] as Asked, "answer to /7")
      yield* Harness.turns(20)
      assert.strictEqual(asked.length, 8)
      for (let n = 0; n < 20; n++) {
        if (n === 7) continue
        yield* Harness.until(`/${n} is asked for`, () => asked.length > n)
        respond(asked[n] as Asked, `answer to /${n}`)
      }
      yield* visitor.until("answer to /19")
      const answers = visitor
        .received()
        .toString()
        .match(/answer to \/\d+/g)
      assert.deepStrictEqual(
        answers,
        Array.from({ length: 20 }, (_, n) => `answer to /${n}`),
      )
    }),
  )

  it.effect(
    "none starts while the visitor does not read, and the rest start as soon as he does",
    () =>
      Effect.gen(function* () {
        const size = 1024 * 1024
        const body = "x".repeat(size)
        const { asked, unwritten, visitor } = yield* front((reply) =>
          reply.respond({ status: 200, headers: [] }, fromText(body)),
        )
        visitor.pause()
        visitor.write(Array.from({ length: 200 }, (_, n) => get(`/${n}`)).join(""))
        yield* Harness.until("bytes pile up", () => unwritten() > 0)
        yield* Harness.turns(100)
        assert.isBelow(asked.length, 60)
        assert.isAtMost(unwritten(), 9 * size)
        visitor.resume()
        yield* Harness.until("all are asked for", () => asked.length === 200)
      }),
  )

  it.effect("a connection on which too many wait is closed", () =>
    Effect.gen(function* () {
      const { asked, visitor } = yield* front()
      visitor.write(get("/first") + get("/second"))
      yield* Harness.until("both are asked for", () => asked.length === 2)
      const large = `X: ${"x".repeat(50_000)}\r\n`
      for (let n = 0; n < 40; n++) visitor.write(get(`/${n}`, large))
      yield* visitor.closed
      assert.isAtMost(asked.length, 8)
    }),
  )
})
