/**
 * The stream transport's core. A model test runs many exchanges over a
 * simulated link (`support/model/LinkModel.ts`); then, one by one, what a
 * storm cannot show: bounds, time, and a peer that breaks the rules.
 */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { BodyError, type ExchangeError } from "../../../src/protocol/Exchange.ts"
import type { ResponseHead } from "../../../src/protocol/Message.ts"
import type * as StreamFrame from "../../../src/protocol/StreamFrame.ts"
import { type Body, type BodySink, empty, fromBytes } from "../../../src/transport/body/Body.ts"
import type { Handler } from "../../../src/transport/body/Handler.ts"
import { burst } from "../../../src/transport/mux/FrameBudget.ts"
import { FrameParser, type ReadShare } from "../../../src/transport/mux/FrameParser.ts"
import { initialWindow, Multiplexer } from "../../../src/transport/mux/Multiplexer.ts"
import * as Deadlines from "../../../src/transport/runtime/Deadlines.ts"
import * as Harness from "../../support/Harness.ts"
import { failuresOf, LinkModel, linkTests } from "../../support/model/LinkModel.ts"
import { seedsFrom } from "../../support/Seeded.ts"
import { bytesOf, SimulatedLink, turn } from "../../support/SimulatedLink.ts"

// ---------------------------------------------------------------- model test

describe("exchanges on one link", () => {
  it.each(linkTests)("$name", async ({ options, seeds }) => {
    assert.deepStrictEqual(await failuresOf(seedsFrom(1, seeds), options), [])
  })

  it("take the same course for the same seed", async () => {
    for (const options of [{ seed: 7 }, { seed: 8, cut: true }, { seed: 9, calm: true }]) {
      const [first, second] = [new LinkModel(options), new LinkModel(options)]
      await first.run()
      await second.run()
      assert.isNotEmpty(first.events)
      assert.deepStrictEqual(first.events, second.events)
      assert.strictEqual(first.link.arrived, second.link.arrived)
    }
  })
})

// ---------------------------------------------------------------- one exchange

interface Asked {
  head: ResponseHead | undefined
  body: Body | undefined
  error: ExchangeError | undefined
  readonly cancel: () => void
}

/** Sends a request and keeps what comes back. */
const ask = (
  mux: Multiplexer,
  body: Body = empty,
  options: {
    readonly method?: string
    readonly headers?: ReadonlyArray<readonly [string, string]>
  } = {},
): Asked => {
  const head = { method: options.method ?? "GET", target: "/", headers: options.headers ?? [] }
  const asked = { head: undefined, body: undefined, error: undefined } as {
    -readonly [K in keyof Omit<Asked, "cancel">]: Asked[K]
  }
  const cancel = mux.request(head, body, {
    respond: (responseHead, responseBody) => {
      asked.head = responseHead
      asked.body = responseBody
    },
    fail: (error) => {
      asked.error = error
    },
  })
  return Object.assign(asked, { cancel })
}

/** Reads a body by hand. */
class HandReader implements BodySink {
  received = 0
  text = ""
  outcome: "end" | BodyError | undefined
  wants = true
  private readonly flow

  constructor(body: Body) {
    this.flow = body.read(this)
  }

  data(chunk: Uint8Array): boolean {
    this.received += chunk.length
    if (this.received < 1000) this.text += Buffer.from(chunk).toString("latin1")
    return this.wants
  }

  end(): void {
    this.outcome = "end"
  }

  fail(error: BodyError): void {
    this.outcome = error
  }

  resume(): void {
    this.wants = true
    this.flow.resume()
  }

  cancel(): void {
    this.flow.cancel()
  }
}

const respondWith =
  (body: Body, status = 200): Handler =>
  (_head, request, reply) => {
    request.discard()
    reply.respond({ status, headers: [] }, body)
    return () => {}
  }

/** A link whose handler keeps each call for the test. */
const linked = async (options: { readonly latency?: number; readonly buffer?: number } = {}) => {
  const calls: Array<{
    readonly body: Body
    readonly reply: Parameters<Handler>[2]
    cancelled: boolean
  }> = []
  const link = new SimulatedLink({
    seed: 1,
    ...options,
    handler: (_head, body, reply) => {
      const call = { body, reply, cancelled: false }
      calls.push(call)
      return () => {
        call.cancelled = true
      }
    },
  })
  await link.settle()
  const call = (i: number) => {
    const found = calls[i]
    if (found === undefined) throw new Error(`there is no call ${i}`)
    return found
  }
  return { link, call, calls }
}

const piece = Buffer.alloc(64 * 1024, "x")

/** Feeds a body as long as it is wanted. */
const feed = async (body: Harness.FedBody, link: SimulatedLink): Promise<void> => {
  await link.settle()
  while (body.isWanted) {
    body.feed(piece)
    await link.settle()
  }
}

