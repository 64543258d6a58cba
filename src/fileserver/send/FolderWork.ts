/**
 * Limits the memory that requests for folders take. A large folder takes some
 * tens of megabytes while it is read, and its page or its list of files as long
 * as the visitor does not read the answer. So a few folders are read at the
 * same time, and further ones only while unread answers are below a limit.
 * Further requests wait; if they wait for long, answers that nobody reads are
 * cut off, so that visitors who do read get theirs.
 */
import { BodyError } from "../../protocol/Exchange.ts"
import type { Body, BodyFlow, BodySink } from "../../transport/body/Body.ts"
import * as PulledBody from "../../transport/body/PulledBody.ts"

/** The limits. */
export interface Limits {
  /** How many folders are read at the same time. */
  readonly maxWorking: number
  /** How many requests may wait; further ones are refused. */
  readonly maxWaiting: number
  /** Bytes of all unread answers above which no further folder is read. */
  readonly maxHeldBytes: number
  /** How long, in milliseconds, a request waits. */
  readonly patience: number
  /** After so many milliseconds without progress an answer may be cut off if others wait. */
  readonly stalledAfter: number
}

/** Limits for listings, searches and pages. */
export const listings: Limits = {
  maxWorking: 4,
  maxWaiting: 256,
  maxHeldBytes: 32 * 1024 * 1024,
  patience: 10_000,
  stalledAfter: 8_000,
}

/** Limits for archives, which may take hours to be read: their lists of files count, not their bytes. */
export const archives: Limits = {
  maxWorking: 2,
  maxWaiting: 256,
  maxHeldBytes: 48 * 1024 * 1024,
  patience: 10_000,
  stalledAfter: 60_000,
}

const sweepMillis = 1_000
/** Bytes of an answer that are handed on at once; shorter ones need not be held. */
export const slice = 64 * 1024

/** Ends some work; called when the folder or file has been read. */
export type Leave = () => void

/** A request that waits for its turn. */
export interface Work {
  /** Whether the visitor is gone. */
  readonly isCancelled: () => boolean
  /** Begins; `leave` has to be called once when the folder is read, also if the visitor is gone. */
  readonly start: (leave: Leave) => void
  /** Called instead of `start` if there are too many requests. */
  readonly refuse: () => void
}

interface WaitingWork {
  readonly work: Work
  readonly since: number
}

async function* slicesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < bytes.length; at += slice) yield bytes.subarray(at, at + slice)
}

/** An answer whose memory is counted until it has been read. */
export class HeldBody implements Body, BodySink, BodyFlow {
  readonly length: number | undefined
  readonly whole = undefined
  /** The memory that the answer takes, in bytes. */
  readonly heldBytes: number
  /** When the visitor read something last, in milliseconds of a monotonic clock. */
  progressAt: number
  private readonly body: Body
  private readonly stop: () => void
  private readonly work: FolderWork
  private state: "unread" | "flowing" | "over" = "unread"
  private sink: BodySink | undefined
  private flow: BodyFlow | undefined

  constructor(work: FolderWork, { body, cancel }: PulledBody.PulledBody, heldBytes: number) {
    this.length = body.length
    this.heldBytes = heldBytes
    this.progressAt = work.now()
    this.body = body
    this.stop = cancel
    this.work = work
  }

  /** Whether it has ended in any way. */
  get isOver(): boolean {
    return this.state === "over"
  }

  read(sink: BodySink): BodyFlow {
    this.sink = sink
    if (this.state === "over") queueMicrotask(() => this.tellCut())
    else {
      this.state = "flowing"
      this.flow = this.body.read(this)
    }
    return this
  }

  discard(): void {
    this.cancel()
  }

  data(chunk: Uint8Array, release?: () => void): boolean {
    this.progressAt = this.work.now()
    return this.sink?.data(chunk, release) ?? false
  }

  end(trailers: Parameters<BodySink["end"]>[0]): void {
    this.finish()
    this.sink?.end(trailers)
  }

  fail(error: BodyError): void {
    this.finish()
    this.sink?.fail(error)
  }

  resume(): void {
    this.progressAt = this.work.now()
    this.flow?.resume()
  }

  moved(): void {
    this.progressAt = this.work.now()
    this.flow?.moved?.()
  }

