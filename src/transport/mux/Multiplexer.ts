/**
 * Many exchanges over one link: the stream transport, the same at both ends.
 * Each stream has credit of its own in each direction, so that a slow visitor
 * stalls only itself; what is written in one turn of the event loop leaves in
 * one write.
 */
import { ExchangeError } from "../../protocol/Exchange.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import * as StreamFrame from "../../protocol/StreamFrame.ts"
import type { Handler } from "../body/Handler.ts"
import type { Deadline, Deadlines } from "../runtime/Deadlines.ts"
import { ReusableMap } from "../runtime/ReusableMap.ts"
import type { BodySender } from "./BodySender.ts"
import { ClientStream } from "./ClientStream.ts"
import { FrameParser } from "./FrameParser.ts"
import type { MuxStream, StreamLink } from "./MuxStream.ts"
import { type FailureResponse, ServerStream } from "./ServerStream.ts"

/** What carries a link's bytes. */
export interface Wire {
  /** Sends bytes, in order; `false`: its buffer is full until it says `drained`. `done`: nobody needs them any more. */
  readonly write: (chunks: ReadonlyArray<Uint8Array>, done?: () => void) => boolean
  /** Ends the connection once what was written has gone out. */
  readonly end: () => void
  /** Ends the connection at once. */
  readonly close: () => void
}

/** What a link tells its owner. */
export interface MultiplexerEvents {
  /** The other end has said hello. */
  readonly onHello?: (hello: StreamFrame.Hello) => void
  /** An answer to a ping has come: bytes pass in both directions. */
  readonly onPong?: () => void
  /** The other end wants no more requests, or has agreed to get none. */
  readonly onDrain?: () => void
  /** What was queued has left; whether it, and what came before it, was little. */
  readonly onSent?: (isLight: boolean) => void
  /** There may be room for another request. */
  readonly onRoom?: () => void
  /** The link is of no more use; streams have been told. */
  readonly onClosed?: (reason: string) => void
}

/** How a link behaves. */
export interface MultiplexerOptions extends MultiplexerEvents {
  readonly wire: Wire
  readonly deadlines: Deadlines
  /** What this end says of itself. */
  readonly hello: Omit<StreamFrame.Hello, "_tag">
  /** Answers requests; an end without it must not be sent any. */
  readonly handler?: Handler
  /** Turns a failure of the handler into a response. */
  readonly failed?: FailureResponse
  /** How long the other end may be silent before it is asked, and again before it is given up; in milliseconds. */
  readonly heartbeatMillis: number
  /** A clock that never goes back, in milliseconds; `performance.now` unless it is given. */
  readonly now?: () => number
}

/** The version of the framing that this end speaks. */
export const version = 1

/** The bytes of each body that may come before credit is given. */
export const initialWindow = 256 * 1024

/** The most streams that an end accepts on one link. */
export const maxStreams = 1024

const largestWindow = 16 * 1024 * 1024
const smallLinkWindow = 1024 * 1024
const windowPerMilli = 1024 * 1024
const windowBudget = 64 * 1024 * 1024
/** Less than this many bytes, in both directions, are what one or two small exchanges take. */
const lightBytes = 4096
/** What is queued beyond this does not wait for the end of the turn. */
const flushAt = 1024 * 1024

/** See the file's header. */
export class Multiplexer implements StreamLink {
  /** Round trip of the last ping, in milliseconds. */
  roundTrip = 1
  /** Milliseconds by the link's clock. */
  readonly now: () => number
  private readonly options: MultiplexerOptions
  private readonly parser: FrameParser
  private readonly streams = new ReusableMap<number, MuxStream>()
  /** Bodies that have something to send and wait for the wire, in turn. */
  private readonly blocked = new Set<BodySender>()
  /** Requests that came while the wire was full: answers to them would only pile up. */
  private unserved: Array<ServerStream> = []
  /** Streams that are over on the wire while this end still holds some of their bytes. */
  private lingering = 0
  private out: Array<Uint8Array> = []
  /** To be called once what is queued has been written. */
  private releases: Array<() => void> = []
  private outBytes = 0
  /** What came since something last left. */
  private inBytes = 0
  private scheduled = false
  private holding = false
  private full = false
  private ending = false
  private closed = false
  private nextStream = 1
  private peer: StreamFrame.Hello | undefined
  private peerDraining = false
  private draining = false
  private saidDrain = false
  private heard = true
  private nonce = 0
  private pingAt: number | undefined
  private owedPong: number | undefined
  private heartbeat: Deadline | undefined
  private grantedWindows = 0

  constructor(options: MultiplexerOptions) {
    this.options = options
    this.now = options.now ?? (() => performance.now())
    this.parser = new FrameParser({
      frame: (frame) => this.onFrame(frame),
      data: (stream, bytes, end) => this.onData(stream, bytes, end),
      illegal: (kind, stream, error) => this.onIllegal(kind, stream, error.detail),
    })
    this.send(StreamFrame.hello(options.hello))
    this.ping()
    this.beat()
  }

  /** How many streams are open. */
  get active(): number {
    return this.streams.size
  }

