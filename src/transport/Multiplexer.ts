/**
 * Many exchanges over one link: the stream transport, the same at both ends.
 * Each stream has credit of its own in each direction, so that a slow visitor
 * stalls only itself; what is written in one turn of the event loop leaves in
 * one write.
 */
import type { HeaderList } from "../domain/HeaderList.ts"
import { BodyError, ExchangeError } from "../protocol/Exchange.ts"
import type { RequestHead, ResponseHead } from "../protocol/Message.ts"
import * as StreamFrame from "../protocol/StreamFrame.ts"
import type { Body, BodyFlow, BodySink } from "./Body.ts"
import { empty, fromBytes } from "./Body.ts"
import type { Deadline, Deadlines } from "./Deadlines.ts"
import { FrameParser } from "./FrameParser.ts"
import type { Cancel, Handler, Reply } from "./Handler.ts"

/** What carries a link's bytes. */
export interface Wire {
  /** Sends bytes, in order; `false`: its buffer is full until it says `drained`. */
  readonly write: (chunks: ReadonlyArray<Uint8Array>) => boolean
  /** Ends the connection at once. */
  readonly close: () => void
}

/** What a link tells its owner. */
export interface MultiplexerEvents {
  /** The other end has said hello. */
  readonly onHello?: (hello: StreamFrame.Hello) => void
  /** An answer to a ping has come: bytes pass in both directions. */
  readonly onPong?: () => void
  /** The other end wants no more requests. */
  readonly onDrain?: () => void
  /** A stream has ended: there is room for another. */
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
  /** Answers requests; without it they are refused. */
  readonly handler?: Handler
  /** Turns a failure of the handler into a response. */
  readonly failed?: (head: RequestHead, error: ExchangeError) => readonly [ResponseHead, Body]
  /** How long the other end may be silent before it is asked, and again before it is given up; in milliseconds. */
  readonly heartbeatMillis: number
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

/** See the file's header. */
export class Multiplexer {
  /** Round trip of the last ping, in milliseconds. */
  roundTrip = 1
  private readonly options: MultiplexerOptions
  private readonly parser: FrameParser
  private readonly streams = new Map<number, MuxStream>()
  private readonly blocked = new Set<MuxStream>()
  private out: Array<Uint8Array> = []
  private scheduled = false
  private full = false
  private closed = false
  private nextStream = 1
  private peer: StreamFrame.Hello | undefined
  private peerDraining = false
  private draining = false
  private heard = true
  private pingAt: number | undefined
  private heartbeat: Deadline | undefined
  private grantedWindows = 0

