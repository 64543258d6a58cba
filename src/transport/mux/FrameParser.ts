/**
 * Parses a link's bytes into frames. The bytes of data frames are passed on as
 * they arrive; other frames are collected first, up to a maximum size.
 */
import * as Result from "effect/Result"
import * as StreamFrame from "../../protocol/StreamFrame.ts"
import { WireError } from "../../protocol/WireError.ts"

/** So many bytes of a body count as a frame of their own. */
const bytesPerFrame = 16 * 1024

/** Frames beyond those of stream, which both ends of a link know. */
export interface FrameExtension {
  /** Whether it has frames of this type. */
  isKnown(kind: number): boolean
  /** Takes a whole frame, whose payload it may not keep; an error means that the link must be closed. */
  frame(kind: number, stream: number, payload: Buffer): WireError | undefined
}

/**
 * Limits how many frames of a link are read in one turn of the event loop. What
 * has come beyond them waits, and the connection is not read meanwhile.
 */
export interface ReadShare {
  /** How many more frames may be read in this turn. */
  readonly left: number
  /** So many frames were read. */
  readonly take: (count: number) => void
  /** Calls `go` in one of the next turns. */
  readonly later: (go: () => void) => void
}

/** Receives the frames. */
export interface FrameSink {
  /** A complete frame other than data. */
  frame(frame: StreamFrame.Frame): void
  /** Bytes of a data frame; `end`: the last ones of this direction. */
  data(stream: number, bytes: Buffer, end: boolean): void
  /** A frame of an unknown kind, or one of data without any. */
  useless?(): void
  /** An illegal frame that ends its stream, but not the link; see `StreamFrame.isOfStream`. */
  illegal(kind: number, stream: number, error: WireError): void
  readonly extension?: FrameExtension | undefined
}

/** See the file's header. */
export class FrameParser {
  private readonly sink: FrameSink
  private readonly header = Buffer.allocUnsafe(StreamFrame.headerBytes)
  private headerAt = 0
  private kind = 0
  private flags = 0
  private stream = 0
  private left = 0
  /** The payload of a frame that comes in pieces, and how much of it has come. */
  private collected: Buffer | undefined
  private collectedAt = 0
  private read = 0
  private unread: Buffer | undefined

  constructor(sink: FrameSink) {
    this.sink = sink
  }

  /** How many frames the last call of {@link feed} has parsed; a large piece of a body counts as several. */
  get parsed(): number {
    return this.read
  }

  /** What the last call of {@link feed} has left. */
  get rest(): Buffer | undefined {
    return this.unread
  }

  /**
   * Parses bytes; an error means that the link must be closed.
   *
   * @param most after so many frames the others are left
   */
  feed(chunk: Buffer, most = Number.POSITIVE_INFINITY): WireError | undefined {
    let at = 0
    this.read = 0
    this.unread = undefined
    while (at < chunk.length || (this.headerAt === StreamFrame.headerBytes && this.left === 0)) {
      if (this.headerAt < StreamFrame.headerBytes) {
        const take = Math.min(StreamFrame.headerBytes - this.headerAt, chunk.length - at)
        chunk.copy(this.header, this.headerAt, at, at + take)
        this.headerAt += take
        at += take
        if (this.headerAt < StreamFrame.headerBytes) return undefined
        const fault = this.onHeader()
        if (fault !== undefined) return fault
        if (this.left > 0) continue
      }
      const take = Math.min(this.left, chunk.length - at)
      const piece = chunk.subarray(at, at + take)
      at += take
      this.left -= take
      const fault = this.onPayload(piece)
      if (fault !== undefined) return fault
      this.read += 1 + Math.floor(piece.length / bytesPerFrame)
      if (this.read >= most && at < chunk.length) {
        this.unread = chunk.subarray(at)
        return undefined
      }
    }
    return undefined
  }

  private onHeader(): WireError | undefined {
    const { header } = this
    this.kind = header[0] as number
    this.flags = header[1] as number
    this.stream = header.readUInt32BE(4)
    this.left = header.readUInt32BE(8)
    const limit = this.kind === StreamFrame.type.data ? StreamFrame.maxData : StreamFrame.maxControl
    if (this.left > limit) return new WireError({ detail: "a frame is too large" })
    if (this.kind === StreamFrame.type.data && this.stream === 0)
      return new WireError({ detail: "a frame is on the wrong stream" })
    return undefined
  }

  private onPayload(piece: Buffer): WireError | undefined {
    const whole = this.left === 0
    if (whole) this.headerAt = 0
    if (this.kind === StreamFrame.type.data) {
      const end = whole && (this.flags & StreamFrame.flagEnd) !== 0
      if (piece.length > 0 || end) this.sink.data(this.stream, piece, end)
      else this.sink.useless?.()
      return undefined
    }
    if (!StreamFrame.isKnown(this.kind) && this.sink.extension?.isKnown(this.kind) !== true) {
      if (whole) this.sink.useless?.()
      return undefined
    }
    const payload = this.collect(piece)
    return payload === undefined ? undefined : this.onFrame(payload)
  }

  /** The whole payload, once all of it has come. */
  private collect(piece: Buffer): Buffer | undefined {
    if (this.collected === undefined) {
      if (this.left === 0) return piece
      this.collected = Buffer.allocUnsafe(piece.length + this.left)
      this.collectedAt = 0
    }
    piece.copy(this.collected, this.collectedAt)
    this.collectedAt += piece.length
    if (this.left > 0) return undefined
    const payload = this.collected
    this.collected = undefined
    return payload
  }

  private onFrame(payload: Buffer): WireError | undefined {
    const { flags, kind, stream } = this
    if (!StreamFrame.isKnown(kind)) return this.sink.extension?.frame(kind, stream, payload)
    const frame = StreamFrame.decode(kind, flags, stream, payload)
    if (Result.isFailure(frame)) {
      if (stream === 0 || !StreamFrame.isOfStream(kind)) return frame.failure
      this.sink.illegal(kind, stream, frame.failure)
    } else if (frame.success !== undefined) this.sink.frame(frame.success)
    return undefined
  }
}
