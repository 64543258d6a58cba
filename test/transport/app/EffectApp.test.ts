/** Handlers as parts of Effect apps and apps as handlers, also both ways round at once. */
import * as http from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import { ExchangeError } from "../../../src/protocol/Exchange.ts"
import * as EffectApp from "../../../src/transport/app/EffectApp.ts"
import * as Body from "../../../src/transport/body/Body.ts"
import type { Handler } from "../../../src/transport/body/Handler.ts"
import { Chunked, chunksOf, Picky } from "../../support/Chunked.ts"
import { callHandler } from "../../support/callHandler.ts"
import * as Harness from "../../support/Harness.ts"

const nothing = () => {}

/** A handler as part of an app that is a handler again. */
const again = (handler: Handler) =>
  Effect.flatMap(Effect.scope, (scope) =>
    EffectApp.toHandler(Effect.interruptible(EffectApp.fromHandler(handler)), { scope }),
  )

const answering =
  (status: number, headers: ReadonlyArray<readonly [string, string]>, text: string): Handler =>
  (_head, _body, reply) => {
    reply.respond({ status, headers }, Body.fromText(text))
    return nothing
  }

/** A handler as an app on a port of its own. */
const onAPort = Effect.fnUntraced(function* (handler: Handler) {
  const services = yield* Layer.build(
    HttpServer.serve(EffectApp.fromHandler(handler)).pipe(
      Layer.provideMerge(NodeHttpServer.layer(http.createServer, { port: 0, host: "127.0.0.1" })),
    ),
  )
  const { address } = yield* Effect.provide(HttpServer.HttpServer, services)
  assert.isTrue(NetAddress.isInetAddress(address))
  return { host: "127.0.0.1", port: Number(new URL(HttpServer.formatAddress(address)).port) }
})

