/**
 * Control frames on a link's WebSocket: answered once a turn, and limited.
 */
import { Duplex } from "node:stream"
import { assert, describe, it } from "@effect/vitest"
import * as Frame from "../../../src/protocol/http/WebSocketFrame.ts"
import * as WebSocketWire from "../../../src/transport/mux/WebSocketWire.ts"
import { turn } from "../../support/SimulatedLink.ts"

/** A wire of a relay, whose socket is the test. */
const harness = () => {
  const written: Array<Buffer> = []
  const received: Array<Buffer> = []
  const socket = new Duplex({
    read: () => {},
    write: (chunk: Buffer, _encoding, done) => {
      written.push(chunk)
      done()
    },
  })
  WebSocketWire.make(socket, "server", Buffer.alloc(0), {
    bytes: (chunk) => received.push(chunk),
    drained: () => {},
    closed: () => {},
  })
  const say = async (...frames: ReadonlyArray<Buffer>): Promise<void> => {
    socket.push(Buffer.concat(frames))
    await turn()
    await turn()
  }
  return { socket, say, written, received }
}

const ping = (text: string): Buffer => Frame.control(Frame.opcode.ping, Buffer.from(text), true)

const pong = (text: string): Buffer => Frame.control(Frame.opcode.pong, Buffer.from(text), false)

const close = (code: number): Buffer =>
  Frame.control(Frame.opcode.close, Buffer.from([code >> 8, code & 255]), false)

/** A data frame of one byte, which is not the last one of its message if `more` is set. */
const tiny = (kind: number, more: boolean): Buffer =>
  Buffer.from([more ? kind : 0x80 | kind, 0x81, 0, 0, 0, 0, 1])

describe("a link's WebSocket", () => {
  it("answers a ping with its payload", async () => {
    const { say, written } = harness()
    await say(ping("one"))
    await say(ping("another"))
    assert.deepStrictEqual(written, [pong("one"), pong("another")])
  })

  it("answers the last of several pings that came together", async () => {
    const { say, written } = harness()
    await say(ping("one"), ping("two"), ping("three"))
    assert.deepStrictEqual(written, [pong("three")])
  })

  it.each([
    ["pings", ping("")],
    ["pongs", Frame.control(Frame.opcode.pong, Buffer.alloc(0), true)],
    ["empty messages", Buffer.from([0x82, 0x80, 0, 0, 0, 0])],
  ])("is closed with 1008 by thousands of %s", async (_, frame) => {
    const { say, written } = harness()
    await say(...Array.from({ length: 5_000 }, () => frame))
    assert.deepStrictEqual(written.at(-1), close(Frame.closeCode.policy))
  })

  it("is closed with 1008 by a message in thousands of pieces of a byte", async () => {
    const { say, written } = harness()
    const rest = Array.from({ length: 5_000 }, () => tiny(Frame.opcode.continuation, true))
    await say(tiny(Frame.opcode.binary, true), ...rest)
    assert.deepStrictEqual(written.at(-1), close(Frame.closeCode.policy))
  })

  it("carries thousands of small frames of the tunnel", async () => {
    const { received, say, written } = harness()
    const frame = Buffer.concat([Buffer.from([0x82, 0x8d, 0, 0, 0, 0]), Buffer.alloc(13)])
    await say(...Array.from({ length: 20_000 }, () => frame))
    assert.deepStrictEqual(written, [])
    assert.strictEqual(Buffer.concat(received).length, 260_000)
  })
})