describe("a reader that pauses", () => {
  it("holds up its own stream at the window and no other", async () => {
    const { call, link } = await linked()
    const bodies = [new Harness.FedBody(), new Harness.FedBody()] as const
    const slow = ask(link.near)
    const fast = ask(link.near)
    await link.settle()
    call(0).reply.respond({ status: 200, headers: [] }, bodies[0])
    call(1).reply.respond({ status: 200, headers: [] }, bodies[1])
    await link.settle()
    const paused = new HandReader(slow.body as Body)
    paused.wants = false
    await feed(bodies[0], link)
    assert.isAtLeast(bodies[0].fed, initialWindow)
    assert.isAtMost(bodies[0].fed, initialWindow + piece.length)
    assert.isAtMost(paused.received, piece.length * 2)
    const reader = new HandReader(fast.body as Body)
    for (let i = 0; i < 100; i++) {
      await link.settle()
      assert.isTrue(bodies[1].isWanted)
      bodies[1].feed(piece)
    }
    bodies[1].end()
    await link.settle()
    assert.strictEqual(reader.received, 100 * piece.length)
    assert.strictEqual(reader.outcome, "end")
    paused.resume()
    bodies[0].end()
    await link.settle()
    assert.strictEqual(paused.received, bodies[0].fed)
    assert.strictEqual(paused.outcome, "end")
    assert.deepStrictEqual(link.faults, [])
  })

  it("keeps its stream's place until what has come is read, so that nothing piles up", async () => {
    const { call, link } = await linked()
    const asked = ask(link.near)
    await link.settle()
    call(0).reply.respond({ status: 200, headers: [] }, fromBytes(Buffer.alloc(200_000)))
    await link.settle()
    assert.strictEqual(link.near.active, 0)
    assert.strictEqual(link.near.room, 1023)
    link.cut()
    const reader = new HandReader(asked.body as Body)
    await turn()
    assert.strictEqual(reader.received, 200_000)
    assert.strictEqual(reader.outcome, "end")
  })

  it("may be resumed while it is being given bytes", async () => {
    const { call, link } = await linked()
    const asked = ask(link.near)
    await link.settle()
    call(0).reply.respond({ status: 200, headers: [] }, fromBytes(Buffer.alloc(300_000)))
    await link.settle()
    let received = 0
    let ended = false
    const flow = (asked.body as Body).read({
      data: (chunk) => {
        received += chunk.length
        flow.resume()
        return false
      },
      end: () => {
        ended = true
      },
      fail: () => {},
    })
    await link.settle()
    assert.strictEqual(received, 300_000)
    assert.isTrue(ended)
  })
})

describe("credit", () => {
  it("grows for a fast reader on a long link, so that the window is not the ceiling, time after time", async () => {
    const { call, link } = await linked({ latency: 100, buffer: 64 * 1024 * 1024 })
    for (let round = 0; round < 6; round++) {
      const body = new Harness.FedBody()
      const asked = ask(link.near)
      await link.settle()
      call(round).reply.respond({ status: 200, headers: [] }, body)
      await link.settle()
      const reader = new HandReader(asked.body as Body)
      let most = 0
      for (let i = 0; i < 1500; i++) {
        while (body.isWanted) body.feed(piece)
        await turn()
        link.step()
        most = Math.max(most, body.fed - reader.received)
      }
      assert.isAbove(most, 4 * 1024 * 1024, `round ${round}`)
      assert.isAtMost(most, 16 * 1024 * 1024 + piece.length)
      reader.cancel()
      await link.settle()
      assert.strictEqual(link.near.active + link.far.active, 0)
    }
    assert.deepStrictEqual(link.faults, [])
  })
})

describe("what a window may grow to", () => {
  it("follows the line, and not an end that was busy for a moment", async () => {
    const mebibyte = 1024 * 1024
    const heartbeatMillis = 15_000
    const link = new SimulatedLink({ seed: 1, handler: () => () => {}, heartbeatMillis })
    await link.settle()
    const ping = async (millis: number): Promise<void> => {
      link.stall("near", true)
      link.advance(heartbeatMillis)
      link.advance(millis)
      link.stall("near", false)
      await link.settle()
    }
    const most = (): number => {
      const size = link.near.grow(0, 64 * mebibyte)
      link.near.shrink(size + initialWindow)
      return size / mebibyte
    }
    await ping(0)
    assert.strictEqual(most(), 1)
    await ping(100)
    await ping(100)
    assert.isAbove(link.near.roundTrip, 50)
    assert.strictEqual(most(), 1)
    await ping(100)
    assert.strictEqual(most(), 16)
    await ping(0)
    assert.strictEqual(most(), 1)
    assert.deepStrictEqual(link.faults, [])
    assert.deepStrictEqual(link.closed, {})
  })
})

describe("a body that waits to be asked for", () => {
  for (const header of ["Expect", "upgrade"] as const)
    it(`is not read before the other end reads it (${header})`, async () => {
      const { call, link } = await linked()
      const body = new Harness.FedBody()
      ask(link.near, body, { headers: [[header, "x"]] })
      await link.settle()
      assert.isFalse(body.isWanted)
      const reader = new HandReader(call(0).body)
      await link.settle()
      assert.isTrue(body.isWanted)
      body.feed("now")
      body.end()
      await link.settle()
      assert.strictEqual(reader.text, "now")
      assert.strictEqual(reader.outcome, "end")
    })

  it("is let go unread when the answer is complete without it", async () => {
    const { call, link } = await linked()
    const body = new Harness.FedBody()
    const asked = ask(link.near, body, { headers: [["Expect", "100-continue"]] })
    await link.settle()
    call(0).reply.respond({ status: 417, headers: [] }, empty)
    await link.settle()
    assert.strictEqual(asked.head?.status, 417)
    assert.isFalse(body.isWanted)
    assert.isTrue(body.cancelled)
    assert.strictEqual(link.near.active + link.far.active, 0)
  })
})