describe("A handler as part of an app", () => {
  it.effect("is told method, target and fields, and answers with status, fields and body", () =>
    Effect.gen(function* () {
      let asked: unknown
      const handler = yield* again((head, _body, reply) => {
        asked = head
        reply.respond(
          {
            status: 206,
            headers: [
              ["Content-Type", "text/x"],
              ["Set-Cookie", "a=1"],
              ["X-Two", "1"],
              ["Set-Cookie", "b=2"],
              ["X-Two", "2"],
            ],
          },
          Body.fromText("part"),
        )
        return nothing
      })
      const answer = yield* Effect.promise(() =>
        callHandler(handler, {
          target: "/a/../b?c=%2F",
          headers: [
            ["Host", "x"],
            ["Range", "bytes=0-3"],
          ],
        }),
      )
      assert.deepStrictEqual(asked, {
        method: "GET",
        target: "/a/../b?c=%2F",
        headers: [
          ["host", "x"],
          ["range", "bytes=0-3"],
        ],
      })
      assert.deepStrictEqual([answer.status, answer.text], [206, "part"])
      assert.deepStrictEqual(answer.headers, [
        ["content-type", "text/x"],
        ["x-two", "1, 2"],
        ["set-cookie", "a=1"],
        ["set-cookie", "b=2"],
      ])
    }).pipe(Effect.scoped),
  )

  it.effect("keeps the promised length of an answer to HEAD and of 304", () =>
    Effect.gen(function* () {
      const head = yield* again(answering(200, [["Content-Length", "9"]], ""))
      const answer = yield* Effect.promise(() => callHandler(head, { target: "/", method: "HEAD" }))
      assert.strictEqual(answer.header("content-length"), "9")
      const unchanged = yield* again(answering(304, [["ETag", '"x"']], ""))
      const not = yield* Effect.promise(() => callHandler(unchanged, { target: "/" }))
      assert.deepStrictEqual([not.status, not.headers], [304, [["etag", '"x"']]])
    }).pipe(Effect.scoped),
  )

  it.effect("gets the upload, and its failure", () =>
    Effect.gen(function* () {
      const handler = yield* again(Harness.echo)
      const chunks = chunksOf([1, 70_000, 300_000])
      const answer = yield* Effect.promise(() =>
        callHandler(handler, { target: "/", method: "PUT", body: new Chunked(chunks, "soon") }),
      )
      assert.isTrue(answer.body.equals(Buffer.concat(chunks)))
    }).pipe(Effect.scoped),
  )

  it.effect("answers a failure with its status, code, fields and Retry-After", () =>
    Effect.gen(function* () {
      const handler = yield* again((_head, _body, reply) => {
        reply.fail(
          new ExchangeError({
            code: "PTTH_QUEUE_FULL",
            detail: "5 are waiting",
            retryAfter: 1.5,
            headers: [["X-More", "1"]],
          }),
        )
        return nothing
      })
      const answer = yield* Effect.promise(() => callHandler(handler, { target: "/" }))
      assert.deepStrictEqual(
        [answer.status, answer.header("retry-after"), answer.header("x-more")],
        [503, "2", "1"],
      )
      assert.include(answer.text, "PTTH_QUEUE_FULL")
      assert.include(answer.text, "5 are waiting")
    }).pipe(Effect.scoped),
  )

  it.effect("is cancelled when the visitor leaves, before and after its head", () =>
    Effect.gen(function* () {
      let cancels = 0
      const cancel = () => {
        cancels += 1
      }
      const silent = yield* again(() => cancel)
      const leave = silent({ method: "GET", target: "/", headers: [] }, Body.empty, {
        respond: nothing,
        fail: nothing,
      })
      leave()
      yield* Harness.until("it is cancelled", () => cancels === 1)

      const sender = new Chunked(chunksOf([10, 200_000]), "soon")
      const sending = yield* again((_head, _body, reply) => {
        reply.respond({ status: 200, headers: [] }, sender)
        return cancel
      })
      const receiver = new Picky([], "soon", 5)
      sending({ method: "GET", target: "/", headers: [] }, Body.empty, {
        respond: (_head, body) => receiver.take(body),
        fail: nothing,
      })
      yield* Harness.until("the sender is cancelled", () => sender.cancels === 1 && cancels === 2)
    }).pipe(Effect.scoped),
  )

  it.live("is served by Node as by a tunnel", () =>
    Effect.gen(function* () {
      const at = yield* onAPort(Harness.echo)
      const sent = Buffer.concat(chunksOf([1, 70_000, 300_000]))
      for (const chunked of [true, false]) {
        const put = yield* Harness.visit(at, "/x?y", { method: "PUT", body: sent, chunked })
        assert.isTrue(put.body.equals(sent))
        assert.strictEqual(put.header("x-target"), "/x?y")
      }
      const get = yield* Harness.get(at, "/")
      assert.deepStrictEqual([get.status, get.header("x-method"), get.text], [200, "GET", ""])
    }).pipe(Effect.scoped),
  )
})

describe("An app as a handler", () => {
  it.effect("can be waited for until no request runs", () =>
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      const { handler, idle } = yield* EffectApp.run(
        Effect.succeed(HttpServerResponse.text("done")),
        { scope },
      )
      yield* idle
      const answer = yield* Effect.promise(() => callHandler(handler, { target: "/" }))
      assert.strictEqual(answer.text, "done")
      yield* idle
    }).pipe(Effect.scoped),
  )

  it.effect("gets a service of its own with each request", () =>
    Effect.gen(function* () {
      class Caller extends Context.Service<Caller, string>()("test/Caller") {}
      const handlerOf = yield* EffectApp.toHandlerWith(
        Effect.map(Caller, (name) => HttpServerResponse.text(name)),
        Caller,
        { scope: yield* Effect.scope },
      )
      const texts = yield* Effect.promise(() =>
        Promise.all(["ann", "bob"].map((name) => callHandler(handlerOf(name), { target: "/" }))),
      )
      assert.deepStrictEqual(
        texts.map(({ text }) => text),
        ["ann", "bob"],
      )
    }).pipe(Effect.scoped),
  )

  it.effect("is interrupted with 503 when its Scope closes", () =>
    Effect.gen(function* () {
      const statuses: Array<number> = []
      yield* Effect.scoped(
        Effect.gen(function* () {
          const scope = yield* Effect.scope
          const handler = yield* EffectApp.toHandler(Effect.interruptible(Effect.never), { scope })
          handler({ method: "GET", target: "/", headers: [] }, Body.empty, {
            respond: ({ status }) => statuses.push(status),
            fail: nothing,
          })
        }),
      )
      assert.deepStrictEqual(statuses, [503])
    }),
  )
})
