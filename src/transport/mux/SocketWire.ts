/**
 * A link's bytes over a connection of its own, without framing around them.
 */
import type { Duplex } from "node:stream"
import * as ReadBuffer from "../net/ReadBuffer.ts"
import * as BufferPressure from "../runtime/BufferPressure.ts"
import * as WriteBatch from "../runtime/WriteBatch.ts"
import type { Wire } from "./FrameWriter.ts"
import { writeChunks } from "./SocketWrites.ts"
import type { WireEvents } from "./WebSocketWire.ts"

/** How long the other end may take to end its side of the connection, in milliseconds. */
const closeMillis = 2_000

/** The wire over an open connection. */
export const make = (socket: Duplex, events: WireEvents): Wire => {
  if ("setNoDelay" in socket) (socket as Duplex & { setNoDelay: () => void }).setNoDelay()
  ReadBuffer.receive(socket, (chunk) => {
    BufferPressure.count(chunk.length)
    WriteBatch.during(() => events.bytes(chunk))
  })
  socket.on("end", () => socket.end())
  socket.on("drain", events.drained)
  socket.on("close", events.closed)
  socket.on("error", () => {})
  return {
    write: (chunks, done) => {
      if (!socket.writable) return true
      writeChunks(socket, chunks, done)
      return !socket.writableNeedDrain
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    end: () => {
      socket.end()
      const timer = setTimeout(() => socket.destroy(), closeMillis)
      socket.once("close", () => clearTimeout(timer))
    },
    close: () => socket.destroy(),
  }
}
