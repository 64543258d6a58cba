/**
 * Two multiplexers joined by an in-memory wire: bytes arrive in random pieces
 * after random delays; its buffers fill and drain, stall, or the wire breaks
 * after any byte. The same seed gives the same course of events.
 *
 *     const link = new SimulatedLink({ seed: 1, handler })
 *     link.near.request(head, body, reply)
 *     await link.settle()
 *
 * All data is checked against the credit that had arrived (flow control).
 */
import * as StreamFrame from "../../src/protocol/StreamFrame.ts"
import type { Handler } from "../../src/transport/body/Handler.ts"
import { FrameParser, type ReadShare } from "../../src/transport/mux/FrameParser.ts"
import {
  initialWindow,
  Multiplexer,
  type MultiplexerOptions,
  maxStreams,
  version,
} from "../../src/transport/mux/Multiplexer.ts"
import type { Deadline, Deadlines } from "../../src/transport/runtime/Deadlines.ts"
import { RunningClock } from "../../src/transport/runtime/RunningClock.ts"
import { Seeded } from "./Seeded.ts"

/** One turn of the event loop. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Properties of the link. */
export interface SimulatedLinkOptions {
  readonly seed: number
  /** The answering end's. */
  readonly handler: Handler
  readonly failed?: MultiplexerOptions["failed"]
  /** Of both ends. */
  readonly window?: number
  readonly maxStreams?: number
  readonly heartbeatMillis?: number
  /** The deadlines of both ends; by default the link's own, which its steps move. */
  readonly deadlines?: Deadlines
  /** Bytes in flight before a write waits. */
  readonly buffer?: number
  /** Longest one-way delay, in milliseconds. */
  readonly latency?: number
  /** The link breaks once so many bytes have arrived at both ends together. */
  readonly cutAfter?: number
  /** For how long the answering end may begin a request without asking, in milliseconds; without it any time. */
  readonly leaseMillis?: number
  /** Whether the end that asks reads only a few frames at a time. */
  readonly sharesTurns?: boolean
}

/** Deadlines by the link's own time. */
class OwnDeadlines implements Deadlines {
  time = 0
  private readonly entries = new Set<{ at: number; readonly onPassed: () => void }>()

  now(): number {
    return this.time
  }

  elapsed(): number {
    return this.time
  }

  set(millis: number, onPassed: () => void): Deadline {
    const entry = { at: this.time + millis, onPassed }
    this.entries.add(entry)
    return {
      clear: () => this.entries.delete(entry),
      touch: () => {
        entry.at = this.time + millis
      },
    }
  }

  advance(millis: number): void {
    this.time += millis
    for (const entry of [...this.entries]) {
      if (entry.at <= this.time && this.entries.delete(entry)) entry.onPassed()
    }
  }
}

/** The credit left on each stream, by the frames that one end sent and received. */
class Ledger {
  private readonly left = new Map<number, number>()
  private window = 0
  private readonly sent: FrameParser
  private readonly got: FrameParser

  constructor(fault: (what: string) => void) {
    const data = (stream: number, bytes: Uint8Array): void => {
      const left = (this.left.get(stream) ?? 0) - bytes.length
      this.left.set(stream, left)
      if (left < 0) fault(`stream ${stream}: ${-left} bytes more than its credit`)
    }
    this.sent = new FrameParser({
      frame: (frame) => {
        if (frame._tag !== "Request" && frame._tag !== "Response") return
        this.left.set(frame.stream, frame._tag === "Request" && frame.held ? 0 : this.window)
        if (!frame.end) data(frame.stream, frame.bytes)
      },
      data,
      illegal: (_kind, _stream, error) => fault(error.detail),
    })
    this.got = new FrameParser({
      frame: (frame) => {
        if (frame._tag === "Hello") this.window = frame.window
        if (frame._tag === "Credit")
          this.left.set(frame.stream, (this.left.get(frame.stream) ?? 0) + frame.bytes)
      },
      data: () => {},
      illegal: () => {},
    })
  }

  onSent(chunks: ReadonlyArray<Uint8Array>, fault: (what: string) => void): void {
    for (const chunk of chunks) {
      const error = this.sent.feed(Buffer.from(chunk))
      if (error !== undefined) fault(error.detail)
    }
  }

  onGot(chunk: Buffer): void {
    this.got.feed(chunk)
  }
}

interface Segment {
  readonly arrives: number
  bytes: Buffer
}

/** One direction of the wire, with the end that sends on it. */
class Direction {
  readonly segments: Array<Segment> = []
  readonly ledger: Ledger
  waiting = 0
  full = false
  stalled = false
  /** Whether its receiver does not read. */
  paused = false

  constructor(fault: (what: string) => void) {
    this.ledger = new Ledger(fault)
  }
}

/** See the file's header. */
export class SimulatedLink {
  /** The end that asks: the relay's. */
  readonly near: Multiplexer
  /** The end that answers: the server's. */
  readonly far: Multiplexer
  /** Protocol violations; empty if all is well. */
  readonly faults: Array<string> = []
  /** The reason with which each end closed. */
  readonly closed: { near?: string; far?: string } = {}
  readonly random: Seeded
  /** Bytes that have arrived. */
  arrived = 0
  private readonly options: SimulatedLinkOptions
  private readonly own = new OwnDeadlines()
  private readonly deadlines: Deadlines
  private readonly up: Direction
  private readonly down: Direction
  /** What waits until its end may read more frames. */
  private readonly postponed: Array<() => void> = []
  private broken = false
  private ended = false

