/**
 * WebSocket framing (RFC 6455 5) for a byte stream: the payload of data frames
 * is delivered as it arrives, without regard to the boundaries of frames and
 * messages, so that large ones are neither buffered nor copied.
 */
/** Opcodes (RFC 6455 5.2). */
export const opcode = {
  continuation: 0,
  text: 1,
  binary: 2,
  close: 8,
  ping: 9,
  pong: 10,
} as const

/** Status codes of a close (RFC 6455 7.4.1). */
export const closeCode = { normal: 1000, protocol: 1002, policy: 1008 } as const

const fin = 0x80
const maskBit = 0x80
const maxControl = 125
const maxHeader = 14

/** A data frame with a shorter payload, in bytes, is as good as empty: a frame of the tunnel is longer. */
const leastPayload = 12

/** Limits control frames and those that are as good as empty. */
export interface FrameLimit {
  /** So many bytes have come. */
  received(bytes: number): void
  /** Such a frame has come; `false` if there are too many. */
  useless(): boolean
}

/** The fault of a peer that sends too many frames without effect. */
export const tooManyFrames = "there are too many WebSocket frames without effect"

/** Receives what a reader reads. */
export interface ReaderSink {
  /** Bytes of data frames, in order. */
  data(bytes: Buffer): void
  /** A complete ping, pong or close. */
  control(opcode: number, payload: Buffer): void
}

/** The size of the header of a frame with a payload of `length` bytes. */
export const headerBytes = (length: number, masked: boolean): number =>
  (length < 126 ? 2 : length < 65_536 ? 4 : 10) + (masked ? 4 : 0)

/**
 * Writes the header of an unfragmented message at the start of `into` and
 * returns its size. The mask, if there is one, is zero: masks keep scripts in a
 * browser from choosing the bytes on the wire (RFC 6455 10.3), which does not
 * apply here.
 */
export const writeHeader = (
  into: Buffer,
  kind: number,
  length: number,
  masked: boolean,
): number => {
  const bit = masked ? maskBit : 0
  into[0] = fin | kind
  let at = 2
  if (length < 126) into[1] = bit | length
  else if (length < 65_536) {
    into[1] = bit | 126
    at = into.writeUInt16BE(length, 2)
  } else {
    into[1] = bit | 127
    into.writeUInt32BE(Math.floor(length / 2 ** 32), 2)
    at = into.writeUInt32BE(length >>> 0, 6)
  }
  return masked ? into.writeUInt32BE(0, at) : at
}

/** Writes a control frame. */
export const control = (kind: number, payload: Uint8Array, masked: boolean): Buffer => {
  const frame = Buffer.allocUnsafe(headerBytes(payload.length, masked) + payload.length)
  frame.set(payload, writeHeader(frame, kind, payload.length, masked))
  return frame
}

/** Reads frames from bytes that arrive in pieces of any size. */
export class Reader {
  private readonly sink: ReaderSink
  private readonly masked: boolean
  private readonly budget: FrameLimit | undefined
  private readonly header = Buffer.allocUnsafe(maxHeader)
  private headerAt = 0
  private kind = 0
  private fragmented = false
  private left = 0
  private mask = 0
  private maskAt = 0
  private collected: Buffer | undefined
  private collectedAt = 0

  /**
   * @param masked whether frames must be masked (those of a client) or must not
   * be (those of a server)
   * @param budget limits control frames and tiny ones
   */
  constructor(masked: boolean, sink: ReaderSink, budget?: FrameLimit) {
    this.masked = masked
    this.budget = budget
    this.sink = sink
  }

  /**
   * Reads bytes, which it unmasks in place. Returns an error text if they are
   * illegal; nothing can be read after that.
   */
  feed(chunk: Buffer): string | undefined {
    let at = 0
    this.budget?.received(chunk.length)
    while (at < chunk.length) {
      if (this.left === 0) {
        this.header[this.headerAt++] = chunk[at++] as number
        if (this.headerAt < this.needed()) continue
        const fault = this.onHeader()
        if (fault !== undefined) return fault
        if (this.left > 0) continue
        this.onPayload(chunk.subarray(at, at))
        continue
      }
      const end = Math.min(chunk.length, at + this.left)
      const piece = chunk.subarray(at, end)
      if (this.mask !== 0) this.unmask(piece)
      this.left -= end - at
      at = end
      this.onPayload(piece)
    }
    return undefined
  }

  private needed(): number {
    if (this.headerAt < 2) return 2
    const length = (this.header[1] as number) & 127
    return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + (this.masked ? 4 : 0)
  }

  private onHeader(): string | undefined {
    const { header } = this
    const first = header[0] as number
    const second = header[1] as number
    const kind = first & 15
    const isFin = (first & fin) !== 0
    if ((first & 0x70) !== 0) return "a WebSocket frame has reserved bits"
    if (((second & maskBit) !== 0) !== this.masked)
      return this.masked ? "a WebSocket frame is not masked" : "a WebSocket frame is masked"
    if (kind >= opcode.close) {
      if (kind > opcode.pong) return "a WebSocket frame is of no known type"
      if (!isFin || (second & 127) > maxControl) return "a WebSocket control frame is too large"
    } else {
      if (kind === opcode.text) return "a WebSocket message is a text"
      if (kind > opcode.binary) return "a WebSocket frame is of no known type"
      if (this.fragmented !== (kind === opcode.continuation))
        return "a WebSocket message is broken off by another"
      this.fragmented = !isFin
    }
    const fault = this.readLength(second & 127)
    if (fault !== undefined) return fault
    if ((kind >= opcode.close || this.left < leastPayload) && this.budget?.useless() === false)
      return tooManyFrames
    this.kind = kind
    this.mask = this.masked ? header.readUInt32BE(this.headerAt - 4) : 0
    this.maskAt = 0
    this.headerAt = 0
    return undefined
  }

  private readLength(short: number): string | undefined {
    const { header } = this
    if (short < 126) this.left = short
    else if (short === 126) this.left = header.readUInt16BE(2)
    else {
      const high = header.readUInt32BE(2)
      if (high >= 2 ** 16) return "a WebSocket frame is too large"
      this.left = high * 2 ** 32 + header.readUInt32BE(6)
    }
    return undefined
  }

  private unmask(bytes: Buffer): void {
    for (let i = 0; i < bytes.length; i++) {
      const shift = 24 - 8 * ((this.maskAt + i) & 3)
      bytes[i] = (bytes[i] as number) ^ ((this.mask >>> shift) & 255)
    }
    this.maskAt = (this.maskAt + bytes.length) & 3
  }

  private onPayload(piece: Buffer): void {
    if (this.kind < opcode.close) {
      if (piece.length > 0) this.sink.data(piece)
      return
    }
    if (this.collected === undefined) {
      this.collected = Buffer.allocUnsafe(this.left + piece.length)
      this.collectedAt = 0
    }
    this.collectedAt += piece.copy(this.collected, this.collectedAt)
    if (this.left > 0) return
    const payload = this.collected
    this.collected = undefined
    this.sink.control(this.kind, payload)
  }
}
