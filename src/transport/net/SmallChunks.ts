/**
 * Joins the small chunks of a body that come in one turn of the event loop.
 * Node hands on each chunk of a chunked body by itself, even of one byte, and
 * everything behind would cost a hundred times what it costs for the same bytes
 * in one piece. A chunk that comes alone is delivered in the same turn.
 */

/** Chunks below this size are joined, in bytes. */
const joinBelow = 512

/** So many joined bytes are delivered at once. */
const capacity = 4 * 1024

/** See the file's header. */
export class SmallChunks {
  private readonly deliver: (bytes: Buffer) => void
  private buffer: Buffer | undefined
  private size = 0
  private isScheduled = false

  /** @param deliver called with joined bytes, which are the receiver's from then on */
  constructor(deliver: (bytes: Buffer) => void) {
    this.deliver = deliver
  }

  /** Takes a small chunk, and delivers it at the end of this turn. `false`: it is not small; what came before it has been delivered. */
  take(chunk: Buffer): boolean {
    const { length } = chunk
    if (length >= joinBelow) {
      this.flush()
      return false
    }
    if (this.size + length > capacity) this.flush()
    this.buffer ??= Buffer.allocUnsafeSlow(capacity)
    // An assignment is faster than `set` for one byte.
    if (length === 1) this.buffer[this.size] = chunk[0] as number
    else this.buffer.set(chunk, this.size)
    this.size += length
    this.schedule()
    return true
  }

  /** Delivers what has been joined. */
  flush(): void {
    const { buffer, size } = this
    if (buffer === undefined || size === 0) return
    this.size = 0
    // A few bytes must not keep the whole buffer from being freed.
    if (size < capacity / 4) return this.deliver(Buffer.from(buffer.subarray(0, size)))
    this.buffer = undefined
    this.deliver(buffer.subarray(0, size))
  }

  private schedule(): void {
    if (this.isScheduled) return
    this.isScheduled = true
    setImmediate(this.onTurn)
  }

  private readonly onTurn = (): void => {
    this.isScheduled = false
    this.flush()
  }
}
