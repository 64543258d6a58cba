/**
 * Many exchanges over one link: the stream transport, the same at both ends.
 * Each stream has credit of its own in each direction, so that a slow visitor
 * stalls only itself; what is written in one turn of the event loop leaves in
 * one write.
 */
import type { HeaderList } from "../../domain/HeaderList.ts"
import { BodyError, ExchangeError } from "../../protocol/Exchange.ts"
import type { RequestHead, ResponseHead } from "../../protocol/Message.ts"
import * as StreamFrame from "../../protocol/StreamFrame.ts"
import type { Body, BodyFlow, BodySink } from "../body/Body.ts"
import { empty, fromBytes, promise } from "../body/Body.ts"
import type { Cancel, Handler, Reply } from "../body/Handler.ts"
import type { Deadline, Deadlines } from "../runtime/Deadlines.ts"
import { ReusableMap } from "../runtime/ReusableMap.ts"
import { FrameParser } from "./FrameParser.ts"

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
  readonly failed?: (head: RequestHead, error: ExchangeError) => readonly [ResponseHead, Body]
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
const joinBelow = 64 * 1024
const largestData = 256 * 1024
const copyBelow = 16 * 1024
/** Less than this many bytes, in both directions, are what one or two small exchanges take. */
const lightBytes = 4096
/** What is queued beyond this does not wait for the end of the turn. */
const flushAt = 1024 * 1024