  /** How many more requests the other end takes now. */
  get room(): number {
    if (this.full || !this.takesRequests) return 0
    return Math.max(0, this.mostStreams - this.streams.size - this.lingering)
  }

  /** What the other end has said of itself. */
  get hello(): StreamFrame.Hello | undefined {
    return this.peer
  }

  /** Takes bytes from the wire. */
  bytes(chunk: Buffer): void {
    if (this.closed) return
    this.heard = true
    this.inBytes += chunk.length
    const fault = this.parser.feed(chunk)
    if (fault !== undefined) this.close(fault.detail)
  }

  /** The wire takes bytes again. */
  drained(): void {
    if (this.closed) return
    this.full = false
    if (this.owedPong !== undefined) this.schedule()
    while (!this.full && this.unserved.length > 0) this.serve(this.unserved.shift() as ServerStream)
    this.options.onRoom?.()
    for (const sender of [...this.blocked]) {
      if (this.full) return
      if (this.blocked.delete(sender)) sender.pump()
    }
  }

  /** Sends a request; the exchange at the level of callbacks. */
  readonly request: Handler = (head, body, reply) => {
    const refused = this.refusal(head)
    if (refused !== undefined) {
      body.discard()
      reply.fail(refused)
      return () => {}
    }
    const id = this.nextId()
    const stream = new ClientStream(this, id, reply)
    this.streams.set(id, stream)
    stream.ask(head, body)
    return () => stream.cancel()
  }

  /**
   * No more requests are accepted on this link; what is open goes on. It ends
   * once nothing is open and the other end has agreed: a request that was on
   * its way before that is still answered.
   */
  drain(): void {
    if (this.draining || this.closed) return
    this.draining = true
    this.sayDrain()
    this.rest()
  }

  /** Asks the other end whether it is there, unless an answer to that is on its way. */
  ping(): void {
    if (this.pingAt !== undefined) return
    this.pingAt = this.now()
    this.send(StreamFrame.ping(this.nonce))
  }

  /** Ends the link and everything on it. */
  close(reason: string): void {
    if (this.closed) return
    this.flush()
    this.closed = true
    this.heartbeat?.clear()
    this.options.wire.close()
    for (const stream of this.streams.all()) stream.lost(reason)
    this.streams.clear()
    this.blocked.clear()
    this.unserved = []
    this.options.onClosed?.(reason)
  }

  /** The wire has ended. */
  ended(): void {
    const drained = this.peerDraining && this.streams.size === 0
    this.close(drained ? "it was drained" : "its connection broke")
  }

  /** Queues bytes for the end of this turn of the event loop. */
  send(...chunks: ReadonlyArray<Uint8Array>): void {
    if (this.closed) return
    for (const chunk of chunks) {
      this.out.push(chunk)
      this.outBytes += chunk.length
    }
    if (this.outBytes >= flushAt) this.flush()
    else this.schedule()
  }

  /** Has `release` called once what is queued by now has been written. */
  releaseAfter(release: () => void): void {
    this.releases.push(release)
  }

  /** What is sent by `run`, and before, leaves at its end instead of that of the turn. */
  together(run: () => void): void {
    this.holding = true
    try {
      run()
    } finally {
      this.holding = false
      this.flush()
    }
  }

  /** Waits for the wire to take more. */
  block(sender: BodySender): void {
    this.blocked.add(sender)
  }

  /** Whether the wire takes no more. */
  get isFull(): boolean {
    return this.full
  }

  /** A stream is over in both directions. */
  remove(stream: MuxStream): void {
    this.blocked.delete(stream.sender)
    if (!this.streams.delete(stream.id)) return
    this.options.onRoom?.()
    this.rest()
  }

  /** Bytes of a stream that is over are still held here, or no longer. */
  linger(change: 1 | -1): void {
    this.lingering += change
    if (change < 0) this.options.onRoom?.()
  }

  /** Room for a larger window, if this link may have it. */
  grow(from: number, to: number): number {
    const most = Math.min(largestWindow, Math.max(smallLinkWindow, this.roundTrip * windowPerMilli))
    const wanted = Math.min(to, Math.floor(most))
    if (wanted <= from || this.grantedWindows + wanted - from > windowBudget) return from
    this.grantedWindows += wanted - from
    return wanted
  }

  /** A window of this size is given up. */
  shrink(size: number): void {
    if (size > this.baseWindow) this.grantedWindows -= size - this.baseWindow
  }

  /** The bytes of each body that the other end may send before it gets credit. */
  get baseWindow(): number {
    return this.options.hello.window
  }

  /** The bytes of each body that this end may send before it gets credit. */
  get peerWindow(): number {
    return this.peer?.window ?? 0
  }

  private get takesRequests(): boolean {
    return !(this.closed || this.ending || this.saidDrain || this.peer === undefined)
  }

  private get mostStreams(): number {
    return Math.min(this.peer?.maxStreams ?? 0, maxStreams)
  }