  constructor(options: MultiplexerOptions) {
    this.options = options
    this.parser = new FrameParser({
      frame: (frame) => this.onFrame(frame),
      data: (stream, bytes, end) => this.onData(stream, bytes, end),
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
    if (this.closed || this.peerDraining || this.draining || this.peer === undefined) return 0
    return Math.max(0, Math.min(this.peer.maxStreams, maxStreams) - this.streams.size)
  }

  /** What the other end has said of itself. */
  get hello(): StreamFrame.Hello | undefined {
    return this.peer
  }

  /** Takes bytes from the wire. */
  bytes(chunk: Buffer): void {
    if (this.closed) return
    this.heard = true
    const fault = this.parser.feed(chunk)
    if (fault !== undefined) this.close(fault.detail)
  }

  /** The wire takes bytes again. */
  drained(): void {
    this.full = false
    const streams = [...this.blocked]
    this.blocked.clear()
    for (const stream of streams) stream.pump()
  }

  /** Sends a request; the exchange at the level of callbacks. */
  readonly request: Handler = (head, body, reply) => {
    const id = this.nextStream
    this.nextStream += 1
    const stream = new MuxStream(this, id, this.peer?.window ?? 0, this.ownWindow)
    stream.reply = reply
    this.streams.set(id, stream)
    const inline = body.whole !== undefined && body.whole.length <= joinBelow
    const held = !inline && isHeld(head)
    const flags = (inline ? StreamFrame.flagEnd : 0) | (held ? StreamFrame.flagHeld : 0)
    const bytes = inline ? (body.whole as Uint8Array) : nothing
    this.send(StreamFrame.request(id, head, bytes, flags, body.length))
    if (inline) stream.sentEnd()
    else stream.sendBody(body, held)
    return () => stream.cancel()
  }

  /** No more requests are accepted on this link; what is open goes on. */
  drain(): void {
    if (this.draining) return
    this.draining = true
    this.send(StreamFrame.drain())
  }

  /** Asks the other end whether it is there. */
  ping(): void {
    if (this.pingAt !== undefined) return
    this.pingAt = performance.now()
    this.send(StreamFrame.ping(0))
  }

  /** Ends the link and everything on it. */
  close(reason: string): void {
    if (this.closed) return
    this.flush()
    this.closed = true
    this.heartbeat?.clear()
    this.options.wire.close()
    for (const stream of [...this.streams.values()]) stream.lost(reason)
    this.streams.clear()
    this.options.onClosed?.(reason)
  }

  /** Queues bytes for the end of this turn of the event loop. */
  send(...chunks: ReadonlyArray<Uint8Array>): boolean {
    if (this.closed) return false
    this.out.push(...chunks)
    if (!this.scheduled) {
      this.scheduled = true
      setImmediate(() => this.flush())
    }
    return !this.full
  }

  /** Waits for the wire to take more. */
  block(stream: MuxStream): void {
    this.blocked.add(stream)
  }

  /** Whether the wire takes more. */
  get isFull(): boolean {
    return this.full
  }

  /** A stream is over in both directions. */
  remove(stream: MuxStream): void {
    this.blocked.delete(stream)
    if (!this.streams.delete(stream.id)) return
    this.options.onRoom?.()
  }

  /** Room for a larger window, if this link may have it. */
  grow(from: number, to: number): number {
    const most = Math.min(largestWindow, Math.max(smallLinkWindow, this.roundTrip * windowPerMilli))
    const wanted = Math.min(to, most)
    if (wanted <= from || this.grantedWindows + wanted - from > windowBudget) return from
    this.grantedWindows += wanted - from
    return wanted
  }

  /** Gives a grown window back. */
  shrink(bytes: number): void {
    this.grantedWindows -= bytes
  }

  private get ownWindow(): number {
    return this.options.hello.window
  }

  private flush(): void {
    this.scheduled = false
    if (this.out.length === 0 || this.closed) return
    const chunks = this.out
    this.out = []
    if (!this.options.wire.write(chunks)) this.full = true
  }

  private beat(): void {
    this.heartbeat = this.options.deadlines.set(this.options.heartbeatMillis, () => {
      if (this.heard) {
        this.heard = false
        this.pingAt = undefined
        this.ping()
        return this.beat()
      }
      this.close("it fell silent")
    })
  }

  private onFrame(frame: StreamFrame.Frame): void {
    switch (frame._tag) {
      case "Hello":
        if (this.peer !== undefined) return this.close("it said hello twice")
        this.peer = frame
        return this.options.onHello?.(frame)
      case "Ping":
        this.send(StreamFrame.pong(frame.nonce))
        return
      case "Pong":
        return this.onPong()
      case "Drain":
        this.peerDraining = true
        return this.options.onDrain?.()
      case "Request":
        return this.onRequest(frame)
      case "Data":
        return
      default:
        return this.streams.get(frame.stream)?.onFrame(frame)
    }
  }

  private onPong(): void {
    if (this.pingAt === undefined) return
    this.roundTrip = Math.max(0.05, performance.now() - this.pingAt)
    this.pingAt = undefined
    this.options.onPong?.()
  }

  private onData(id: number, bytes: Buffer, end: boolean): void {
    const stream = this.streams.get(id)
    if (stream !== undefined && !stream.onData(bytes, end)) this.close("it sent more than it may")
  }

  private onRequest(frame: StreamFrame.Request): void {
    const { handler } = this.options
    if (this.streams.has(frame.stream)) return this.close("it used a stream twice")
    if (handler === undefined || this.draining || this.streams.size >= maxStreams) {
      this.send(StreamFrame.reset(frame.stream, "refused"))
      return
    }
    const window = frame.held ? 0 : this.ownWindow
    const stream = new MuxStream(this, frame.stream, this.peer?.window ?? 0, window)
    this.streams.set(frame.stream, stream)
    stream.serve(frame, handler, this.options.failed)
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
  reply: Reply | undefined
  private readonly mux: Multiplexer
  private over = false

  // What this end sends.
  private credit: number
  private sending: BodyFlow | undefined
  private heldBody: Body | undefined
  private rest: Uint8Array = nothing
  private ending: HeaderList | undefined
  private endSent = false
  private toSend: number | undefined
  private sent: (() => void) | undefined

  // What this end receives.
  private window: number
  private allowed: number
  private unacknowledged = 0
  private creditAt = 0
  private sink: BodySink | undefined
  private flowing = false
  private queue: Array<Uint8Array> = []
  private last: ((sink: BodySink) => void) | undefined
  private endReceived = false
  private wanted = true

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
  sendBody(body: Body, held: boolean): void {
    this.toSend = body.length
    if (held) {
      this.credit = 0
      this.heldBody = body
      return
    }
    this.sending = body.read({
      data: (chunk) => this.take(chunk),
      end: (trailers) => this.finish(trailers),
      fail: (error) => this.abort(resetOf(error)),
    })
  }

  /** This direction is done. */
  sentEnd(): void {
    this.endSent = true
    this.sent?.()
    this.settle()
  }

  private take(chunk: Uint8Array): boolean {
    if (this.over || this.endSent) return false
    this.rest = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk])
    this.write()
    if (this.rest.length > 0 || this.credit === 0) return false
    if (!this.mux.isFull) return true
    this.mux.block(this)
    return false
  }

  /** Sends what credit allows of what is waiting. */
  private write(): void {
    while (this.rest.length > 0 && this.credit > 0) {
      const count = Math.min(this.rest.length, this.credit, largestData)
      const bytes = count === this.rest.length ? this.rest : this.rest.subarray(0, count)
      this.rest = count === this.rest.length ? nothing : this.rest.subarray(count)
      this.credit -= count
      if (this.toSend !== undefined) this.toSend -= count
      const last = this.toSend === 0
      this.mux.send(StreamFrame.dataHeader(this.id, last ? StreamFrame.flagEnd : 0, count), bytes)
      if (last) {
        this.rest = nothing
        return this.sentEnd()
      }
    }
    if (this.rest.length === 0 && this.ending !== undefined) this.sendTrailers(this.ending)
  }

  private finish(trailers: HeaderList): void {
    if (this.over || this.endSent) return
    if (this.rest.length > 0) this.ending = trailers
    else this.sendTrailers(trailers)
  }

  private sendTrailers(trailers: HeaderList): void {
    this.mux.send(StreamFrame.end(this.id, trailers))
    this.sentEnd()
  }

  /** Goes on after credit or the wire's buffer ran out. */
  pump(): void {
    if (this.over || this.endSent) return
    this.write()
    if (this.over || this.endSent || this.rest.length > 0 || this.credit === 0) return
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
      return first.length === 0 ? empty : fromBytes(first)
    }
    if (first.length > 0) {
      this.allowed -= first.length
      this.queue.push(first)
    }
    return {
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
  }

  /** The first pull of a held body. */
  private open(): void {
    this.window = initialWindow
    this.allowed = initialWindow
    this.mux.send(StreamFrame.credit(this.id, initialWindow))
  }

  /** `false`: the other end has broken the rules. */
  onData(bytes: Buffer, end: boolean): boolean {
    if (this.over) return true
    this.allowed -= bytes.length
    if (this.allowed < 0 || this.endReceived) return false
    if (!this.wanted) {
      if (end) this.receivedEnd()
      return true
    }
    if (this.flowing && this.sink !== undefined) this.deliver(this.sink, bytes)
    else if (bytes.length > 0)
      this.queue.push(bytes.length < copyBelow ? Buffer.from(bytes) : bytes)
    if (end) this.onLast((sink) => sink.end([]))
    return true
  }

  private deliver(sink: BodySink, bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.flowing = sink.data(bytes)
    this.consumed(bytes.length)
  }

  /** Gives credit for what was taken, and more if the window holds the sender up. */
  private consumed(count: number): void {
    this.unacknowledged += count
    if (this.endReceived || this.over || this.unacknowledged < this.window / 2) return
    const now = performance.now()
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
    const { sink } = this
    if (sink === undefined || !this.wanted) return
    this.flowing = true
    while (this.flowing && this.queue.length > 0)
      this.deliver(sink, this.queue.shift() as Uint8Array)
    if (!this.flowing || this.queue.length > 0 || this.last === undefined) return
    const last = this.last
    this.last = undefined
    last(sink)
  }

  private onLast(last: (sink: BodySink) => void): void {
    const { sink } = this
    const now = sink !== undefined && this.flowing && this.queue.length === 0
    if (!now && this.wanted) this.last = last
    this.receivedEnd()
    if (now && this.wanted) last(sink)
  }

  private receivedEnd(): void {
    this.endReceived = true
    this.settle()
  }

  /** Nobody reads what still comes. */
  private unwanted(): void {
    this.wanted = false
    this.sink = undefined
    this.queue = []
    if (this.endReceived || this.over) return
    if (this.reply !== undefined) return this.cancel()
    if (this.answered && this.endSent) this.abort("cancelled")
  }

  // ------------------------------------------------------------ the exchange

  /** Has a handler answer a request. */
  serve(frame: StreamFrame.Request, handler: Handler, failed: MultiplexerOptions["failed"]): void {
    const body = this.incoming(frame.bytes, frame.end, frame.length)
    const cancel = handler(frame.head, body, {
      respond: (head, out, sent) => this.respond(frame.head, head, out, sent),
      fail: (error) => {
        const made = failed?.(frame.head, error)
        if (made === undefined) this.abort("refused")
        else this.respond(frame.head, made[0], made[1], undefined)
      },
    })
    if (this.over) cancel()
    else this.cancelHandler = cancel
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
        if (this.endReceived) return this.abort("protocol")
        return this.onLast((sink) => sink.end(frame.trailers))
      case "Credit":
        return this.onCredit(frame.bytes)
      case "Reset":
        return this.onReset(frame.reason)
      default:
        return
    }
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
        code: "PTTH_LINK_LOST",
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

  /** This end gives the exchange up, whoever asked. */
  cancel(): void {
    this.abort("cancelled")
  }

  private abort(reason: StreamFrame.ResetReason): void {
    if (this.over) return
    this.mux.send(StreamFrame.reset(this.id, reason))
    const detail = `it was given up here (${reason})`
    this.end(
      new ExchangeError({ code: "PTTH_BAD_ANSWER", detail }),
      new BodyError({ reason: bodyReason(reason), detail }),
    )
  }

  private end(error: ExchangeError, bodyError: BodyError): void {
    if (this.over) return
    this.over = true
    this.sending?.cancel()
    this.heldBody?.discard()
    this.release()
    this.cancelHandler?.()
    if (this.reply !== undefined && !this.answered) this.reply.fail(error)
    if (this.endReceived || !this.wanted) return
    this.wanted = false
    this.queue = []
    this.last = undefined
    this.sink?.fail(bodyError)
  }

  /** Forgets the stream once both directions are done. */
  private settle(): void {
    if (this.over || !this.endSent || !this.endReceived) return
    this.over = true
    this.release()
  }

  private release(): void {
    if (this.window > initialWindow) this.mux.shrink(this.window - initialWindow)
    this.mux.remove(this)
  }
}

const resetOf = (error: BodyError): StreamFrame.ResetReason => error.reason

const bodyReason = (reason: StreamFrame.ResetReason): BodyError["reason"] =>
  reason === "refused" || reason === "protocol" ? "cut" : reason
