/**
 * The body of a request on a stream of HTTP/2: small frames are passed on
 * together, and nothing of it is lost or held back.
 */
import { EventEmitter } from "node:events"
import type { ServerHttp2Stream } from "node:http2"
import { assert, describe, it } from "@effect/vitest"
import { Http2Body } from "../../../src/transport/h2/Http2Body.ts"

class FakeStream extends EventEmitter {
  aborted = false
  pauses = 0
  pause(): void {
    this.pauses += 1
  }
  resume(): void {}
}

/** A body that is being read; `wants` says what the reader answers to each chunk. */
const reading = async (wants: () => boolean = () => true) => {
  const stream = new FakeStream()
  const events: Array<string> = []
  let received = 0
  const { body } = new Http2Body(stream as unknown as ServerHttp2Stream, undefined, {
    onRead: () => {},
    received: (bytes) => {
      received += bytes
    },
    abandoned: () => {},
  })
  body.read({
    data: (chunk) => {
      events.push(chunk.length > 10 ? `${chunk.length} bytes` : Buffer.from(chunk).toString())
      return wants()
    },
    end: () => events.push("end"),
    fail: ({ reason }) => events.push(reason),
  })
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  await turn()
  const send = (...texts: ReadonlyArray<string>): void => {
    for (const text of texts) stream.emit("data", Buffer.from(text))
  }
  return { stream, events, send, turn, received: () => received }
}

describe("a body of HTTP/2", () => {
  it("passes small frames of a turn on together, and large ones by themselves", async () => {
    const { events, received, send, turn } = await reading()
    send("a", "b", "c")
    assert.deepStrictEqual(events, [])
    await turn()
    assert.deepStrictEqual(events, ["abc"])
    send("d")
    await turn()
    send("x".repeat(2_000))
    assert.deepStrictEqual(events, ["abc", "d", "2000 bytes"])
    assert.strictEqual(received(), 2_004)
  })

  it("keeps frames in order, also at its end", async () => {
    const { events, send, stream, turn } = await reading()
    send("a", "x".repeat(2_000), "b")
    await turn()
    assert.deepStrictEqual(events, ["2002 bytes"])
    send("c")
    stream.emit("end")
    assert.deepStrictEqual(events, ["2002 bytes", "c", "end"])
    await turn()
    assert.deepStrictEqual(events, ["2002 bytes", "c", "end"])
  })

  it("gathers no more than 16 KiB", async () => {
    const { events, send } = await reading()
    for (let i = 0; i < 33; i++) send("x".repeat(512))
    assert.deepStrictEqual(events, ["16384 bytes", "512 bytes"])
  })

  it("has its stream wait when its reader does", async () => {
    const { send, stream, turn } = await reading(() => false)
    send("a", "b")
    assert.strictEqual(stream.pauses, 0)
    await turn()
    assert.strictEqual(stream.pauses, 1)
  })

  it("that was reset breaks off", async () => {
    const { events, send, stream, turn } = await reading()
    send("a")
    stream.aborted = true
    stream.emit("aborted")
    await turn()
    assert.deepStrictEqual(events, ["cut"])
  })
})
