/**
 * Many exchanges over one link: the stream transport, the same at both ends.
 * Each direction of each stream has its own flow control, so that a slow
 * visitor delays only its own exchange.
 */
import { ExchangeError } from "../../protocol/Exchange.ts"
import { isSafe } from "../../protocol/http/SafeMethod.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import * as StreamFrame from "../../protocol/StreamFrame.ts"
import type { Body } from "../body/Body.ts"
import type { Cancel } from "../body/Handler.ts"
import type { Deadline, Deadlines } from "../runtime/Deadlines.ts"
import { ReusableMap } from "../runtime/ReusableMap.ts"
import type { RunningClock } from "../runtime/RunningClock.ts"
import * as WriteBatch from "../runtime/WriteBatch.ts"
import { BeginLease, clockMillis } from "./BeginLease.ts"
import type { BodySender } from "./BodySender.ts"
import { type BulkShare, BulkWindow } from "./BulkWindow.ts"
import { ClientStream, type LeasedReply } from "./ClientStream.ts"
import { FrameBudget } from "./FrameBudget.ts"
import { type FrameExtension, FrameParser, type ReadShare } from "./FrameParser.ts"
import { FrameWriter, type Wire } from "./FrameWriter.ts"
import type { CommittedStream, MuxStream, StreamLink } from "./MuxStream.ts"
import { type FailureResponse, ServerStream, type StreamHandler } from "./ServerStream.ts"

/** Events of a link. */
export interface MultiplexerEvents {
  /** The other end's hello has come. */
  readonly onHello?: (hello: StreamFrame.Hello) => void
  /** A pong has come: the link works in both directions. */
  readonly onPong?: () => void
  /** The other end drains the link, or has agreed that this end does. */
  readonly onDrain?: () => void
  /** The relay has said which relays there are. */
  readonly onRelays?: (relays: StreamFrame.Relays) => void
  /** Queued frames were written; `isLight` if these and what was received before are small. */
  readonly onSent?: (isLight: boolean) => void
  /** There may be room for another request. */
  readonly onRoom?: () => void
  /** The link is closed, and its streams have failed. */
  readonly onClosed?: (reason: string) => void
}

/** Options of a link. */
export interface MultiplexerOptions extends MultiplexerEvents {
  readonly wire: Wire
  readonly deadlines: Deadlines
  /** The hello of this end. */
  readonly hello: Omit<StreamFrame.Hello, "_tag">
  /** Answers requests; if there is none, a request is a protocol error. */
  readonly handler?: StreamHandler
  /** Answers the request of one stream, instead of `handler`. */
  readonly handlerOf?: (stream: number) => StreamHandler | undefined
  /** Turns a failure of the handler into a response. */
  readonly failed?: FailureResponse
  /** After so many milliseconds of silence a ping is sent; after as many again the link is closed. */
  readonly heartbeatMillis: number
  /** For how long the other end may begin a request that this end sends, in milliseconds; without it any time. */
  readonly leaseMillis?: () => number
  /** The clock by which this end keeps to the lease of requests; without it they are begun at any time. */
  readonly clock?: RunningClock
  /** The most streams that this end opens at once; default: {@link maxStreams}. */
  readonly mostStreams?: number
  /** What any window may grow to, in bytes, however short the round trip; default: 1 MiB. */
  readonly shortLinkWindow?: number
  /** Frames beyond those of stream. */
  readonly extension?: FrameExtension
  /** Whether the other end may send as many frames without an effect as it likes. */
  readonly isTrusted?: boolean
  /** The window for large bodies of the link's line; default: one of its own. */
  readonly bulk?: BulkWindow
  /** Limits how many frames are read in a turn of the event loop; default: all that have come. */
  readonly share?: ReadShare
  /** A monotonic clock in milliseconds; default: `performance.now`. */
  readonly now?: () => number
}

/** The version of the framing that this end implements. */
export const version = 1

/** The bytes of each body that may come before credit is given. */
export const initialWindow = 256 * 1024

/** The most streams that an end accepts on one link at once. */
export const maxStreams = 1024

/** The largest window of a stream, in bytes. */
const largestWindow = 16 * 1024 * 1024
/** What any window may grow to, in bytes, however short the round trip. */
const shortLinkWindow = 1024 * 1024
/** What a window may grow to for each millisecond of round trip, in bytes. */
const windowPerMilli = 1024 * 1024
/**
 * The shortest of so many last round trips counts for that: one that a busy processor
 * has delayed would let a reader who has stopped hold 16 MiB.
 */
