/**
 * The outgoing side of a link: frames that are queued in one turn of the event
 * loop leave in one write.
 */
import * as StreamFrame from "../../protocol/StreamFrame.ts"

/** What carries a link's bytes. */
export interface Wire {
  /**
   * Sends bytes, in order. `false`: its buffer is full until the link's
   * `drained` is called. `done`: the bytes are not needed any more.
   */
  readonly write: (chunks: ReadonlyArray<Uint8Array>, done?: () => void) => boolean
  /** Reads no more until `resume`; a little that was read before may still come. */
  readonly pause: () => void
  /** Reads again. */
  readonly resume: () => void
  /** Ends the connection once what was written has been sent. */
  readonly end: () => void
  /** Ends the connection at once. */
  readonly close: () => void
}

/** One or two small exchanges have fewer bytes than this, in both directions together. */
const lightBytes = 4096

/** So many queued bytes are written at once, before the end of the turn. */
const flushAt = 1024 * 1024

/** See the file's header. */
export class FrameWriter {
  private readonly wire: Wire
  private readonly onSent: ((isLight: boolean) => void) | undefined
  private queue: Array<Uint8Array> = []
  private queuedBytes = 0
  /** Called once what is queued has been written. */
  private releases: Array<() => void> = []
  /** Bytes received since the last write. */
  private receivedBytes = 0
  /** The nonce of a ping that has not been answered. */
  private pongNonce: number | undefined
  private isScheduled = false
  private isBatching = false
  private isWireFull = false
  private isClosed = false

  /** @param onSent after each write, whether it and what was received before it are small */
  constructor(wire: Wire, onSent: ((isLight: boolean) => void) | undefined) {
    this.wire = wire
    this.onSent = onSent
  }

  /** Whether the wire takes no more. */
  get isFull(): boolean {
    return this.isWireFull
  }

  /** Queues frames for the end of this turn of the event loop. */
  send(chunks: ReadonlyArray<Uint8Array>): void {
    if (this.isClosed) return
    for (const chunk of chunks) {
      this.queue.push(chunk)
      this.queuedBytes += chunk.length
    }
    if (this.queuedBytes >= flushAt) this.flush()
    else this.schedule()
  }

  /** Answers a ping. While the wire is full there is one answer, to the last ping, however many come. */
  sendPong(nonce: number): void {
    this.pongNonce = nonce
    this.schedule()
  }

  /** Calls `release` once what is queued by now has been written. */
  releaseAfter(release: () => void): void {
    this.releases.push(release)
  }

  /** Writes what `run` sends when it returns, instead of at the end of the turn. */
  together(run: () => void): void {
    this.isBatching = true
    try {
      run()
    } finally {
      this.isBatching = false
      this.flush()
    }
  }

  /** So many bytes have been received. */
  received(bytes: number): void {
    this.receivedBytes += bytes
  }

  /** The wire takes bytes again. */
  drained(): void {
    this.isWireFull = false
    if (this.pongNonce !== undefined) this.schedule()
  }

  /** Writes what is queued. */
  flush(): void {
    if (this.isClosed) return
    if (this.pongNonce !== undefined && !this.isWireFull) {
      this.queue.push(StreamFrame.pong(this.pongNonce))
      this.pongNonce = undefined
    }
    if (this.queue.length === 0) return
    const chunks = this.queue
    const isLight = this.receivedBytes + this.queuedBytes < lightBytes
    this.queue = []
    this.queuedBytes = 0
    this.receivedBytes = 0
    if (!this.wire.write(chunks, this.takeReleases())) this.isWireFull = true
    this.onSent?.(isLight)
  }

  /** Writes what is queued, and nothing more. */
  close(): void {
    this.flush()
    this.isClosed = true
  }

  private schedule(): void {
    if (this.isScheduled || this.isBatching) return
    this.isScheduled = true
    setImmediate(() => {
      this.isScheduled = false
      this.flush()
    })
  }

  private takeReleases(): (() => void) | undefined {
    const { releases } = this
    if (releases.length === 0) return undefined
    this.releases = []
    return () => {
      for (const release of releases) release()
    }
  }
}
