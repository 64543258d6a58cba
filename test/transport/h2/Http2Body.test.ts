/**
 * The body of a request on a stream of HTTP/2: small frames are passed on
 * together, and nothing of it is lost or held back.
 */
import { EventEmitter } from "node:events"
import type { ServerHttp2Stream } from "node:http2"
import { assert, describe, it } from "@effect/vitest"
import { Http2Body } from "../../../src/transport/h2/Http2Body.ts"

class FakeStream extends EventEmitter {
  closed = false
  reads = 0
  _read(): void {
    this.reads += 1
  }
  read(): void {}
  push(_chunk: Buffer | null): boolean {
    this.emit("end")
    return false
  }
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
  const flow = body.read({
    data: (chunk) => {
      events.push(chunk.length > 10 ? `${chunk.length} bytes` : Buffer.from(chunk).toString())
      return wants()
    },
    end: () => events.push("end"),
    fail: ({ reason }) => events.push(reason),
  })
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  await turn()
  /** Whether the stream may go on after each frame. */
  const send = (...texts: ReadonlyArray<string>): ReadonlyArray<boolean> =>
    texts.map((text) => stream.push(Buffer.from(text)))
  return { stream, events, flow, send, turn, received: () => received }
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
    stream.push(null)
    assert.deepStrictEqual(events, ["2002 bytes", "c", "end"])
    await turn()
    assert.deepStrictEqual(events, ["2002 bytes", "c", "end"])
  })

  it("gathers no more than 16 KiB", async () => {
    const { events, send } = await reading()
    for (let i = 0; i < 33; i++) send("x".repeat(512))
    assert.deepStrictEqual(events, ["16384 bytes", "512 bytes"])
  })

  it("has its stream wait when its reader does, and keeps what comes meanwhile together", async () => {
    let wants = false
    const { events, flow, send, stream, turn } = await reading(() => wants)
    assert.deepStrictEqual(send("a", "b"), [true, true])
    await turn()
    assert.deepStrictEqual(send("c", "d"), [false, false])
    await turn()
    assert.deepStrictEqual(events, ["ab"])
    assert.strictEqual(stream.reads, 1)
    wants = true
    flow.resume()
    assert.deepStrictEqual(events, ["ab", "cd"])
    assert.strictEqual(stream.reads, 2)
    assert.deepStrictEqual(send("e"), [true])
  })

  it("that was reset breaks off", async () => {
    const { events, send, stream, turn } = await reading()
    send("a")
    stream.closed = true
    stream.emit("aborted")
    await turn()
    assert.deepStrictEqual(events, ["cut"])
  })

  it("that was reset after its response is not taken for a whole one", async () => {
    const { events, send, stream, turn } = await reading()
    send("a")
    stream.closed = true
    stream.push(null)
    await turn()
    assert.deepStrictEqual(events, ["a", "cut"])
  })
})