describe("after status 101", () => {
  it("bytes go both ways, and each way ends by itself", async () => {
    const { call, link } = await linked()
    const up = new Harness.FedBody()
    const down = new Harness.FedBody()
    const asked = ask(link.near, up, { headers: [["Upgrade", "echo"]] })
    await link.settle()
    call(0).reply.respond({ status: 101, headers: [["Upgrade", "echo"]] }, down)
    const far = new HandReader(call(0).body)
    await link.settle()
    const near = new HandReader(asked.body as Body)
    up.feed("ping")
    down.feed("pong")
    await link.settle()
    assert.strictEqual(far.text, "ping")
    assert.strictEqual(near.text, "pong")
    up.end()
    await link.settle()
    assert.strictEqual(far.outcome, "end")
    assert.isUndefined(near.outcome)
    down.feed(", and more")
    down.end()
    await link.settle()
    assert.strictEqual(near.text, "pong, and more")
    assert.strictEqual(near.outcome, "end")
    assert.strictEqual(link.near.active + link.far.active, 0)
    assert.isFalse(call(0).cancelled)
  })
})

describe("a body that does not keep its promise", () => {
  const cases = [
    ["short", (body: Harness.FedBody) => body.feed("123")],
    ["long", (body: Harness.FedBody) => body.feed("12345678901")],
  ] as const
  for (const [reason, act] of cases)
    it(`fails at the other end as ${reason}, as a response and as a request`, async () => {
      const { call, link } = await linked()
      const down = new Harness.FedBody(10)
      const up = new Harness.FedBody(10)
      const first = ask(link.near)
      const second = ask(link.near, up, { method: "POST" })
      await link.settle()
      const read = new HandReader(call(1).body)
      call(0).reply.respond({ status: 200, headers: [] }, down)
      await link.settle()
      const reader = new HandReader(first.body as Body)
      for (const body of [down, up]) {
        act(body)
        body.end()
      }
      await link.settle()
      for (const { outcome } of [reader, read]) {
        assert.instanceOf(outcome, BodyError)
        assert.strictEqual((outcome as BodyError).reason, reason)
      }
      assert.strictEqual(second.error?.code, "PTTH_BAD_REQUEST")
      assert.strictEqual(link.near.active + link.far.active, 0)
    })

  it("is let go once it has more than it promised, though the promised part is through", async () => {
    const { call, link } = await linked()
    const down = new Harness.FedBody(4)
    const asked = ask(link.near)
    await link.settle()
    call(0).reply.respond({ status: 200, headers: [] }, down)
    await link.settle()
    down.feed("1234")
    assert.isTrue(down.isWanted, "it has to be able to end")
    down.feed("5")
    assert.isTrue(down.cancelled)
    const reader = new HandReader(asked.body as Body)
    await link.settle()
    assert.strictEqual(reader.text, "1234")
    assert.strictEqual(reader.outcome, "end")
  })
})

describe("an answer that a link cannot carry", () => {
  const failed = (_head: unknown, error: ExchangeError) =>
    [{ status: 502, headers: [] }, fromBytes(Buffer.from(error.code))] as const
  const heads: ReadonlyArray<ResponseHead> = [
    { status: 200, headers: [["X-Large", "v".repeat(300_000)]] },
    { status: 99, headers: [] },
    { status: 200, headers: [["X-Bad", "a\r\nSet-Cookie: b"]] },
    { status: 200, headers: [["bad name", ""]] },
  ]
  for (const head of heads)
    it(`fails alone: ${JSON.stringify(head).slice(0, 60)}`, async () => {
      const other = new Harness.FedBody()
      let calls = 0
      const link = new SimulatedLink({
        seed: 1,
        failed,
        handler: (_head, _body, reply) => {
          calls += 1
          if (calls === 1) reply.respond({ status: 200, headers: [] }, other)
          else reply.respond(head, fromBytes(Buffer.from("hello")))
          return () => {}
        },
      })
      await link.settle()
      const running = ask(link.near)
      const asked = ask(link.near)
      await link.settle()
      const code = asked.error?.code ?? `${asked.body?.whole}`
      assert.strictEqual(code, "PTTH_BAD_ANSWER")
      const reader = new HandReader(running.body as Body)
      other.feed("still here")
      other.end()
      await link.settle()
      assert.strictEqual(reader.text, "still here")
      assert.deepStrictEqual(link.closed, {})
    })

  it("for its trailers breaks off", async () => {
    const { call, link } = await linked()
    const down = new Harness.FedBody()
    const asked = ask(link.near)
    await link.settle()
    call(0).reply.respond({ status: 200, headers: [] }, down)
    await link.settle()
    const reader = new HandReader(asked.body as Body)
    down.end([["X-Large", "v".repeat(300_000)]])
    await link.settle()
    assert.strictEqual((reader.outcome as BodyError).reason, "limit")
  })
})

