import * as net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { BodyError } from "../../src/protocol/Exchange.ts"
import type { Body } from "../../src/transport/body/Body.ts"
import * as Harness from "../support/Harness.ts"

/** A body that says something, and then ends or breaks. */
const saying = (text: string, isWhole: boolean): Body => ({
  length: undefined,
  whole: undefined,
  discard: () => {},
  read: (sink) => {
    setImmediate(() => {
      sink.data(Buffer.from(text))
      if (isWhole) sink.end([])
      else sink.fail(new BodyError({ reason: "cut", detail: "on purpose" }))
    })
    return { resume: () => {}, cancel: () => {} }
  },
})

/** What a visitor sees of a connection that is to be changed: how it ends, and what has come before. */
const change = (port: number): Promise<{ readonly end: string; readonly text: string }> =>
  new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1")
    let text = ""
    let end = "nothing"
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1")
    })
    socket.on("end", () => {
      end = "end"
    })
    socket.on("error", (error: NodeJS.ErrnoException) => {
      end = error.code ?? ""
    })
    socket.on("close", () => resolve({ end, text }))
    socket.write(
      "GET /servers/demo/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: talk\r\n\r\n",
    )
  })

describe("a request for another protocol that is answered in HTTP", () => {
  it.live("gets the whole answer, however large it is", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const body = "0123456789abcdef".repeat(500_000)
      yield* Harness.server(
        relay,
        "demo",
        Harness.handler(() => ({ body })),
        { transport: "stream" },
      )
      const { end, text } = yield* Effect.promise(() => change(relay.port))
      assert.strictEqual(end, "end")
      assert.strictEqual(text.slice(text.indexOf("\r\n\r\n") + 4).length, body.length)
    }),
  )
})

describe("a connection that has changed its protocol", () => {
  for (const [isWhole, what, expected] of [
    [true, "ends when the server has said everything", "end"],
    [false, "is reset when what the server says breaks off", "ECONNRESET"],
  ] as const)
    it.live(what, () =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers: ["demo"] })
        const handler = Harness.handler(() => ({
          status: 101,
          headers: [["Upgrade", "talk"]],
          body: saying("hello", isWhole),
        }))
        yield* Harness.server(relay, "demo", handler, { transport: "stream" })
        const { end, text } = yield* Effect.promise(() => change(relay.port))
        assert.strictEqual(end, expected)
        if (isWhole) assert.isTrue(text.endsWith("\r\n\r\nhello"), text)
      }),
    )
})
