/**
 * Replies to visitors: only the first response counts, other bodies are discarded, and interim
 * responses come before it.
 */
import { assert, describe, it } from "@effect/vitest"
import { ExchangeError } from "../../../src/protocol/Exchange.ts"
import type { InterimHead, ResponseHead } from "../../../src/protocol/Message.ts"
import { type Body, fromText } from "../../../src/transport/body/Body.ts"
import { FrontReply } from "../../../src/transport/front/FrontReply.ts"

/** A reply that remembers what it wrote. */
class RecordedReply extends FrontReply {
  readonly written: Array<ResponseHead> = []

  constructor() {
    super(
      { method: "GET", target: "/", headers: [["Accept", "text/html"]] },
      {
        renderFailure: ({ code, status }, accept) => ({
          status,
          headers: [["X-Code", `${code} as ${accept}`]],
          body: Buffer.from(code),
          id: "id",
        }),
      },
      undefined,
    )
  }

  readonly interim: Array<InterimHead> = []

  protected writeInterim(head: InterimHead): void {
    this.interim.push(head)
  }

  protected write(head: ResponseHead): void {
    this.written.push(head)
  }
}

/** A body, and how often it was discarded. */
const tracked = (): { readonly body: Body; readonly discarded: () => number } => {
  let count = 0
  const discard = () => {
    count += 1
  }
  return { body: { ...fromText("x"), discard }, discarded: () => count }
}

const ok: ResponseHead = { status: 200, headers: [] }

describe("the reply to a visitor's request", () => {
  it("writes the first response and discards the body of any other", () => {
    const reply = new RecordedReply()
    const other = tracked()
    reply.respond(ok, fromText("first"))
    reply.respond({ status: 201, headers: [] }, other.body)
    reply.fail(new ExchangeError({ code: "PTTH_INTERNAL", detail: "late" }))
    assert.deepStrictEqual(reply.written, [ok])
    assert.strictEqual(other.discarded(), 1)
  })

  it("writes a failure as the visitor's Accept field asks for it", () => {
    const reply = new RecordedReply()
    reply.fail(new ExchangeError({ code: "PTTH_INTERNAL", detail: "broken" }))
    assert.deepStrictEqual(reply.written, [
      { status: 500, headers: [["X-Code", "PTTH_INTERNAL as text/html"]] },
    ])
  })

  for (const [what, head] of [
    ["an interim status", { status: 103, headers: [] }],
    ["101 to a request for no other protocol", { status: 101, headers: [] }],
    ["a field name with a space", { status: 200, headers: [["a b", "c"]] }],
    ["a field value with a line break", { status: 200, headers: [["a", "b\r\nc: d"]] }],
    ["two lengths", { status: 200, headers: [["Content-Length", "1, 2"]] }],
  ] as const) {
    it(`writes a failure instead of ${what}`, () => {
      const reply = new RecordedReply()
      const { body, discarded } = tracked()
      reply.respond(head, body)
      assert.match(reply.written[0]?.headers[0]?.[1] ?? "", /^PTTH_BAD_ANSWER/)
      assert.strictEqual(discarded(), 1)
    })
  }

  it("tells the handler once that the visitor has left, and then takes no response", () => {
    const reply = new RecordedReply()
    const { body, discarded } = tracked()
    let cancelled = 0
    reply.start(() => {
      cancelled += 1
    })
    reply.giveUp()
    reply.giveUp()
    reply.respond(ok, body)
    assert.strictEqual(cancelled, 1)
    assert.strictEqual(discarded(), 1)
    assert.deepStrictEqual(reply.written, [])
  })

  it("tells a handler that returns after the visitor has left", () => {
    const reply = new RecordedReply()
    let cancelled = 0
    reply.giveUp()
    reply.start(() => {
      cancelled += 1
    })
    assert.strictEqual(cancelled, 1)
  })
})

describe("interim responses", () => {
  const link = ["Link", "</a>"] as const

  it("are written before the response, without fields that speak of a body", () => {
    const reply = new RecordedReply()
    const connection = [
      ["Connection", "x"],
      ["Content-Length", "5"],
      ["X", "a\nb"],
    ] as const
    reply.inform({ status: 103, headers: [link, ...connection] })
    reply.inform({ status: 102, headers: [] })
    reply.respond({ status: 200, headers: [] }, fromText(""))
    reply.inform({ status: 103, headers: [link] })
    assert.deepStrictEqual(reply.interim, [
      { status: 103, headers: [link] },
      { status: 102, headers: [] },
    ])
  })

  it("are never 100 or 101, and only so many", () => {
    const reply = new RecordedReply()
    for (const status of [100, 101, 200]) reply.inform({ status, headers: [] })
    assert.deepStrictEqual(reply.interim, [])
    for (let i = 0; i < 100; i++) reply.inform({ status: 103, headers: [link] })
    assert.strictEqual(reply.interim.length, 32)
  })
})