it("a request that a link cannot carry fails, and its body is let go", async () => {
  const { link } = await linked()
  const body = new Harness.FedBody()
  const asked = ask(link.near, body, { headers: [["X-Large", "v".repeat(300_000)]] })
  assert.strictEqual(asked.error?.code, "PTTH_HEAD_TOO_LARGE")
  assert.isTrue(body.cancelled)
  assert.strictEqual(link.near.active, 0)
})

it("a body that is read only after its link broke fails then, and one that is whole is whole", async () => {
  const { call, link } = await linked()
  const down = new Harness.FedBody()
  const upload = new Harness.FedBody()
  const asked = ask(link.near, upload, { method: "POST" })
  await link.settle()
  call(0).reply.respond({ status: 200, headers: [] }, down)
  await link.settle()
  down.feed("half")
  upload.feed("half")
  await link.settle()
  link.cut()
  for (const body of [asked.body as Body, call(0).body]) {
    const reader = new HandReader(body)
    await turn()
    assert.strictEqual((reader.outcome as BodyError | undefined)?.reason, "cut")
  }
  assert.isTrue(down.cancelled)
  assert.isTrue(upload.cancelled)
  assert.isTrue(call(0).cancelled)
})

it("a handler that answers at once is not cancelled for having been quick", async () => {
  let cancelled = 0
  const link = new SimulatedLink({
    seed: 1,
    handler: (_head, _body, reply) => {
      reply.respond({ status: 200, headers: [] }, fromBytes(Buffer.from("quick")))
      return () => {
        cancelled += 1
      }
    },
  })
  await link.settle()
  const asked = ask(link.near)
  await link.settle()
  assert.strictEqual(`${asked.body?.whole}`, "quick")
  assert.strictEqual(cancelled, 0)
})

it("answers to HEAD, and 204 and 304, have no body whatever the handler gives", async () => {
  for (const [method, status] of [
    ["HEAD", 200],
    ["GET", 204],
    ["GET", 304],
  ] as const) {
    const body = new Harness.FedBody()
    const link = new SimulatedLink({ seed: 1, handler: respondWith(body, status) })
    await link.settle()
    const asked = ask(link.near, empty, { method })
    await link.settle()
    assert.strictEqual(asked.body?.whole?.length, 0)
    assert.isTrue(body.cancelled)
    assert.strictEqual(link.near.active + link.far.active, 0)
  }
})

// ---------------------------------------------------------------- drain

describe("a drained link", () => {
  it("finishes what runs, answers what was on its way, takes nothing new, and ends", async () => {
    const { call, calls, link } = await linked({ latency: 50 })
    const body = new Harness.FedBody()
    const running = ask(link.near)
    await link.settle()
    call(0).reply.respond({ status: 200, headers: [] }, body)
    await link.settle()
    const reader = new HandReader(running.body as Body)
    link.far.drain()
    const crossing = ask(link.near, fromBytes(Buffer.from("POST")), { method: "POST" })
    await link.settle()
    assert.strictEqual(link.near.room, 0)
    assert.strictEqual(calls.length, 2)
    const late = ask(link.near)
    assert.strictEqual(late.error?.code, "PTTH_LINK_LOST")
    call(1).reply.respond({ status: 201, headers: [] }, empty)
    await link.settle()
    assert.strictEqual(crossing.head?.status, 201)
    assert.deepStrictEqual(link.closed, {})
    body.feed("to the end")
    body.end()
    await link.settle()
    assert.strictEqual(reader.text, "to the end")
    assert.strictEqual(reader.outcome, "end")
    assert.strictEqual(link.closed.near, "it was drained")
    assert.strictEqual(link.closed.far, "it was drained")
    assert.deepStrictEqual(link.faults, [])
  })

  it("answers a request that was on its way though nothing else runs", async () => {
    const { call, link } = await linked({ latency: 50 })
    const crossing = ask(link.near, fromBytes(Buffer.from("x")), { method: "POST" })
    link.far.drain()
    await link.settle()
    call(0).reply.respond({ status: 201, headers: [] }, empty)
    await link.settle()
    assert.strictEqual(crossing.head?.status, 201)
    assert.deepStrictEqual(link.closed, { near: "it was drained", far: "it was drained" })
  })

  it("ends at once if nothing runs, whichever end drains it", async () => {
    for (const end of ["near", "far"] as const) {
      const { link } = await linked()
      link[end].drain()
      link[end].drain()
      await link.settle()
      assert.deepStrictEqual(link.closed, { near: "it was drained", far: "it was drained" })
    }
  })
})

// ---------------------------------------------------------------- time