  /** Ends it, whether it is being read or not. */
  cancel(): void {
    if (this.state === "over") return
    this.finish()
    this.stop()
    this.sink = undefined
  }

  /** Cuts it off, since others wait for its memory. */
  cut(): void {
    if (this.state === "over") return
    this.finish()
    this.stop()
    this.tellCut()
  }

  private tellCut(): void {
    const detail = "the answer was not read while others waited"
    this.sink?.fail(new BodyError({ reason: "cut", detail }))
    this.sink = undefined
  }

  private finish(): void {
    if (this.state === "over") return
    this.state = "over"
    this.work.forget(this)
  }
}

/** See the head of this file. */
export class FolderWork {
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
  private readonly limits: Limits
  private working = 0
  private heldBytes = 0
  private readonly held = new Set<HeldBody>()
  private waiting: Array<WaitingWork> = []
  private timer: NodeJS.Timeout | undefined

  /** @param now milliseconds of a monotonic clock */
  constructor(limits: Limits, now: () => number = () => performance.now()) {
    this.limits = limits
    this.now = now
  }

  /** Starts now or later, in the order of the calls. */
  enter(work: Work): void {
    if (this.waiting.length === 0 && this.hasRoom()) return this.start(work)
    if (this.waiting.length >= this.limits.maxWaiting) this.sweep()
    if (this.waiting.length >= this.limits.maxWaiting) return work.refuse()
    this.waiting.push({ work, since: this.now() })
    this.timer ??= setInterval(() => this.sweep(), sweepMillis).unref()
  }

  /** Waits for its turn; gives the function that lets others, or nothing if there are too many requests. */
  turn(isCancelled: () => boolean): Promise<Leave | undefined> {
    return new Promise((resolve) =>
      this.enter({ isCancelled, start: resolve, refuse: () => resolve(undefined) }),
    )
  }

  /** The body of an answer in memory, which is counted until it has been read. */
  holdBytes(bytes: Uint8Array): HeldBody {
    return this.hold(PulledBody.make(slicesOf(bytes), bytes.length), bytes.length)
  }

  /** A body, counted as so many bytes until it has been read. */
  hold(body: PulledBody.PulledBody, bytes: number): HeldBody {
    const held = new HeldBody(this, body, bytes)
    this.held.add(held)
    this.heldBytes += bytes
    return held
  }

  /** Called by a held body that is over. */
  forget(body: HeldBody): void {
    if (!this.held.delete(body)) return
    this.heldBytes -= body.heldBytes
    this.admit()
  }

  /** Serves those who wait: called now and then while there are any. */
  sweep(): void {
    const now = this.now()
    this.waiting = this.waiting.filter(({ work }) => {
      if (work.isCancelled()) work.start(() => {})
      return !work.isCancelled()
    })
    this.cutStalled(now)
    this.admit()
    const late = this.waiting.filter(({ since }) => now - since >= this.limits.patience)
    this.waiting = this.waiting.filter(({ since }) => now - since < this.limits.patience)
    for (const { work } of late) work.refuse()
    if (this.waiting.length > 0 || this.timer === undefined) return
    clearInterval(this.timer)
    this.timer = undefined
  }

  private hasRoom(): boolean {
    return this.working < this.limits.maxWorking && this.heldBytes < this.limits.maxHeldBytes
  }

  private start(work: Work): void {
    let state: "working" | "left" = "working"
    this.working++
    work.start(() => {
      if (state === "left") return
      state = "left"
      this.working--
      this.admit()
    })
  }

  private admit(): void {
    while (this.waiting.length > 0 && this.hasRoom()) {
      const next = this.waiting.shift() as WaitingWork
      this.start(next.work)
    }
  }

  /** Cuts off answers without progress, the longest first, until there is room for one who waits. */
  private cutStalled(now: number): void {
    if (this.waiting.length === 0 || this.heldBytes < this.limits.maxHeldBytes) return
    const stalled = [...this.held]
      .filter(({ progressAt }) => now - progressAt >= this.limits.stalledAfter)
      .sort((a, b) => a.progressAt - b.progressAt)
    for (const body of stalled) {
      if (this.heldBytes < this.limits.maxHeldBytes) return
      body.cut()
    }
  }
}
