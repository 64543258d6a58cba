/**
 * Reads a connection into large buffers instead of one for each read. Node gives
 * each piece in a buffer of its own: a record of at most 16 KiB over TLS, up to
 * 64 KiB otherwise. Here the pieces of one turn of the event loop become one. Only
 * a connection that this end opens can be read like this, since Node takes the
 * buffer when it connects. Its reader never pauses.
 */
import type { OnReadOpts } from "node:net"
import type { Duplex } from "node:stream"

/** The size of a buffer, in bytes, and of one while reads fill it. */
const smallSize = 64 * 1024
const largeSize = 256 * 1024

/** Fewer bytes than this, the content of a TLS record (RFC 8446 5.1), are not left for a read. */
const record = 16 * 1024

const buffers = new WeakMap<Duplex, ReadBuffer>()

/** See the file's header. */
export class ReadBuffer {
  /** What Node needs to read into it. */
  readonly onread: OnReadOpts
  private buffer = Buffer.allocUnsafeSlow(smallSize)
  /** What was received is between these, before `to`. */
  private from = 0
  private to = 0
  private isScheduled = false
  /** What came before there was a reader. */
  private early: Array<Buffer> = []
  private take: (chunk: Buffer) => void = (chunk) => this.early.push(chunk)

  constructor() {
    this.onread = { buffer: () => this.rest(), callback: (count) => this.received(count) }
  }

  /** The same socket, which was opened with {@link onread}. */
  attached<S extends Duplex>(socket: S): S {
    buffers.set(socket, this)
    socket.once("end", () => this.deliver())
    socket.once("close", () => this.deliver())
    return socket
  }

  /** Where the next read goes. */
  private rest(): Uint8Array {
    if (this.buffer.length - this.to < record) this.replace()
    return this.to === 0 ? this.buffer : this.buffer.subarray(this.to)
  }

  private received(count: number): boolean {
    this.to += count
    // The last record of a write is small, and others are likely to follow.
    if (count >= record) this.schedule()
    else if (!this.isScheduled) this.deliver()
    return true
  }

  /** More is likely to come in this turn of the event loop. */
  private schedule(): void {
    if (this.isScheduled) return
    this.isScheduled = true
    setImmediate(() => {
      this.isScheduled = false
      this.deliver()
    })
  }

  private replace(): void {
    const isBusy = this.to - this.from > this.buffer.length / 2
    this.deliver()
    this.buffer = Buffer.allocUnsafeSlow(isBusy ? largeSize : smallSize)
    this.from = 0
    this.to = 0
  }

  private deliver(): void {
    const { from, to } = this
    if (from === to) return
    this.from = to
    this.take(this.buffer.subarray(from, to))
  }

  /** The reader, which is called with the bytes as they come. */
  receive(take: (chunk: Buffer) => void): void {
    const { early } = this
    this.take = take
    this.early = []
    for (const chunk of early) take(chunk)
  }
}

/** Calls `take` with the bytes of a connection as they come; they may be kept. */
export const receive = (socket: Duplex, take: (chunk: Buffer) => void): void => {
  const buffer = buffers.get(socket)
  if (buffer === undefined) socket.on("data", take)
  else buffer.receive(take)
}