describe("a link whose packets vanish", () => {
  const heartbeatMillis = 15_000
  const made = Effect.gen(function* () {
    const deadlines = yield* Deadlines.make
    const link = new SimulatedLink({
      seed: 1,
      handler: () => () => {},
      deadlines,
      heartbeatMillis,
    })
    const pass = Effect.fnUntraced(function* (millis: number) {
      for (let passed = 0; passed < millis; passed += 500) {
        yield* TestClock.adjust(500)
        yield* Effect.promise(() => link.settle())
      }
    })
    yield* pass(100_000)
    assert.deepStrictEqual(link.closed, {}, "a quiet link lives")
    return { link, pass }
  })

  it.effect("is given up within two heartbeats by both ends", () =>
    Effect.gen(function* () {
      const { link, pass } = yield* made
      link.stall("near", true)
      link.stall("far", true)
      const asked = ask(link.near)
      yield* pass(heartbeatMillis - 1_000)
      assert.deepStrictEqual(link.closed, {})
      yield* pass(heartbeatMillis + 1_500)
      assert.deepStrictEqual(link.closed, { near: "it fell silent", far: "it fell silent" })
      assert.strictEqual(asked.error?.code, "PTTH_LINK_LOST")
    }),
  )

  it.effect(
    "one way only is given up by the end that hears nothing, whatever the other sends",
    () =>
      Effect.gen(function* () {
        const { link, pass } = yield* made
        link.stall("far", true)
        for (let i = 0; i < 5; i++) ask(link.near)
        yield* pass(2 * heartbeatMillis + 500)
        assert.strictEqual(link.closed.far, "it fell silent")
      }),
  )

  it.each(["Pong", "Ping"] as const)(
    "is kept when an end stood still itself, and reads after that a %s that has come",
    async (tag) => {
      const link = new SimulatedLink({ seed: 1, handler: () => () => {}, heartbeatMillis })
      await link.settle()
      link.stall("near", true)
      link.stall("far", true)
      link.advance(heartbeatMillis)
      link.advance(heartbeatMillis)
      for (const end of [link.near, link.far]) end.bytes(bytesOf({ _tag: tag, nonce: 0 }))
      await link.settle()
      assert.deepStrictEqual(link.closed, {})
      link.advance(heartbeatMillis)
      await link.settle()
      assert.deepStrictEqual(link.closed, { near: "it fell silent", far: "it fell silent" })
    },
  )

  it.effect("and come back in time is kept", () =>
    Effect.gen(function* () {
      const { link, pass } = yield* made
      for (let i = 0; i < 4; i++) {
        link.stall("near", true)
        link.stall("far", true)
        yield* pass(heartbeatMillis - 2_000)
        link.stall("near", false)
        link.stall("far", false)
        yield* pass(1_000)
      }
      assert.deepStrictEqual(link.closed, {})
    }),
  )
})

describe("the heartbeat of a link", () => {
  it.effect("goes with the answer to the other end's", () =>
    Effect.gen(function* () {
      const writes: Array<ReadonlyArray<string>> = []
      const link = new Multiplexer({
        deadlines: yield* Deadlines.make,
        heartbeatMillis: 15_000,
        hello: { version: 1, maxStreams: 1024, window: initialWindow, publicUrl: "" },
        wire: {
          write: (chunks) => {
            const tags: Array<string> = []
            const parser = new FrameParser({
              frame: ({ _tag }) => tags.push(_tag),
              data: () => {},
              illegal: () => {},
            })
            parser.feed(Buffer.concat(chunks))
            writes.push(tags)
            return true
          },
          pause: () => {},
          resume: () => {},
          end: () => {},
          close: () => {},
        },
      })
      link.bytes(bytesOf(hello, { _tag: "Pong", nonce: 0 }))
      yield* Effect.promise(turn)
      for (const [nonce, millis] of [5_000, 9_000, 14_000, 14_000].entries()) {
        yield* TestClock.adjust(millis)
        writes.length = 0
        link.bytes(bytesOf({ _tag: "Ping", nonce }, { _tag: "Pong", nonce }))
        yield* Effect.promise(turn)
        const expected = nonce === 0 ? ["Pong"] : ["Ping", "Pong"]
        assert.deepStrictEqual(writes, [expected], `after ${millis} ms`)
      }
    }),
  )
})

// ---------------------------------------------------------------- a peer that breaks the rules

const idleDeadlines: Deadlines.Deadlines = {
  now: () => 0,
  elapsed: () => 0,
  set: () => ({ clear: () => {}, touch: () => {} }),
}

const hello: StreamFrame.Frame = {
  _tag: "Hello",
  version: 1,
  maxStreams: 1024,
  window: initialWindow,
  publicUrl: "",
}

const nothing = Buffer.alloc(0)

const request = (stream: number, more: Partial<StreamFrame.Request> = {}): StreamFrame.Request => ({
  _tag: "Request",
  stream,
  head: { method: "POST", target: "/", headers: [] },
  bytes: nothing,
  end: false,
  held: false,
  ...more,
})

/** One end alone, with the test as its peer, which answers pings. */
const lone = (handler?: Handler, share?: ReadShare) => {
  const sent: Array<StreamFrame.Frame> = []
  const state = { closed: undefined as string | undefined, takes: true, bytes: 0, full: false }
  const parser = new FrameParser({
    frame: (frame) => {
      sent.push(frame)
      if (frame._tag !== "Ping") return
      queueMicrotask(() => {
        if (mux.hello !== undefined) mux.bytes(bytesOf({ _tag: "Pong", nonce: frame.nonce }))
      })
    },
    data: (stream, bytes, end) => sent.push({ _tag: "Data", stream, bytes, end }),
    illegal: () => assert.fail("it sent an illegal frame"),
  })
  const mux: Multiplexer = new Multiplexer({
    ...(handler === undefined ? {} : { handler }),
    ...(share === undefined ? {} : { share }),
    deadlines: idleDeadlines,
    heartbeatMillis: 1e9,
    hello: { version: 1, maxStreams: 1024, window: initialWindow, publicUrl: "" },
    wire: {
      pause: () => {},
      resume: () => {},
      write: (chunks) => {
        for (const chunk of chunks) {
          state.bytes += chunk.length
          parser.feed(Buffer.from(chunk))
        }
        return state.takes
      },
      end: () => {},
      close: () => {},
    },
    onClosed: (reason) => {
      state.closed = reason
    },
  })
  const say = async (...frames: ReadonlyArray<StreamFrame.Frame>): Promise<void> => {
    mux.bytes(bytesOf(...frames))
    await turn()
    await turn()
  }
  const sentOf = (tag: StreamFrame.Frame["_tag"]) => sent.filter((frame) => frame._tag === tag)
  return { mux, state, say, sent, sentOf }
}