/** See the file's header. */
export class Multiplexer {
  /** Round trip of the last ping, in milliseconds. */
  roundTrip = 1
  /** Milliseconds by the link's clock. */
  readonly now: () => number
  private readonly options: MultiplexerOptions
  private readonly parser: FrameParser
  private readonly streams = new ReusableMap<number, MuxStream>()
  /** Streams that have something to send and wait for the wire, in turn. */
  private readonly blocked = new Set<MuxStream>()
  /** Requests that came while the wire was full: answers to them would only pile up. */
  private unserved: Array<MuxStream> = []
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
    while (!this.full && this.unserved.length > 0) this.serve(this.unserved.shift() as MuxStream)
    this.options.onRoom?.()
    for (const stream of [...this.blocked]) {
      if (this.full) return
      if (this.blocked.delete(stream)) stream.pump()
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
    const stream = new MuxStream(this, id, this.peerWindow, this.baseWindow)
    this.streams.set(id, stream)
    stream.ask(head, body, reply)
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
  block(stream: MuxStream): void {
    this.blocked.add(stream)
  }

  /** Whether the wire takes no more. */
  get isFull(): boolean {
    return this.full
  }

  /** A stream is over in both directions. */
  remove(stream: MuxStream): void {
    this.blocked.delete(stream)
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

  /** Gives a grown window back. */
  shrink(bytes: number): void {
    this.grantedWindows -= bytes
  }

  /** The bytes of each body that the other end may send before it gets credit. */
  get baseWindow(): number {
    return this.options.hello.window
  }

  private get peerWindow(): number {
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
    const window = frame.held ? 0 : this.baseWindow
    const stream = new MuxStream(this, frame.stream, this.peerWindow, window)
    this.streams.set(frame.stream, stream)
    stream.accept(frame)
    if (this.full) this.unserved.push(stream)
    else this.serve(stream)
  }

  private serve(stream: MuxStream): void {
    const { failed, handler } = this.options
    if (handler !== undefined) stream.serve(handler, failed)
  }
}

const nothing = new Uint8Array(0)

/** Whether a body must not be sent before it is asked for. */
const isHeld = (head: RequestHead): boolean =>
  head.headers.some(([name]) => {
    const lower = name.toLowerCase()
    return lower === "expect" || lower === "upgrade"
  })

/** One exchange on a link; the class is shared by the end that asks and the end that answers. */
class MuxStream {
  readonly id: number
  private readonly mux: Multiplexer
  /** It is no more on the wire: both directions have ended, or it was given up. */
  private over = false
  private givenUp = false

  // What this end sends.
  private credit: number
  private sending: BodyFlow | undefined
  private heldBody: Body | undefined
  private rest: Uint8Array = nothing
  private restRelease: (() => void) | undefined
  private ending: HeaderList | undefined
  private endSent = false
  /** How much of the promised length has not been sent. */
  private toSend: number | undefined
  private sent: (() => void) | undefined

  // What this end receives.
  private window: number
  private allowed: number
  private unacknowledged = 0
  private creditAt = 0
  private sink: BodySink | undefined
  private flowing = false
  private delivering = false
  private resumed = false
  private queue: Array<Uint8Array> = []
  /** What the queue's last bytes are the start of, while there is room behind them. */
  private tail: Buffer | undefined
  /** How the body ends, once that is known and until it is told. */
  private last: ((sink: BodySink) => void) | undefined
  private endReceived = false
  private wanted = true
  private lingers = false

  // The exchange: of the end that asks, then of the end that answers.
  private reply: Reply | undefined
  private asked: RequestHead | undefined
  private body: Body = empty
  private cancelHandler: Cancel | undefined
  private answered = false

  constructor(mux: Multiplexer, id: number, credit: number, window: number) {
    this.mux = mux
    this.id = id
    this.credit = credit
    this.window = window
    this.allowed = window
  }

  // ------------------------------------------------------------ sending

  /** Starts to send a body; a held one waits for its first credit. */
  private sendBody(body: Body, held: boolean): void {
    this.toSend = body.length
    if (held) {
      this.credit = 0
      this.heldBody = body
      return
    }
    this.sending = body.read({
      data: (chunk, release) => this.take(chunk, release),
      end: (trailers) => this.finish(trailers),
      fail: (error) => this.broke(error),
    })
  }

  /** This direction is done. */
  private sentEnd(): void {
    this.endSent = true
    this.sent?.()
    if (this.reply === undefined && !this.endReceived) this.letGo()
    this.settle()
  }

  /** The answer is complete: a request body that nobody reads need not come any more. */
  private letGo(): void {
    if (!this.wanted) return this.abort("cancelled")
    queueMicrotask(() => {
      if (this.sink === undefined && !this.endReceived) this.abort("cancelled")
    })
  }

  private take(chunk: Uint8Array, release: (() => void) | undefined): boolean {
    if (this.over && !this.endSent) return false
    // What was promised is sent, so the body has to end by itself; if there is more, it is not needed.
    if (this.endSent) {
      if (chunk.length > 0) this.sending?.cancel()
      return chunk.length === 0
    }
    if (this.toSend !== undefined && this.rest.length + chunk.length > this.toSend) {
      this.broke(new BodyError({ reason: "long", detail: "more bytes than promised" }))
      return false
    }
    if (this.rest.length === 0) {
      this.rest = chunk
      this.restRelease = release
    } else {
      this.rest = Buffer.concat([this.rest, chunk])
      this.restRelease = undefined
    }
    this.write()
    if (this.endSent) return true
    if (this.over || this.rest.length > 0 || this.credit === 0) return false
    if (!this.mux.isFull) return true
    this.mux.block(this)
    return false
  }

  /** Sends what credit and the wire allow of what is waiting. */
  private write(): void {
    while (this.rest.length > 0 && this.credit > 0) {
      if (this.mux.isFull) return this.mux.block(this)
      const count = Math.min(this.rest.length, this.credit, largestData)
      const bytes = count === this.rest.length ? this.rest : this.rest.subarray(0, count)
      this.rest = count === this.rest.length ? nothing : this.rest.subarray(count)
      this.credit -= count
      if (this.toSend !== undefined) this.toSend -= count
      const last = this.toSend === 0 && (this.ending === undefined || this.ending.length === 0)
      if (this.rest.length === 0 && this.restRelease !== undefined) {
        this.mux.releaseAfter(this.restRelease)
        this.restRelease = undefined
      }
      this.mux.send(StreamFrame.dataHeader(this.id, last ? StreamFrame.flagEnd : 0, count), bytes)
      if (last) return this.sentEnd()
    }
    if (this.rest.length === 0 && this.ending !== undefined) this.sendTrailers(this.ending)
  }

  private finish(trailers: HeaderList): void {
    if (this.over || this.endSent) return
    if (this.toSend !== undefined && this.rest.length < this.toSend)
      return this.broke(new BodyError({ reason: "short", detail: "fewer bytes than promised" }))
    this.ending = trailers
    this.write()
  }

  private sendTrailers(trailers: HeaderList): void {
    if (!StreamFrame.fitsEnd(trailers)) return this.abort("limit")
    this.mux.send(StreamFrame.end(this.id, trailers))
    this.sentEnd()
  }

  /** The body that this end sends has broken off. */
  private broke(error: BodyError): void {
    if (this.endSent) return
    this.abort(error.reason, new ExchangeError({ code: "PTTH_BAD_REQUEST", detail: error.message }))
  }

  /** Goes on after credit or the wire's buffer ran out. */
  pump(): void {
    if (this.over || this.endSent) return
    this.write()
    if (this.endSent) return this.sending?.resume()
    if (this.over || this.rest.length > 0 || this.credit === 0) return
    if (this.mux.isFull) this.mux.block(this)
    else this.sending?.resume()
  }

  private onCredit(bytes: number): void {
    const before = this.credit
    this.credit = Math.min(this.credit + bytes, 0xffff_ffff)
    const body = this.heldBody
    if (body !== undefined) {
      this.heldBody = undefined
      return this.sendBody(body, false)
    }
    if (before === 0 || this.rest.length > 0) this.pump()
  }

  // ------------------------------------------------------------ receiving

  /** The body that comes from the other end; `first` came with the head. */
  private incoming(first: Uint8Array, end: boolean, length: number | undefined): Body {
    if (end) {
      this.endReceived = true
      this.wanted = false
      const body = first.length === 0 ? empty : fromBytes(first)
      return length === undefined ? body : promise(body, length)
    }
    if (first.length > 0) {
      this.allowed -= first.length
      this.queue.push(first)
    }
    const body: Body = {
      length,
      whole: undefined,
      discard: () => this.unwanted(),
      read: (sink) => {
        this.sink = sink
        if (this.window === 0) this.open()
        queueMicrotask(() => this.resume())
        return { resume: () => this.resume(), cancel: () => this.unwanted() }
      },
    }
    return length === undefined ? body : promise(body, length)
  }

  /** The first pull of a held body. */
  private open(): void {
    if (this.over || this.endReceived) return
    this.window = this.mux.baseWindow
    this.allowed = this.window
    this.mux.send(StreamFrame.credit(this.id, this.window))
  }

  /** `false`: the other end has broken the rules. */
  onData(bytes: Buffer, end: boolean): boolean {
    if (this.over) return true
    this.allowed -= bytes.length
    if (this.allowed < 0 || this.endReceived) return false
    if (this.isHeadless) {
      this.abort("protocol")
      return true
    }
    if (this.wanted && bytes.length > 0) {
      const { sink } = this
      if (this.flowing && !this.delivering && sink !== undefined && this.queue.length === 0)
        this.deliver(sink, bytes)
      else this.keep(bytes)
    }
    if (end) this.onEnd([])
    return true
  }

  /** A body comes for which there has been no head. */
  private get isHeadless(): boolean {
    return this.reply !== undefined && !this.answered
  }

  /**
   * Keeps bytes until they are read. However the other end has cut them, they
   * take about as much memory as the window counts: small ones are joined, and
   * nothing large is held for the sake of a small part of it.
   */
  private keep(bytes: Buffer): void {
    const last = this.queue.at(-1)
    const size = (last?.length ?? 0) + bytes.length
    if (last === undefined || size > copyBelow) {
      const lean = bytes.length >= copyBelow && bytes.length >= bytes.buffer.byteLength / 4
      this.queue.push(lean ? bytes : Buffer.from(bytes))
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
    this.queue[this.queue.length - 1] = tail.subarray(0, size)
  }

  private deliver(sink: BodySink, bytes: Uint8Array): void {
    this.delivering = true
    this.resumed = false
    const more = sink.data(bytes)
    this.delivering = false
    this.flowing = more || this.resumed
    this.consumed(bytes.length)
    this.tell()
  }

  /** Gives credit for what was taken, and more if the window holds the sender up. */
  private consumed(count: number): void {
    this.unacknowledged += count
    if (this.endReceived || this.over || !this.wanted) return
    if (this.unacknowledged < this.window / 2) return
    const now = this.mux.now()
    const fast = this.creditAt > 0 && now - this.creditAt < 2 * this.mux.roundTrip
    const window = fast ? this.mux.grow(this.window, this.window * 2) : this.window
    const bytes = this.unacknowledged + window - this.window
    this.window = window
    this.creditAt = now
    this.unacknowledged = 0
    this.allowed += bytes
    this.mux.send(StreamFrame.credit(this.id, bytes))
  }

  private resume(): void {
    if (this.delivering) {
      this.resumed = true
      return
    }
    this.flowing = true
    while (this.flowing && this.sink !== undefined && this.queue.length > 0)
      this.deliver(this.sink, this.queue.shift() as Uint8Array)
    this.tell()
  }

  /** Tells how the body has ended, once everything before that is told. */
  private tell(): void {
    const { last, sink } = this
    if (last === undefined || sink === undefined || this.delivering || this.queue.length > 0) return
    this.forget()
    last(sink)
  }

  /** Holds nothing more of the body. */
  private forget(): void {
    this.wanted = false
    this.sink = undefined
    this.last = undefined
    this.drop()
  }

  private drop(): void {
    this.queue = []
    if (!this.lingers) return
    this.lingers = false
    this.mux.linger(-1)
  }

  private onEnd(trailers: HeaderList): void {
    this.endReceived = true
    if (this.wanted) this.last = (sink) => sink.end(trailers)
    this.settle()
    this.tell()
  }

  /** Nobody reads what still comes. */
  private unwanted(): void {
    if (!this.wanted) return
    this.forget()
    if (this.endReceived || this.over) return
    if (this.reply !== undefined) return this.cancel()
    if (this.endSent) this.abort("cancelled")
  }

  // ------------------------------------------------------------ the exchange

  /** Sends a request. */
  ask(head: RequestHead, body: Body, reply: Reply): void {
    this.reply = reply
    const inline = body.whole !== undefined && body.whole.length <= joinBelow
    const held = !inline && isHeld(head)
    const flags = (inline ? StreamFrame.flagEnd : 0) | (held ? StreamFrame.flagHeld : 0)
    const bytes = inline ? (body.whole as Uint8Array) : nothing
    this.mux.send(StreamFrame.request(this.id, head, bytes, flags, body.length))
    if (inline) this.sentEnd()
    else this.sendBody(body, held)
  }

  /** Takes a request, to be served. */
  accept(frame: StreamFrame.Request): void {
    this.asked = frame.head
    if (!frame.end && frame.bytes.length > this.allowed) return this.abort("protocol")
    this.body = this.incoming(frame.bytes, frame.end, frame.length)
  }

  /** Has a handler answer the request. */
  serve(handler: Handler, failed: MultiplexerOptions["failed"]): void {
    const { asked, body } = this
    if (this.over || asked === undefined) return
    this.body = empty
    const cancel = handler(asked, body, {
      respond: (head, out, sent) => {
        if (this.answered || this.over || StreamFrame.fitsResponse(head))
          return this.respond(asked, head, out, sent)
        out.discard()
        this.refuse(asked, failed, unsendable)
      },
      fail: (error) => this.refuse(asked, failed, error),
    })
    if (this.givenUp) cancel()
    else this.cancelHandler = cancel
  }

  private refuse(
    request: RequestHead,
    failed: MultiplexerOptions["failed"],
    error: ExchangeError,
  ): void {
    if (this.answered || this.over) return
    const made = failed?.(request, error)
    if (made === undefined) this.abort("refused")
    else this.respond(request, made[0], made[1], undefined)
  }

  private respond(request: RequestHead, head: ResponseHead, body: Body, sent?: () => void): void {
    if (this.answered || this.over) return body.discard()
    this.answered = true
    this.sent = sent
    const bodiless = request.method === "HEAD" || head.status === 204 || head.status === 304
    if (bodiless) body.discard()
    const out = bodiless ? empty : body
    const inline = out.whole !== undefined && out.whole.length <= joinBelow
    const bytes = inline ? (out.whole as Uint8Array) : nothing
    const flags = inline ? StreamFrame.flagEnd : 0
    this.mux.send(StreamFrame.response(this.id, head, bytes, flags, out.length))
    if (inline) this.sentEnd()
    else this.sendBody(out, false)
  }

  onFrame(frame: StreamFrame.Frame): void {
    if (this.over) return
    switch (frame._tag) {
      case "Response":
        return this.onResponse(frame)
      case "End":
        return this.endReceived || this.isHeadless
          ? this.abort("protocol")
          : this.onEnd(frame.trailers)
      case "Credit":
        return this.onCredit(frame.bytes)
      case "Reset":
        return this.onReset(frame.reason)
      default:
        return
    }
  }

  /** The other end has sent a frame for it that cannot be understood. */
  onIllegal(detail: string): void {
    this.abort("protocol", new ExchangeError({ code: "PTTH_BAD_ANSWER", detail }))
  }

  private onResponse(frame: StreamFrame.Response): void {
    const { reply } = this
    if (reply === undefined || this.answered) return this.abort("protocol")
    if (frame.bytes.length > this.allowed && !frame.end) return this.abort("protocol")
    this.answered = true
    const body = this.incoming(frame.bytes, frame.end, frame.length)
    reply.respond(frame.head, body)
    this.settle()
  }

  private onReset(reason: StreamFrame.ResetReason): void {
    this.end(
      new ExchangeError({
        code: reason === "protocol" ? "PTTH_BAD_ANSWER" : "PTTH_LINK_LOST",
        detail: `the server gave the request up (${reason})`,
      }),
      new BodyError({ reason: bodyReason(reason), detail: `the other end gave it up (${reason})` }),
    )
  }

  /** The link is gone. */
  lost(reason: string): void {
    const detail = `the link broke: ${reason}`
    this.end(
      new ExchangeError({ code: "PTTH_LINK_LOST", detail }),
      new BodyError({ reason: "cut", detail }),
    )
  }

  /** Whoever asked gives the exchange up, and hears no more of an answer. */
  cancel(): void {
    this.answered = true
    if (this.over) this.breakOff(cancelled)
    else this.abort("cancelled")
  }

  private abort(reason: StreamFrame.ResetReason, error?: ExchangeError): void {
    if (this.over) return
    this.mux.send(StreamFrame.reset(this.id, reason))
    const detail = `it was given up here (${reason})`
    this.end(
      error ?? new ExchangeError({ code: "PTTH_BAD_ANSWER", detail }),
      new BodyError({ reason: bodyReason(reason), detail }),
      reason === "cancelled",
    )
  }

  /** Gives it up. A response that has come whole is still delivered, unless nobody wants it. */
  private end(error: ExchangeError, bodyError: BodyError, unwanted = false): void {
    if (this.over) return
    this.over = true
    this.givenUp = true
    this.sending?.cancel()
    this.heldBody?.discard()
    this.heldBody = undefined
    this.rest = nothing
    this.release()
    this.cancelHandler?.()
    if (this.reply !== undefined && !this.answered) {
      this.answered = true
      this.reply.fail(error)
    }
    if (!this.endReceived || unwanted || this.reply === undefined) this.breakOff(bodyError)
  }

  /** The body that comes from the other end is not whole, or not wanted. */
  private breakOff(error: BodyError): void {
    if (!this.wanted) return
    this.drop()
    this.last = (sink) => sink.fail(error)
    this.tell()
  }

  /** Forgets the stream once both directions are done. */
  private settle(): void {
    if (this.over || !this.endSent || !this.endReceived) return
    this.over = true
    this.release()
  }

  private release(): void {
    const base = this.mux.baseWindow
    if (this.window > base) this.mux.shrink(this.window - base)
    if (this.queue.length > 0) {
      this.lingers = true
      this.mux.linger(1)
    }
    this.mux.remove(this)
  }
}

const unsendable = new ExchangeError({
  code: "PTTH_BAD_ANSWER",
  detail: "its head is larger than a link can carry, or its status is not a final one",
})

const cancelled = new BodyError({ reason: "cancelled", detail: "it was given up here" })

const bodyReason = (reason: StreamFrame.ResetReason): BodyError["reason"] =>
  reason === "refused" || reason === "protocol" ? "cut" : reason