const tripsForWindow = 3
/** What all windows of a link may grow by together, in bytes. */
const windowBudget = 64 * 1024 * 1024
/** For how long after its last piece a body counts as under way, in milliseconds. */
const bodyMillis = 1_000
/** Why a link is closed that ended because it was drained by either end. */
export const drainedReason = "it was drained"
/**
 * - `Open`: frames come and go.
 * - `Ending`: drained; what was written is sent, then the connection ends.
 * - `Closed`: nothing more is sent or received.
 */
type State = "Open" | "Ending" | "Closed"

/** See the file's header. */
export class Multiplexer implements StreamLink {
  /** Round trip of the last ping, in milliseconds. */
  roundTrip = 1
  /** The last round trips, the latest first. */
  private lastTrips: ReadonlyArray<number> = []
  /** The shortest round trip of a ping so far, in milliseconds; `undefined` before the first answer. */
  leastRoundTrip: number | undefined
  /** Monotonic milliseconds. */
  readonly now: () => number
  private readonly options: MultiplexerOptions
  private readonly parser: FrameParser
  private readonly writer: FrameWriter
  private readonly budget: FrameBudget
  /** When a piece of a body last came, in milliseconds of {@link now}. */
  private dataAt = Number.NEGATIVE_INFINITY
  /** Bytes that have come and wait to be parsed; the wire is paused meanwhile. */
  private unparsed: Array<Buffer> = []
  private readonly streams = new ReusableMap<number, MuxStream>()
  /** Bodies that wait for the wire, in the order in which they are resumed. */
  private readonly blocked = new Set<BodySender>()
  /** Requests that came while the wire was full; served when it drains, so that responses do not pile up. */
  private unserved: Array<ServerStream> = []
  private readonly lease: BeginLease | undefined
  /** Requests that may be too old, of a relay that sends no clock: served after the pong of a ping sent since. */
  private doubtful: Array<ServerStream> = []
  /** Whether the ping that is under way was sent since they came. */
  private isDoubtPinged = false
  /** When this end's clock was last sent, in monotonic milliseconds, and with which lease. */
  private clockSentAt = Number.NEGATIVE_INFINITY
  private leaseSent = 0
  /** Streams that are over on the wire while received bytes of them are still queued. */
  private lingering = 0
  private state: State = "Open"
  private nextStream = 1
  private peer: StreamFrame.Hello | undefined
  /** Whether this end has asked to drain the link. */
  private isDraining = false
  /** Whether the other end has asked, or has agreed. */
  private isPeerDraining = false
  /** Whether anything has come since the last heartbeat. */
  private hasHeard = true
  /** Whether the connection ended although this end had not closed the link. */
  private hasBroken = false
  /** Of the next ping. */
  private nonce = 0
  /** The heartbeat's ping that has not been answered. */
  private heartbeatPing: { readonly nonce: number; readonly at: number } | undefined
  private readonly bulk: BulkShare<BodySender>
  private heartbeat: Deadline | undefined
  /** When the last heartbeat was, in monotonic milliseconds. */
  private beatAt = 0
  /** By how much all windows have grown, in bytes. */
  private grantedWindows = 0

  constructor(options: MultiplexerOptions) {
    this.options = options
    this.now = options.now ?? (() => performance.now())
    this.lease = options.clock === undefined ? undefined : new BeginLease(options.clock)
    this.budget = new FrameBudget(this.now)
    this.writer = new FrameWriter(options.wire, options.onSent)
    this.bulk = (options.bulk ?? new BulkWindow(this.now)).join({
      ping: () => this.sendPing(),
      onRoom: (sender) => this.onBulkRoom(sender),
    })
    this.parser = new FrameParser({
      frame: (frame) => this.onFrame(frame),
      data: (stream, bytes, end) => this.onData(stream, bytes, end),
      useless: () => this.onUseless(),
      illegal: (kind, stream, error) => this.onIllegal(kind, stream, error.detail),
      extension: this.extension(),
    })
    this.send(StreamFrame.hello(options.hello))
    this.ping()
    this.beat()
  }

  /** How many streams are open. */
  get active(): number {
    return this.streams.size
  }

  /** Whether this end has closed the link while the other end may know nothing of it. */
  get isCutOff(): boolean {
    return this.isClosed && !this.hasBroken
  }

