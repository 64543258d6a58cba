/**
 * What an owner's view learns of the requests of a handler.
 */
import { assert, describe, it } from "@effect/vitest"
import { RequestFeed } from "../../../src/cli/terminal/RequestFeed.ts"
import type { WatchedRequest } from "../../../src/cli/terminal/WatchedRequest.ts"
import { ExchangeError } from "../../../src/protocol/Exchange.ts"
import type { ResponseHead } from "../../../src/protocol/Message.ts"
import { type Body, type BodySink, empty, fromText } from "../../../src/transport/body/Body.ts"
import type { Cancel, Handler, Reply } from "../../../src/transport/body/Handler.ts"

const head = {
  method: "GET",
  target: "/a",
  headers: [["X-Forwarded-For", "203.0.113.7, 10.0.0.1"]],
} as const

/** A body whose sink the test has. */
const controlled = (length?: number) => {
  const sinks: Array<BodySink> = []
  const body: Body = {
    length,
    whole: undefined,
    read: (sink) => {
      sinks.push(sink)
      return { resume: () => {}, cancel: () => {} }
    },
    discard: () => {},
  }
  return { body, sink: () => sinks[0] as BodySink }
}

/** Calls a watched handler, and reads its response's body. */
const call = (handler: Handler) => {
  const ended: Array<WatchedRequest> = []
  const feed = new RequestFeed({ onEnd: (request) => ended.push(request) }, () => 1_000)
  let failure: ExchangeError | undefined
  let flow: { cancel(): void } | undefined
  const reply: Reply = {
    respond: (_head: ResponseHead, body) => {
      flow = body.read({ data: () => true, end: () => {}, fail: () => {} })
    },
    fail: (error) => {
      failure = error
    },
  }
  const cancel: Cancel = feed.watch(handler)(head, empty, reply)
  return { feed, ended, cancel, failure: () => failure, flow: () => flow }
}

describe("a request", () => {
  it("is told when its response is whole, with its bytes and its visitor", () => {
    const { ended, feed } = call((_head, _body, reply) => {
      reply.respond({ status: 200, headers: [] }, fromText("hello"))
      return () => {}
    })
    assert.strictEqual(ended.length, 1)
    const [one] = ended as [WatchedRequest]
    assert.deepStrictEqual(
      [one.status, one.bytesOut, one.ending, one.at, one.address],
      [200, 5, undefined, 1_000, "203.0.113.7"],
    )
    assert.deepStrictEqual([feed.requests, feed.running.size, feed.bytesOut], [1, 0, 5])
  })

  it("runs until the last byte of its response", () => {
    const { body, sink } = controlled(3)
    const { ended, feed } = call((_head, _body, reply) => {
      reply.respond({ status: 206, headers: [] }, body)
      return () => {}
    })
    sink().data(Buffer.from("ab"))
    const [one] = [...feed.running] as [WatchedRequest]
    assert.deepStrictEqual([one.length, one.bytesOut, ended.length], [3, 2, 0])
    sink().data(Buffer.from("c"))
    sink().end([])
    assert.deepStrictEqual([ended.length, feed.running.size, one.ending], [1, 0, undefined])
  })

  it("that its visitor left, or that broke off, is told as such", () => {
    const left = call(() => () => {})
    left.cancel()
    assert.strictEqual(left.ended[0]?.ending, "left")
    const { body, sink } = controlled()
    const broken = call((_head, _body, reply) => {
      reply.respond({ status: 200, headers: [] }, body)
      return () => {}
    })
    sink().data(Buffer.from("a"))
    broken.flow()?.cancel()
    broken.cancel()
    assert.deepStrictEqual([broken.ended.length, broken.ended[0]?.ending], [1, "broken"])
  })

  it("that fails is told with the reason, and with the id that its visitor sees", () => {
    const { ended, failure } = call((_head, _body, reply) => {
      reply.fail(new ExchangeError({ code: "PTTH_ORIGIN_DOWN", detail: "nothing answers" }))
      return () => {}
    })
    const [one] = ended as [WatchedRequest]
    assert.deepStrictEqual(
      [one.status, one.code, one.detail, one.ending],
      [502, "PTTH_ORIGIN_DOWN", "nothing answers", undefined],
    )
    assert.strictEqual(failure()?.failure.id, one.failureId)
    assert.match(one.failureId ?? "", /^[0-9A-Z]{26}$/)
  })

  it("whose handler sends a page of a failure is told with its code and id", () => {
    const { ended } = call((_head, _body, reply) => {
      const headers = [
        ["X-PTTH-Code", "PTTH_NOT_FOUND"],
        ["X-Request-Id", "01JD8Q6Z7M4V9C2K5T8XWNRE3A"],
      ] as const
      reply.respond({ status: 404, headers }, fromText("no"))
      return () => {}
    })
    assert.deepStrictEqual(
      [ended[0]?.code, ended[0]?.failureId],
      ["PTTH_NOT_FOUND", "01JD8Q6Z7M4V9C2K5T8XWNRE3A"],
    )
  })
})