const data = (stream: number, size: number, end = false): StreamFrame.Frame => ({
  _tag: "Data",
  stream,
  bytes: Buffer.alloc(size),
  end,
})

/** Takes requests and does nothing with them. */
const idle: Handler = () => () => {}

describe("a link whose share of the turn is used up", () => {
  it("reads what comes while it sends a large body, whose rate the answers to its pings tell", async () => {
    let postponed = 0
    const share = { left: 0, take: () => {}, later: () => postponed++ }
    const { mux, say, state } = lone(undefined, share)
    await say({ ...hello, window: 0xffff_ffff } as StreamFrame.Frame)
    const size = 4 * 1024 * 1024
    ask(mux, fromBytes(Buffer.alloc(size)), { method: "POST" })
    while (state.bytes < size && postponed === 0) await turn()
    assert.strictEqual(postponed, 0)
    await turn()
    await say({ _tag: "Ping", nonce: 1 })
    assert.strictEqual(postponed, 1)
  })
})

describe("a peer that breaks the rules", () => {
  const ends: ReadonlyArray<
    readonly [what: string, reason: string, frames: ReadonlyArray<StreamFrame.Frame>]
  > = [
    ["says no hello first", "it did not begin with a hello", [request(1)]],
    ["sends data before its hello", "it did not begin with a hello", [data(1, 1)]],
    ["says hello twice", "it said hello twice", [hello, hello]],
    ["speaks no version", "it speaks version 0", [{ ...hello, version: 0 } as StreamFrame.Frame]],
    ["uses a stream twice", "it used a stream twice", [hello, request(1), request(1)]],
    [
      "sends more than its credit",
      "it sent more than it may",
      [hello, request(1), data(1, initialWindow), data(1, 1)],
    ],
    [
      "sends data of a held body",
      "it sent more than it may",
      [hello, request(1, { held: true }), data(1, 1)],
    ],
    [
      "sends data after the end",
      "it sent more than it may",
      [hello, request(1), data(1, 1, true), data(1, 1)],
    ],
    [
      "opens too many streams",
      "it opened more streams than it may",
      [hello, ...Array.from({ length: 1025 }, (_, i) => request(i + 1))],
    ],
    [
      "sends a request after it agreed to drain",
      "it sent a request after it agreed to drain",
      [hello, { _tag: "Drain" }, request(1)],
    ],
  ]
  for (const [what, reason, frames] of ends)
    it(`loses the link: it ${what}`, async () => {
      let cancelled = 0
      const { mux, say, state } = lone(() => () => {
        cancelled += 1
      })
      await say(...frames)
      assert.strictEqual(state.closed, reason)
      assert.strictEqual(mux.active, 0)
      const before = cancelled
      await say(request(77))
      assert.strictEqual(mux.active, 0)
      assert.strictEqual(cancelled, before, "nothing is served after the end")
    })

  const many = <A>(frame: A): ReadonlyArray<A> => Array.from({ length: burst + 1 }, () => frame)
  const useless: ReadonlyArray<readonly [what: string, frame: StreamFrame.Frame]> = [
    ["pings", { _tag: "Ping", nonce: 1 }],
    ["pongs", { _tag: "Pong", nonce: 7 }],
    ["empty data", data(1, 0)],
    ["data of streams that are over", data(99, 1)],
    ["resets of streams that are over", { _tag: "Reset", stream: 99, reason: "cancelled" }],
    ["credit in bytes", { _tag: "Credit", stream: 1, bytes: 1 }],
    ["credit for nothing", { _tag: "Credit", stream: 1, bytes: 65_536 }],
    ["permissions that nobody asked for", { _tag: "Begin", stream: 1, millis: 10 }],
  ]
  for (const [what, frame] of useless)
    it(`loses the link: it sends thousands of frames without effect, such as ${what}`, async () => {
      const { say, state } = lone(() => () => {})
      await say(hello, request(1), ...many(frame), ...many(frame).slice(0, 500))
      assert.strictEqual(state.closed, "it sent too many frames without effect")
    })

  const repeated: ReadonlyArray<readonly [what: string, frame: StreamFrame.Frame]> = [
    ["interim responses", { _tag: "Interim", stream: 1, head: { status: 103, headers: [] } }],
    ["questions whether it may begin", { _tag: "Begin", stream: 1, millis: 10 }],
  ]
  for (const [what, frame] of repeated)
    it(`loses the link: it sends thousands of ${what} for one request`, async () => {
      const { mux, say, state } = lone()
      await say(hello)
      ask(mux)
      await say(...Array.from({ length: 64 }, () => frame))
      assert.isUndefined(state.closed)
      await say(...many(frame), ...many(frame).slice(0, 500))
      assert.strictEqual(state.closed, "it sent too many frames without effect")
    })

  it("keeps the link: it gives credit for all that it was sent, however often", async () => {
    const { mux, say, state } = lone()
    await say({ ...hello, window: 4096 } as StreamFrame.Frame)
    const body = new Harness.FedBody()
    ask(mux, body, { method: "POST" })
    for (let i = 0; i < 2 * burst; i++) {
      body.feed(Buffer.alloc(4096))
      await say({ _tag: "Credit", stream: 1, bytes: 4096 })
    }
    assert.isUndefined(state.closed)
  })

  it("sends 32 interim responses at most for one request", async () => {
    const { say, sentOf } = lone((_head, _body, reply) => {
      for (let i = 0; i < 100; i++) reply.inform?.({ status: 103, headers: [] })
      return () => {}
    })
    await say(hello, request(1))
    assert.strictEqual(sentOf("Interim").length, 32)
  })

  it("keeps the link: frames without effect among useful ones, or a few a second", async () => {
    const { say, state } = lone(() => () => {})
    await say(hello, request(1))
    for (let i = 0; i < 2 * burst; i++) await say({ _tag: "Ping", nonce: i }, data(1, 1))
    assert.isUndefined(state.closed)
  })

  it("loses the link: it sends a request to the end that asks", async () => {
    const { say, state } = lone()
    await say(hello, request(1))
    assert.strictEqual(state.closed, "it sent a request")
  })

  it("loses the stream: it answers twice, ends twice, or answers its own request", async () => {
    const { mux, say, sentOf, state } = lone()
    await say(hello)
    const response: StreamFrame.Frame = {
      _tag: "Response",
      stream: 1,
      head: { status: 200, headers: [] },
      bytes: nothing,
      end: false,
    }
    const asked = ask(mux, new Harness.FedBody(), { method: "POST" })
    await say(response)
    const reader = new HandReader(asked.body as Body)
    await say(response)
    assert.strictEqual((reader.outcome as BodyError).reason, "cut")
    ask(mux, new Harness.FedBody(), { method: "POST" })
    const end: StreamFrame.Frame = { _tag: "End", stream: 2, trailers: [] }
    await say({ ...response, stream: 2 }, end, end)
    assert.deepStrictEqual(
      sentOf("Reset").map((frame) => "reason" in frame && frame.reason),
      ["protocol", "protocol"],
    )
    assert.strictEqual(mux.active, 0)
    assert.isUndefined(state.closed)

    const server = lone(idle)
    await server.say(hello, request(1), { ...response, stream: 1 })
    assert.strictEqual(server.sentOf("Reset").length, 1)
    assert.strictEqual(server.mux.active, 0)
  })

  it("loses the stream: more bytes come with a head than it may send", async () => {
    const server = lone(idle)
    await server.say(hello, request(1, { held: true, bytes: Buffer.from("early") }))
    assert.strictEqual(server.sentOf("Reset").length, 1)
    assert.strictEqual(server.mux.active, 0)
  })

  it("is not heeded: frames for streams that are not there", async () => {
    const { mux, say, sent, state } = lone(idle)
    await say(hello)
    const before = sent.length
    await say(
      data(9, 100_000, true),
      { _tag: "Reset", stream: 9, reason: "cut" },
      { _tag: "Credit", stream: 9, bytes: 1 },
      { _tag: "End", stream: 9, trailers: [] },
      {
        _tag: "Response",
        stream: 9,
        head: { status: 200, headers: [] },
        bytes: nothing,
        end: true,
      },
      { _tag: "Pong", nonce: 12345 },
    )
    assert.strictEqual(mux.active, 0)
    assert.strictEqual(sent.length, before)
    assert.isUndefined(state.closed)
  })

  it("gets no more than one answer to its pings while it reads nothing", async () => {
    const { mux, say, sentOf, state } = lone(idle)
    await say(hello)
    state.takes = false
    await say({ _tag: "Ping", nonce: 1 })
    const before = state.bytes
    for (let i = 0; i < 30; i++)
      await say(...Array.from({ length: 100 }, (_, nonce) => ({ _tag: "Ping", nonce }) as const))
    assert.strictEqual(state.bytes, before)
    state.takes = true
    mux.drained()
    await turn()
    assert.deepStrictEqual(sentOf("Pong").at(-1), { _tag: "Pong", nonce: 99 })
    assert.strictEqual(sentOf("Pong").length, 2)
  })

  it("is not served while it reads nothing, so that answers do not pile up", async () => {
    let served = 0
    const { mux, say, state } = lone((_head, _body, reply) => {
      served += 1
      reply.respond({ status: 200, headers: [] }, fromBytes(Buffer.alloc(60_000)))
      return () => {}
    })
    await say(hello)
    state.takes = false
    for (let i = 0; i < 10; i++)
      await say(
        ...Array.from({ length: 100 }, (_, n) =>
          request(1 + i * 100 + n, { end: true, bytes: Buffer.from("x") }),
        ),
      )
    assert.isAtMost(state.bytes, 2 * 1024 * 1024)
    assert.isAtMost(served, 40)
    assert.strictEqual(mux.active, 1000 - served)
    await say({ _tag: "Reset", stream: 1000, reason: "cancelled" })
    state.takes = true
    while (mux.active > 0) mux.drained()
    assert.strictEqual(served, 999, "one had been given up meanwhile")
  })

  it("gets no more of a body while it reads nothing, however much credit it has given", async () => {
    const { mux, say, state } = lone(respondWith(fromBytes(Buffer.alloc(20 * 1024 * 1024))))
    await say({ ...hello, window: 0xffff_ffff } as StreamFrame.Frame)
    state.takes = false
    await say(request(1, { end: true }))
    assert.isAtMost(state.bytes, 2 * 1024 * 1024)
    for (let i = 0; i < 4; i++) mux.drained()
    assert.isAtMost(state.bytes, 10 * 1024 * 1024)
    state.takes = true
    while (mux.active > 0) {
      mux.drained()
      await turn()
    }
    await turn()
    await turn()
    assert.isAbove(state.bytes, 20 * 1024 * 1024)
  })

  it("gets no requests while it reads nothing", async () => {
    const { mux, say, state } = lone()
    await say(hello)
    assert.strictEqual(mux.room, 1024)
    state.takes = false
    await say({ _tag: "Ping", nonce: 1 })
    assert.strictEqual(mux.room, 0)
    state.takes = true
    mux.drained()
    assert.strictEqual(mux.room, 1024)
  })

  it("is asked for no more streams at once than it takes", async () => {
    const { mux, say } = lone()
    assert.strictEqual(mux.room, 0)
    assert.strictEqual(ask(mux).error?.code, "PTTH_LINK_LOST", "before its hello")
    await say({ ...hello, maxStreams: 2 } as StreamFrame.Frame)
    assert.strictEqual(mux.room, 2)
    for (let i = 0; i < 2; i++) assert.isUndefined(ask(mux).error)
    assert.strictEqual(mux.room, 0)
    assert.strictEqual(ask(mux).error?.code, "PTTH_LINK_LOST")
  })

  it("is told when its request cannot be understood, and the link goes on", async () => {
    const { mux, say, sentOf, state } = lone(idle)
    await say(hello, request(3, { head: { method: "GET", target: "bad", headers: [] } }))
    assert.deepStrictEqual(sentOf("Reset"), [{ _tag: "Reset", stream: 3, reason: "protocol" }])
    assert.isUndefined(state.closed)
    assert.strictEqual(mux.active, 0)
  })

  it("gets 502 for a body or an end that comes before its head", async () => {
    const early: ReadonlyArray<StreamFrame.Frame> = [
      data(1, 1),
      data(1, 0, true),
      { _tag: "End", stream: 1, trailers: [] },
    ]
    for (const frame of early) {
      const { mux, say, sentOf } = lone()
      await say(hello)
      const asked = ask(mux)
      await say(frame)
      assert.strictEqual(asked.error?.code, "PTTH_BAD_ANSWER")
      assert.strictEqual(sentOf("Reset").length, 1)
      assert.strictEqual(mux.active, 0)
    }
  })

  const unread = async () => {
    const made = lone()
    await made.say(hello)
    const asked = ask(made.mux)
    await made.say({
      _tag: "Response",
      stream: 1,
      head: { status: 200, headers: [] },
      bytes: nothing,
      end: false,
    })
    return { ...made, body: asked.body as Body }
  }

  const held = async (): Promise<number> => {
    setFlagsFromString("--expose-gc")
    const collect = runInNewContext("gc") as () => void
    // Buffers are freed a while after they are found dead.
    for (let i = 0; i < 3; i++) {
      collect()
      await turn()
    }
    const { arrayBuffers, heapUsed } = process.memoryUsage()
    return (arrayBuffers + heapUsed) / 1024 / 1024
  }

  it("takes no more memory than its window by sending the smallest frames", async () => {
    const { body, mux, state } = await unread()
    const before = await held()
    const grain = bytesOf(data(1, 1))
    const grains = Buffer.concat(Array.from({ length: 1024 }, () => grain))
    for (let i = 0; i < 256; i++) mux.bytes(grains)
    assert.isBelow((await held()) - before, 4)
    assert.isUndefined(state.closed)
    const reader = new HandReader(body)
    await turn()
    assert.strictEqual(reader.received, initialWindow)
  })

  it("takes no more memory than its window by wrapping little in much", async () => {
    const { body, mux, state } = await unread()
    const before = await held()
    const filler = Buffer.alloc(12 + 250_000)
    filler[0] = 77
    filler.writeUInt32BE(250_000, 8)
    for (let i = 0; i < 16; i++)
      mux.bytes(
        Buffer.concat([bytesOf(data(1, 16 * 1024)), ...Array.from({ length: 14 }, () => filler)]),
      )
    assert.isBelow((await held()) - before, 4)
    assert.isUndefined(state.closed)
    const reader = new HandReader(body)
    await turn()
    assert.strictEqual(reader.received, initialWindow)
  })
})