  /** How many more requests the other end accepts now. */
  get room(): number {
    return this.isFull ? 0 : (this.places ?? 0)
  }

  /** How many more requests the other end has places for, also while the wire takes no more; `undefined` if it takes no requests. */
  get places(): number | undefined {
    if (!this.takesRequests) return undefined
    return Math.max(0, this.mostStreams - this.streams.size - this.lingering)
  }

  /** The hello of the other end, once it has come. */
  get hello(): StreamFrame.Hello | undefined {
    return this.peer
  }

  /** Takes bytes from the wire. */
  bytes(chunk: Buffer): void {
    if (this.isClosed) return
    this.hasHeard = true
    this.writer.received(chunk.length)
    this.budget.received(chunk.length)
    if (this.unparsed.length > 0) this.unparsed.push(chunk)
    else this.parse(chunk)
  }

  /** Parses what this turn of the event loop has a share for, and leaves the rest to the next ones. */
  private parse(chunk: Buffer): void {
    const { share } = this.options
    const most = share === undefined || !this.hasOnlySmall ? Infinity : share.left
    if (most === 0) return this.leave(chunk)
    const fault = this.parser.feed(chunk, most)
    if (most !== Infinity) share?.take(this.parser.parsed)
    if (fault !== undefined) return this.close(fault.detail)
    if (this.parser.rest !== undefined) this.leave(this.parser.rest)
  }

  /**
   * Whether there are exchanges, none of which is a body in several frames, in either
   * direction. Whichever end sends such a body takes the wait for a share for a full
   * line, and would send slowly.
   */
  private get hasOnlySmall(): boolean {
    if (this.streams.size === 0 || this.bulk.isMeasuring) return false
    return this.now() - this.dataAt >= bodyMillis
  }

  private leave(rest: Buffer): void {
    if (this.isClosed) return
    this.unparsed.unshift(rest)
    this.options.wire.pause()
    this.options.share?.later(() => WriteBatch.during(() => this.parseRest()))
  }

  private parseRest(): void {
    const { unparsed } = this
    this.unparsed = []
    for (const [i, chunk] of unparsed.entries()) {
      this.parse(chunk)
      if (this.unparsed.length > 0) {
        this.unparsed.push(...unparsed.slice(i + 1))
        return
      }
    }
    if (!this.isClosed) this.options.wire.resume()
  }

  /** The wire takes bytes again. */
  drained(): void {
    if (this.isClosed) return
    this.writer.drained()
    while (!this.isFull && this.unserved.length > 0)
      this.serve(this.unserved.shift() as ServerStream)
    this.options.onRoom?.()
    this.resume()
  }

  /**
   * Sends a request to the other end.
   *
   * @param before makes a frame that is sent directly before the request
   * @param isHeld whether no byte of the body is sent, nor the body read, before the other end reads it
   */
  readonly request = (
    head: RequestHead,
    body: Body,
    reply: LeasedReply,
    before?: (stream: number) => Uint8Array,
    isHeld?: boolean,
  ): Cancel => {
    const refused = this.refusal(head)
    if (refused !== undefined) {
      body.discard()
      reply.fail(refused)
      return () => {}
    }
    const id = this.nextId()
    const stream = new ClientStream(this, id, reply)
    this.streams.set(id, stream)
    if (!isSafe(head.method)) this.sendClock()
    if (before !== undefined) this.send(before(id))
    stream.ask(head, body, isHeld)
    return () => stream.cancel()
  }

  /**
   * Accepts no more requests on this link, and ends it once no stream is open
   * and the other end has agreed: requests that it sent before are answered.
   */
  drain(): void {
    if (this.isDraining || this.isClosed) return
    this.sendDrain()
    this.isDraining = true
    this.endIfDrained()
  }

  /** Sends a ping, unless one has not been answered yet. */
  ping(): void {
    if (this.heartbeatPing !== undefined) return
    this.lease?.pinged()
    this.heartbeatPing = { at: this.now(), nonce: this.sendPing() }
  }

  /** Ends the link and everything on it. */
  close(reason: string): void {
    if (this.isClosed) return
    this.writer.close()
    this.state = "Closed"
    this.heartbeat?.clear()
    this.options.wire.close()
    for (const stream of this.streams.all()) stream.lost(reason)
    this.streams.clear()
    for (const sender of this.blocked) this.bulk.gaveUp(sender)
    this.blocked.clear()
    this.bulk.leave()
    this.unparsed = []
    this.unserved = []
    this.doubtful = []
    this.options.onClosed?.(reason)
  }

