/**
 * A server that speaks stream with bytes of its own: it says exactly what it
 * is told to, legal or not.
 */

import { onTestFinished } from "@effect/vitest"
import { WebSocket } from "ws"
import * as StreamFrame from "../../src/protocol/StreamFrame.ts"
import { FrameParser } from "../../src/transport/mux/FrameParser.ts"
import { keyOf } from "../support/Harness.ts"
import type { Address } from "../support/RawHttp.ts"
import { Watch } from "../support/Watch.ts"

/** A frame of any kind with any payload, and any length said of it. */
export const rawFrame = (
  kind: number,
  stream: number,
  payload: Uint8Array,
  { flags = 0, says = payload.length } = {},
): Buffer => {
  const head = Buffer.alloc(12)
  head[0] = kind
  head[1] = flags
  head.writeUInt32BE(stream, 4)
  head.writeUInt32BE(says, 8)
  return Buffer.concat([head, payload])
}

/** The payload of a response's head: 48 bits of promised length, status, fields; see docs/protocol.md. */
export const responseHead = (
  status: number,
  fields: ReadonlyArray<readonly [string, string]>,
  length?: number,
): Buffer => {
  const fixed = Buffer.alloc(14 + 6 * fields.length)
  fixed.writeUIntBE(length ?? 0xffff_ffff_ffff, 0, 6)
  fixed.writeUInt16BE(status & 0xffff, 6)
  fixed.writeUInt16BE(fields.length, 12)
  let texts = ""
  fields.forEach(([name, value], i) => {
    fixed.writeUInt16BE(name.length, 14 + 6 * i)
    fixed.writeUInt32BE(value.length, 16 + 6 * i)
    texts += name + value
  })
  const head = Buffer.concat([fixed, Buffer.from(texts, "latin1")])
  const size = Buffer.alloc(4)
  size.writeUInt32BE(head.length)
  return Buffer.concat([size, head])
}

/** See the file's header. */
export class StreamPeer {
  readonly socket: WebSocket
  /** Requests that it was sent. */
  readonly requests: Array<StreamFrame.Request> = []
  isClosed = false
  private readonly watch = new Watch()

  private constructor(socket: WebSocket) {
    this.socket = socket
    const parser = new FrameParser({
      frame: (frame) => {
        if (frame._tag === "Request") this.requests.push(frame)
        if (frame._tag === "Ping") this.say(StreamFrame.pong(frame.nonce))
        this.watch.changed()
      },
      data: () => {},
      illegal: () => {},
    })
    socket.on("message", (bytes) => parser.feed(bytes as Buffer))
    socket.on("error", () => {})
    socket.on("close", () => {
      this.isClosed = true
      this.watch.changed()
    })
  }

  /** Connects with the harness's key of this name; `hello: false` says nothing by itself. */
  static connect(
    relay: Address,
    name: string,
    { hello = true, instance = "evil", link = 0 } = {},
  ): Promise<StreamPeer> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://${relay.host}:${relay.port}/7ZSFUKGV/stream/${name}`, {
        perMessageDeflate: false,
        headers: {
          "X-ApiKey": keyOf(name),
          "X-PTTH-Instance": instance,
          "X-PTTH-Link": `${link}`,
        },
      })
      onTestFinished(() => socket.terminate())
      socket.once("error", reject)
      const peer = new StreamPeer(socket)
      socket.once("open", () => {
        if (hello)
          peer.say(
            StreamFrame.hello({ version: 1, maxStreams: 1024, window: 256 * 1024, publicUrl: "" }),
          )
        resolve(peer)
      })
    })
  }

  /** Sends bytes as one message. */
  say(...bytes: ReadonlyArray<Uint8Array>): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(Buffer.concat(bytes))
  }

  /** The bytes below the WebSocket, for messages that are none. */
  get raw(): { write(bytes: Uint8Array): boolean } {
    return (this.socket as unknown as { _socket: { write(bytes: Uint8Array): boolean } })._socket
  }

  /** The request with this index, once it is there. */
  async request(index = this.requests.length): Promise<StreamFrame.Request> {
    await this.until(`request ${index} comes`, () => this.requests.length > index)
    return this.requests[index] as StreamFrame.Request
  }

  /** Resolves as soon as `holds`, which is looked at whenever something comes. */
  until(what: string, holds: () => boolean): Promise<void> {
    return this.watch.until(what, holds)
  }
}