  private refusal(head: RequestHead): ExchangeError | undefined {
    if (!this.takesRequests)
      return new ExchangeError({ code: "PTTH_LINK_LOST", detail: "the link takes no requests" })
    if (this.streams.size >= this.mostStreams)
      return new ExchangeError({ code: "PTTH_LINK_LOST", detail: "the link has no room" })
    return StreamFrame.fitsRequest(head)
      ? undefined
      : new ExchangeError({ code: "PTTH_HEAD_TOO_LARGE", detail: "more than a link can carry" })
  }

  private nextId(): number {
    let id: number
    do {
      id = this.nextStream
      this.nextStream = id === 0xffff_ffff ? 1 : id + 1
    } while (this.streams.has(id))
    return id
  }

  private schedule(): void {
    if (this.scheduled || this.holding) return
    this.scheduled = true
    setImmediate(() => {
      this.scheduled = false
      this.flush()
    })
  }

  private flush(): void {
    if (this.closed) return
    // However many pings come, a wire that is full holds one answer at most.
    if (this.owedPong !== undefined && !this.full) {
      this.out.push(StreamFrame.pong(this.owedPong))
      this.owedPong = undefined
    }
    if (this.out.length === 0) return
    const chunks = this.out
    const isLight = this.inBytes + this.outBytes < lightBytes
    this.out = []
    this.outBytes = 0
    this.inBytes = 0
    if (!this.options.wire.write(chunks, this.released())) this.full = true
    this.options.onSent?.(isLight)
  }

  private released(): (() => void) | undefined {
    const { releases } = this
    if (releases.length === 0) return undefined
    this.releases = []
    return () => {
      for (const release of releases) release()
    }
  }

  private sayDrain(): void {
    if (this.saidDrain) return
    this.saidDrain = true
    this.send(StreamFrame.drain())
  }

  /** Ends a link that this end has drained. */
  private rest(): void {
    if (!this.draining || !this.peerDraining || this.streams.size > 0) return
    if (this.closed || this.ending) return
    this.flush()
    this.ending = true
    this.options.wire.end()
  }

  private beat(): void {
    this.heartbeat = this.options.deadlines.set(this.options.heartbeatMillis, () => {
      if (!this.heard) return this.close("it fell silent")
      this.heard = false
      this.ping()
      this.beat()
    })
  }

  private onFrame(frame: StreamFrame.Frame): void {
    if (this.closed) return
    if (frame._tag === "Hello") return this.onHello(frame)
    if (!this.isGreeted()) return
    switch (frame._tag) {
      case "Ping":
        this.owedPong = frame.nonce
        return this.schedule()
      case "Pong":
        return this.onPong(frame.nonce)
      case "Drain":
        return this.onDrain()
      case "Request":
        return this.onRequest(frame)
      case "Data":
        return
      default:
        return this.streams.get(frame.stream)?.onFrame(frame)
    }
  }

  private isGreeted(): boolean {
    if (this.peer === undefined) this.close("it did not begin with a hello")
    return !this.closed
  }

  private onHello(frame: StreamFrame.Hello): void {
    if (this.peer !== undefined) return this.close("it said hello twice")
    if (frame.version < version) return this.close(`it speaks version ${frame.version}`)
    this.peer = frame
    this.options.onHello?.(frame)
  }

  private onPong(nonce: number): void {
    if (this.pingAt === undefined || nonce !== this.nonce) return
    this.roundTrip = Math.max(0.05, this.now() - this.pingAt)
    this.pingAt = undefined
    this.nonce = (this.nonce + 1) >>> 0
    this.options.onPong?.()
  }

  private onDrain(): void {
    if (this.peerDraining) return
    this.peerDraining = true
    this.sayDrain()
    this.options.onDrain?.()
    this.rest()
  }

  private onData(id: number, bytes: Buffer, end: boolean): void {
    if (this.closed || !this.isGreeted()) return
    const stream = this.streams.get(id)
    if (stream !== undefined && !stream.onData(bytes, end)) this.close("it sent more than it may")
  }

  private onIllegal(kind: number, id: number, detail: string): void {
    if (this.closed || !this.isGreeted()) return
    const stream = this.streams.get(id)
    if (stream !== undefined) return stream.onIllegal(detail)
    if (kind !== StreamFrame.type.request) return
    // Refusals must not pile up.
    if (this.full) return this.close(detail)
    this.send(StreamFrame.reset(id, "protocol"))
  }

  private onRequest(frame: StreamFrame.Request): void {
    if (this.options.handler === undefined) return this.close("it sent a request")
    if (this.peerDraining) return this.close("it sent a request after it agreed to drain")
    if (this.streams.has(frame.stream)) return this.close("it used a stream twice")
    if (this.streams.size >= this.options.hello.maxStreams)
      return this.close("it opened more streams than it may")
    const stream = new ServerStream(this, frame, this.options.failed)
    this.streams.set(frame.stream, stream)
    stream.accept(frame)
    if (this.full) this.unserved.push(stream)
    else this.serve(stream)
  }

  private serve(stream: ServerStream): void {
    const { handler } = this.options
    if (handler !== undefined) stream.serve(handler)
  }
}