  /** The connection has ended. */
  ended(): void {
    this.hasBroken ||= !this.isClosed
    for (const chunk of this.unparsed.splice(0)) this.parser.feed(chunk)
    const drained = this.isPeerDraining && this.streams.size === 0
    this.close(drained ? drainedReason : "its connection broke")
  }

  // ------------------------------------------------------------ for the streams

  /** Queues frames for the end of this turn of the event loop. */
  send(...chunks: ReadonlyArray<Uint8Array>): void {
    if (this.bulk.isMeasuring) for (const { length } of chunks) this.bulk.sent(length)
    this.writer.send(chunks)
  }

  /** Queues a piece of a large body for the end of this turn of the event loop. */
  sendBulk(header: Uint8Array, bytes: Uint8Array): void {
    this.bulk.begins()
    this.writer.send([header, bytes])
    this.bulk.sentBulk(header.length + bytes.length)
  }

  /** Calls `release` once what is queued by now has been written. */
  releaseAfter(release: () => void): void {
    this.writer.releaseAfter(release)
  }

  /** Writes what `run` sends when it returns, instead of at the end of the turn. */
  together(run: () => void): void {
    this.writer.together(run)
  }

  /** Resumes the sender once there may be room on the wire, or for a large body. */
  block(sender: BodySender): void {
    this.blocked.add(sender)
    if (!this.isFull) this.bulk.waits(sender)
  }

  /** How many bytes of large bodies may be sent now. */
  get bulkRoom(): number {
    return this.bulk.room
  }

  /** Whether the wire takes no more. */
  get isFull(): boolean {
    return this.writer.isFull
  }

  /** Removes a stream that is over on the wire. */
  remove(stream: MuxStream): void {
    if (this.blocked.delete(stream.sender)) this.bulk.gaveUp(stream.sender)
    if (!this.streams.delete(stream.id)) return
    this.options.onRoom?.()
    this.endIfDrained()
  }

  /** A stream that is over begins (1) or ceases (-1) to hold received bytes. */
  linger(change: 1 | -1): void {
    this.lingering += change
    if (change < 0) this.options.onRoom?.()
  }