  constructor(options: SimulatedLinkOptions) {
    this.options = options
    this.random = new Seeded(options.seed)
    this.deadlines = options.deadlines ?? this.own
    this.up = new Direction((what) => this.faults.push(`near: ${what}`))
    this.down = new Direction((what) => this.faults.push(`far: ${what}`))
    const { leaseMillis } = options
    this.near = this.end(this.up, "near", {
      ...(leaseMillis === undefined ? {} : { leaseMillis: () => leaseMillis }),
      ...(options.sharesTurns === true ? { share: this.readShare() } : {}),
    })
    this.far = this.end(this.down, "far", {
      handler: options.handler,
      ...(leaseMillis === undefined ? {} : { clock: new RunningClock(this.deadlines) }),
      ...(options.failed === undefined ? {} : { failed: options.failed }),
    })
  }

  private end(
    out: Direction,
    name: "near" | "far",
    more: Pick<MultiplexerOptions, "clock" | "failed" | "handler" | "leaseMillis" | "share">,
  ): Multiplexer {
    const { options } = this
    const { buffer = 64 * 1024, heartbeatMillis = 1e9, latency = 0 } = options
    const fault = (what: string): void => {
      this.faults.push(`${name}: ${what}`)
    }
    return new Multiplexer({
      ...more,
      deadlines: this.deadlines,
      heartbeatMillis,
      now: () => this.deadlines.now(),
      hello: {
        version,
        maxStreams: options.maxStreams ?? maxStreams,
        window: options.window ?? initialWindow,
        publicUrl: "",
      },
      wire: {
        write: (chunks) => {
          if (this.broken) return true
          out.ledger.onSent(chunks, fault)
          const bytes = Buffer.concat(chunks)
          const delay = latency === 0 ? 0 : this.random.int(latency >> 1, latency)
          out.segments.push({ arrives: this.deadlines.now() + delay, bytes })
          out.waiting += bytes.length
          out.full ||= out.waiting > buffer
          return !out.full
        },
        pause: () => {
          this.directionTo(name).paused = true
        },
        resume: () => {
          this.directionTo(name).paused = false
        },
        end: () => {
          this.ended = true
        },
        close: () => {
          // A stalled direction does not tell the other end.
          if (!out.stalled) this.cut()
        },
      },
      onClosed: (reason) => {
        if (this.closed[name] !== undefined) fault("it was closed twice")
        this.closed[name] = reason
      },
    })
  }

  /** Breaks the link; bytes in flight are lost. */
  cut(): void {
    if (this.broken) return
    this.broken = true
    this.up.segments.length = 0
    this.down.segments.length = 0
    this.near.ended()
    this.far.ended()
  }

  /** Stops the bytes to `end` without telling either end, or lets them pass again. */
  stall(end: "near" | "far", stalled: boolean): void {
    this.directionTo(end).stalled = stalled
  }

  private directionTo(end: "near" | "far"): Direction {
    return end === "near" ? this.down : this.up
  }

  /** Gives the end that asks a few frames at a time to read, or none for a while. */
  private readShare(): ReadShare {
    let left = 0
    return {
      get left() {
        return left
      },
      take: (count) => {
        left = Math.max(0, left - count)
      },
      later: (go) => {
        this.postponed.push(() => {
          left = this.random.int(0, 3)
          go()
        })
      },
    }
  }

  /** Bytes are in flight, or an end waits until it may send. */
  get isBusy(): boolean {
    if (this.postponed.length > 0) return true
    return [this.up, this.down].some(
      (direction) => !direction.stalled && (direction.segments.length > 0 || direction.full),
    )
  }

  /** Takes one step, if there is one. */
  step(): void {
    if (this.postponed.length > 0 && this.random.chance(0.5)) return this.postponed.shift()?.()
    const [first, second] = this.random.chance(0.5) ? [this.up, this.down] : [this.down, this.up]
    if (this.move(first) || this.move(second)) return
    if (this.options.deadlines === undefined && this.isBusy) this.own.advance(1)
    if (this.ended && !this.isBusy) this.cut()
  }

  /** Moves the link's own time. */
  advance(millis: number): void {
    this.own.advance(millis)
  }

  private move(direction: Direction): boolean {
    const sender = direction === this.up ? this.near : this.far
    const receiver = direction === this.up ? this.far : this.near
    const [segment] = direction.segments
    // A little may come after the receiver has stopped reading.
    if (direction.stalled || (direction.paused && this.random.chance(0.9))) return false
    if (segment === undefined) {
      if (!direction.full) return false
      direction.full = false
      sender.drained()
      return true
    }
    if (segment.arrives > this.deadlines.now()) return false
    this.deliver(direction, segment, receiver)
    return true
  }

  private deliver(direction: Direction, segment: Segment, receiver: Multiplexer): void {
    const { cutAfter = Number.POSITIVE_INFINITY } = this.options
    const most = this.random.chance(0.2) ? this.random.int(1, 40) : this.random.int(1, 128 * 1024)
    const size = Math.min(segment.bytes.length, most, cutAfter - this.arrived)
    const piece = segment.bytes.subarray(0, size)
    segment.bytes = segment.bytes.subarray(size)
    if (segment.bytes.length === 0) direction.segments.shift()
    direction.waiting -= size
    this.arrived += size
    const other = direction === this.up ? this.down : this.up
    other.ledger.onGot(piece)
    receiver.bytes(piece)
    if (this.arrived >= cutAfter) this.cut()
  }

  /** Steps until nothing can happen any more. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; ) {
      await turn()
      quiet = this.isBusy ? 0 : quiet + 1
      this.step()
    }
  }
}

/** Frames as one end of a link would get them, for tests that play the other end. */
export const bytesOf = (...frames: ReadonlyArray<StreamFrame.Frame>): Buffer =>
  Buffer.concat(frames.map(StreamFrame.encode))
