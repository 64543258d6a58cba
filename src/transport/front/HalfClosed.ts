/**
 * A visitor who closes the sending half of the connection may still read (RFC
 * 9293 3.6), so what was asked is answered. One who has left looks the same,
 * until bytes are written: the other end resets the connection then. To notice
 * that in time, bytes that the response begins with anyway are written early, one
 * by one at growing intervals, while the visitor waits.
 */
import type { Socket } from "node:net"
import { cutOff } from "../net/ConnectionClose.ts"

/**
 * What is written next to a connection:
 *
 * - `Head`: the head of a response.
 * - `Chunk`: the next chunk of a body, or the last one.
 * - `Bytes`: bytes of a body that is not chunked; none can be written early.
 * - `Nothing`: no response is under way.
 */
export type NextWrite = "Head" | "Chunk" | "Bytes" | "Nothing"

/** What every response begins with. */
const statusStart = "HTTP/1.1 "

/** How many zeros are put before the size of a chunk (RFC 9112 7.1 allows any number). */
const maxZeros = 8

/** When the first byte is written early, in milliseconds; each further interval is twice as long. */
const firstMillis = 50

/** The longest interval, in milliseconds. */
const longestMillis = 10_000

/** How long a body of which no byte can be written early may be silent until its visitor counts as gone, in milliseconds. */
const silentMillis = 5_000

/**
 * Watches a connection whose visitor has closed the sending half, until it is
 * closed.
 *
 * @param nextWrite what is written next to it
 */
export const watch = (socket: Socket, nextWrite: () => NextWrite): void => {
  const halfClosed = new HalfClosed(socket, nextWrite)
  halfClosed.wait(firstMillis)
}

class HalfClosed {
  private readonly socket: Socket
  private readonly nextWrite: () => NextWrite
  private timer: NodeJS.Timeout | undefined
  private before: NextWrite = "Nothing"
  /** How many bytes of {@link statusStart} have been written early. */
  private startBytes = 0
  private zeros = 0
  private bytesWritten = 0
  private movedAt = performance.now()

  constructor(socket: Socket, nextWrite: () => NextWrite) {
    this.socket = socket
    this.nextWrite = nextWrite
    socket.once("close", () => clearTimeout(this.timer))
  }

  wait(millis: number): void {
    this.timer = setTimeout(() => {
      this.check()
      if (!this.socket.destroyed) this.wait(Math.min(2 * millis, longestMillis))
    }, millis).unref()
  }

  private check(): void {
    const { before, socket } = this
    const next = this.nextWrite()
    this.before = next
    if (socket.bytesWritten !== this.bytesWritten) {
      this.bytesWritten = socket.bytesWritten
      this.movedAt = performance.now()
    }
    // What is in the socket's buffer already shows whether the other end is there.
    if (socket.writableLength > 0) return
    if (next === "Head") this.writeStart()
    // At the check before, the head might not have been written.
    else if (next === "Chunk" && before === "Chunk") this.writeZero()
    else if (next === "Bytes" && performance.now() - this.movedAt > silentMillis) cutOff(socket)
  }

  /** Writes the next byte of the status line, which the next write then leaves out. */
  private writeStart(): void {
    const { socket } = this
    if (this.startBytes === statusStart.length) return
    if (this.startBytes > 0) Reflect.deleteProperty(socket, "write")
    socket.write(statusStart.charAt(this.startBytes), "latin1")
    this.startBytes += 1
    const early = this.startBytes
    const write = (chunk: string | Uint8Array, ...rest: []): boolean => {
      Reflect.deleteProperty(socket, "write")
      this.startBytes = 0
      return socket.write(withoutStart(chunk, early), ...rest)
    }
    socket.write = write as Socket["write"]
  }

  private writeZero(): void {
    if (this.zeros === maxZeros) return
    this.zeros += 1
    this.socket.write("0", "latin1")
  }
}

/** What is written to a socket, without the bytes that were written early. */
const withoutStart = (chunk: string | Uint8Array, early: number): string | Uint8Array =>
  typeof chunk === "string" ? chunk.slice(early) : chunk.subarray(early)
