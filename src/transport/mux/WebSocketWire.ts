/**
 * A link's bytes over a WebSocket. Message boundaries have no meaning: each
 * write is one message, and large chunks are not copied.
 */
import { createHash, randomBytes } from "node:crypto"
import type { Duplex } from "node:stream"
import * as Frame from "../../protocol/http/WebSocketFrame.ts"
import { acceptSuffix } from "../../protocol/http/WebSocketHandshake.ts"
import * as BufferPressure from "../runtime/BufferPressure.ts"
import * as WriteBatch from "../runtime/WriteBatch.ts"
import { FrameBudget } from "./FrameBudget.ts"
import type { Wire } from "./FrameWriter.ts"
import { writeChunks } from "./SocketWrites.ts"

/** Events of a wire. */
export interface WireEvents {
  readonly bytes: (chunk: Buffer) => void
  readonly drained: () => void
  readonly closed: () => void
}

/** A new Sec-WebSocket-Key (RFC 6455 4.1). */
export const newKey = (): string => randomBytes(16).toString("base64")

/** The Sec-WebSocket-Accept for a key (RFC 6455 4.2.2). */
export const acceptOf = (key: string): string =>
  createHash("sha1")
    .update(key + acceptSuffix)
    .digest("base64")

/** How long to wait for the other end's close, in milliseconds. */
const closeMillis = 2_000

/**
 * The wire over a connection that has become a WebSocket. One function, since
 * what is read decides what may still be written.
 *
 * @param role which end of the WebSocket this is; a client masks its frames
 * @param head bytes that were received behind the handshake
 */
export const make = (
  socket: Duplex,
  role: "client" | "server",
  head: Buffer,
  events: WireEvents,
): Wire => {
  const masked = role === "client"
  let closing = false
  const sendClose = (code: number): void => {
    if (closing || !socket.writable) return
    closing = true
    const payload = Buffer.from([code >> 8, code & 255])
    socket.write(Frame.control(Frame.opcode.close, payload, masked))
    const timer = setTimeout(() => socket.destroy(), closeMillis)
    socket.once("close", () => clearTimeout(timer))
  }
  /** The payload of the last ping that is not answered: of several only that one is (RFC 6455 5.5.3). */
  let ping: Buffer | undefined
  const sendPong = (): void => {
    if (ping === undefined || closing || !socket.writable || socket.writableNeedDrain) return
    socket.write(Frame.control(Frame.opcode.pong, ping, masked))
    ping = undefined
  }
  const reader = new Frame.Reader(
    !masked,
    {
      data: events.bytes,
      control: (kind, payload) => {
        if (kind === Frame.opcode.close) {
          sendClose(Frame.closeCode.normal)
          socket.end()
        } else if (kind === Frame.opcode.ping) ping = payload
      },
    },
    new FrameBudget(() => performance.now()),
  )
  const onData = (chunk: Buffer): void => {
    BufferPressure.count(chunk.length)
    const fault = WriteBatch.during(() => reader.feed(chunk))
    if (fault === undefined) return sendPong()
    socket.off("data", onData)
    sendClose(fault === Frame.tooManyFrames ? Frame.closeCode.policy : Frame.closeCode.protocol)
    socket.end()
    socket.resume()
  }
  if ("setNoDelay" in socket) (socket as Duplex & { setNoDelay: () => void }).setNoDelay()
  if ("setTimeout" in socket) (socket as Duplex & { setTimeout: (n: number) => void }).setTimeout(0)
  if (head.length > 0) socket.unshift(head)
  socket.on("data", onData)
  socket.on("end", () => socket.end())
  socket.on("drain", () => {
    sendPong()
    events.drained()
  })
  socket.on("close", events.closed)
  socket.on("error", () => {})
  return {
    write: (chunks, done) => {
      if (closing || !socket.writable) return true
      let length = 0
      for (const chunk of chunks) length += chunk.length
      writeChunks(socket, chunks, done, Frame.headerBytes(length, masked), (piece) =>
        Frame.writeHeader(piece, Frame.opcode.binary, length, masked),
      )
      return !socket.writableNeedDrain
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    end: () => sendClose(Frame.closeCode.normal),
    close: () => socket.destroy(),
  }
}
