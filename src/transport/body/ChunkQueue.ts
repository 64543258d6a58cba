/**
 * Received bytes that wait for their reader. However the sender cuts them,
 * they take about as much memory as there are bytes: small chunks are joined,
 * and a large buffer is not held for the sake of a small part of it.
 */

/** Chunks up to this size are copied and joined, in bytes. */
const copyBelow = 16 * 1024

/** A chunk is kept as it is if it has at least one of this many parts of its buffer. */
const largestShare = 4

/** See the file's header. */
export class ChunkQueue {
  private chunks: Array<Uint8Array> = []
  /** The buffer whose start is the last chunk, while there is room behind that. */
  private tail: Uint8Array | undefined

  get isEmpty(): boolean {
    return this.chunks.length === 0
  }

  /** Appends bytes; the queue keeps or copies them. */
  push(bytes: Uint8Array): void {
    const last = this.chunks.at(-1)
    const size = (last?.length ?? 0) + bytes.length
    if (last === undefined || size > copyBelow) {
      const fillsBuffer = bytes.length >= bytes.buffer.byteLength / largestShare
      this.chunks.push(bytes.length >= copyBelow && fillsBuffer ? bytes : Buffer.from(bytes))
      this.tail = undefined
      return
    }
    let { tail } = this
    if (tail === undefined || tail.length < size) {
      tail = Buffer.allocUnsafeSlow(Math.min(2 * size, copyBelow))
      tail.set(last)
      this.tail = tail
    }
    tail.set(bytes, last.length)
    this.chunks[this.chunks.length - 1] = tail.subarray(0, size)
  }

  /** Removes the oldest chunk. */
  shift(): Uint8Array | undefined {
    return this.chunks.shift()
  }

  /** Removes everything; how many bytes that were. */
  clear(): number {
    let bytes = 0
    for (const chunk of this.chunks) bytes += chunk.length
    if (bytes > 0) this.chunks = []
    this.tail = undefined
    return bytes
  }
}