  /** The size up to `to` that a window of `from` bytes may have: the link's budget is limited. */
  grow(from: number, to: number): number {
    const limit = Math.min(
      largestWindow,
      Math.max(
        this.options.shortLinkWindow ?? shortLinkWindow,
        Math.min(this.roundTrip, ...this.lastTrips) * windowPerMilli,
      ),
    )
    const size = Math.min(to, Math.floor(limit))
    if (size <= from || this.grantedWindows + size - from > windowBudget) return from
    this.grantedWindows += size - from
    return size
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

  commit(stream: CommittedStream, go: () => void): void {
    this.commitAfter(stream, go, 0)
  }

  /** @param age how long the last permission took to come, in milliseconds */
  private commitAfter(stream: CommittedStream, go: () => void, age: number): void {
    const { lease } = this
    if (lease === undefined || !lease.hasRelayClock || lease.now() <= stream.beginBy) return go()
    const askedAt = lease.now()
    stream.ask(age, (millis) => {
      stream.beginBy = askedAt + millis
      this.commitAfter(stream, go, lease.now() - askedAt)
    })
  }

  // ------------------------------------------------------------ requests

  private get isClosed(): boolean {
    return this.state === "Closed"
  }

  private get takesRequests(): boolean {
    if (this.state !== "Open" || this.peer === undefined) return false
    return !(this.isDraining || this.isPeerDraining)
  }

  private get mostStreams(): number {
    return Math.min(this.peer?.maxStreams ?? 0, this.options.mostStreams ?? maxStreams)
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

  // ------------------------------------------------------------ the link itself

  /** Sends a drain frame, the first time that either end drains the link. */
  private sendDrain(): void {
    if (!this.isDraining && !this.isPeerDraining) this.send(StreamFrame.drain())
  }

  /** Ends the link if this end has drained it. */
  private endIfDrained(): void {
    if (!this.isDraining || !this.isPeerDraining || this.streams.size > 0) return
    if (this.state !== "Open") return
    this.writer.flush()
    this.state = "Ending"
    this.options.wire.end()
  }

  /** Resumes the senders that wait, in turn, as far as there is room. */
  private resume(): void {
    for (const sender of [...this.blocked]) {
      if (this.isFull) return
      if (sender.isBulk && this.bulkRoom === 0) this.bulk.waits(sender)
      else if (this.blocked.delete(sender)) sender.pump()
    }
  }

  /** It is the turn of a sender to use the line's room; if the wire is full, it is resumed with the others. */
  private onBulkRoom(sender: BodySender): void {
    if (!this.isFull && this.blocked.delete(sender)) sender.pump()
  }

  private sendPing(): number {
    const { nonce } = this
    this.nonce = (nonce + 1) >>> 0
    this.writer.send([StreamFrame.ping(nonce)])
    return nonce
  }

  private beat(): void {
    const { deadlines, heartbeatMillis } = this.options
    this.heartbeat?.clear()
    this.beatAt = deadlines.elapsed()
    // The heartbeats of many links share a wake-up.
    const leeway = { early: heartbeatMillis / 2 }
    this.heartbeat = deadlines.set(heartbeatMillis, () => this.onHeartbeat(), leeway)
  }

  private nextBeat(): void {
    this.hasHeard = false
    this.ping()
    this.beat()
  }

  private onHeartbeat(): void {
    if (this.hasHeard) return this.nextBeat()
    const { deadlines, heartbeatMillis } = this.options
    const remaining = this.beatAt + heartbeatMillis - deadlines.elapsed()
    if (remaining > 0) {
      this.heartbeat = deadlines.set(remaining, () => this.onHeartbeat())
      return
    }
    // After a standstill of this process timers run before what has come is read.
    setImmediate(() => {
      if (this.isClosed) return
      if (this.hasHeard) this.nextBeat()
      else this.close("it fell silent")
    })
  }

  /** Answers a ping. A heartbeat that is due before the next one goes with the answer, so that each end is woken once for both. */
  private onPing(nonce: number): void {
    if (!this.isFull) this.sendClock()
    this.writer.sendPong(nonce)
    const { deadlines, heartbeatMillis } = this.options
    if (this.isFull || deadlines.elapsed() - this.beatAt < heartbeatMillis / 2) return
    // The other end has just been heard, so this is not the beat after which silence counts.
    this.ping()
    this.beat()
  }

  // ------------------------------------------------------------ received frames

  private onFrame(frame: StreamFrame.Frame): void {
    if (this.isClosed) return
    if (frame._tag === "Hello") return this.onHello(frame)
    if (!this.isGreeted()) return
    const stream = "stream" in frame ? this.streams.get(frame.stream) : undefined
    if (isUseful(frame, stream)) this.budget.useful()
    else if (frame._tag === "Pong") return this.onPong(frame.nonce)
    else if (!this.budget.useless()) {
      this.onTooManyUseless()
      if (this.isClosed) return
    }
    switch (frame._tag) {
      case "Clock":
        return this.lease?.received(frame)
      case "Ping":
        return this.onPing(frame.nonce)
      case "Drain":
        return this.onDrain()
      case "Relays":
        return this.options.onRelays?.(frame)
      case "Request":
        return this.onRequest(frame)
      case "Pong":
      case "Data":
        return
      default:
        return stream?.onFrame(frame)
    }
  }

  private onUseless(): void {
    if (!this.isClosed && !this.budget.useless()) this.onTooManyUseless()
  }

  /** The extension's frames, which count like others. */
  private extension(): FrameExtension | undefined {
    const { extension } = this.options
    if (extension === undefined) return undefined
    return {
      isKnown: (kind) => extension.isKnown(kind),
      frame: (kind, stream, payload) => {
        if (this.isClosed || !this.isGreeted()) return undefined
        this.budget.useful()
        return extension.frame(kind, stream, payload)
      },
    }
  }

  private onTooManyUseless(): void {
    if (this.options.isTrusted !== true) this.close("it sent too many frames without effect")
  }

  private isGreeted(): boolean {
    if (this.peer === undefined) this.close("it did not begin with a hello")
    return !this.isClosed
  }

  private onHello(frame: StreamFrame.Hello): void {
    if (this.peer !== undefined) return this.close("it said hello twice")
    if (frame.version < version) return this.close(`it speaks version ${frame.version}`)
    this.peer = frame
    this.options.onHello?.(frame)
  }

  private onPong(nonce: number): void {
    const isOfBulk = this.bulk.answered(nonce)
    const ping = this.heartbeatPing
    // An answer stands for all pings before it.
    if (ping === undefined || after(ping.nonce, nonce) >= after(ping.nonce, this.nonce)) {
      if (!isOfBulk) this.onUseless()
      return
    }
    this.heartbeatPing = undefined
    this.roundTrip = Math.max(0.05, this.now() - ping.at)
    this.lastTrips = [this.roundTrip, ...this.lastTrips.slice(0, tripsForWindow - 1)]
    this.leastRoundTrip = Math.min(this.leastRoundTrip ?? this.roundTrip, this.roundTrip)
    if (!isOfBulk) this.bulk.idle(this.roundTrip)
    this.lease?.ponged()
    this.serveDoubtful()
    this.options.onPong?.()
  }

  private onDrain(): void {
    if (this.isPeerDraining) return
    this.sendDrain()
    this.isPeerDraining = true
    this.options.onDrain?.()
    this.endIfDrained()
  }

  private onData(id: number, bytes: Buffer, end: boolean): void {
    if (this.isClosed || !this.isGreeted()) return
    const stream = this.streams.get(id)
    this.dataAt = this.now()
    if (stream === undefined) this.onUseless()
    else this.budget.useful()
    if (stream !== undefined && !stream.onData(bytes, end)) this.close("it sent more than it may")
  }

  private onIllegal(kind: number, id: number, detail: string): void {
    if (this.isClosed || !this.isGreeted()) return
    const stream = this.streams.get(id)
    if (stream !== undefined) return stream.onIllegal(detail)
    this.onUseless()
    if (kind !== StreamFrame.type.request) return
    // Resets must not pile up on a full wire.
    if (this.isFull) return this.close(detail)
    this.send(StreamFrame.reset(id, "protocol"))
  }

  private onRequest(frame: StreamFrame.Request): void {
    const handler = this.options.handlerOf?.(frame.stream) ?? this.options.handler
    if (handler === undefined) return this.close("it sent a request")
    if (this.isPeerDraining) return this.close("it sent a request after it agreed to drain")
    if (this.streams.has(frame.stream)) return this.close("it used a stream twice")
    if (this.streams.size >= this.options.hello.maxStreams)
      return this.close("it opened more streams than it may")
    const stream = new ServerStream(this, frame, handler, this.options.failed)
    this.streams.set(frame.stream, stream)
    if (this.lease !== undefined && !isSafe(frame.head.method))
      stream.beginBy = this.lease.beginBy()
    stream.accept(frame)
    if (this.isFull) this.unserved.push(stream)
    else this.serve(stream)
  }

  private serve(stream: ServerStream): void {
    if (stream.isOver) return
    if (this.lease === undefined || this.lease.now() <= stream.beginBy) stream.serve()
    else this.askToServe(stream, this.lease)
  }

  /** The relay may have given the request up: it is asked, and its answer comes behind a reset that is under way. */
  private askToServe(stream: ServerStream, lease: BeginLease): void {
    if (lease.hasRelayClock) return stream.askToBegin(lease, (again) => this.serve(again))
    this.doubtful.push(stream)
    this.isDoubtPinged = this.heartbeatPing === undefined
    this.ping()
  }

  /** A relay without a clock has answered a ping: what it gave up before, it has reset. */
  private serveDoubtful(): void {
    if (this.doubtful.length === 0) return
    if (!this.isDoubtPinged) {
      this.isDoubtPinged = true
      return this.ping()
    }
    for (const stream of this.doubtful.splice(0)) stream.serve()
  }

  /** Sends the time and the lease of requests, unless that was done just now. */
  private sendClock(): void {
    const { deadlines, leaseMillis } = this.options
    if (leaseMillis === undefined) return
    const now = deadlines.elapsed()
    const lease = leaseMillis()
    if (now - this.clockSentAt < clockMillis && lease === this.leaseSent) return
    this.clockSentAt = now
    this.leaseSent = lease
    this.send(StreamFrame.clock(now, lease))
  }
}

/** How many pings after another one a ping was sent; nonces wrap. */
const after = (first: number, nonce: number): number => (nonce - first) >>> 0

/** Whether a frame does more than to be answered or ignored. */
const isUseful = (frame: StreamFrame.Frame, stream: MuxStream | undefined): boolean =>
  frame._tag === "Request" || stream?.isEffective(frame) === true
