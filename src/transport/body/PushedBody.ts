/**
 * A body whose bytes are pushed in by whoever receives them, before or after
 * somebody reads it. Bytes that the reader does not want yet are queued, and
 * the source is told to wait.
 */
import type { HeaderList } from "../../domain/HeaderList.ts"
import { BodyError } from "../../protocol/Exchange.ts"
import type { Body, BodyFlow, BodySink } from "./Body.ts"
import { ChunkQueue } from "./ChunkQueue.ts"

/** Where the bytes come from, as the body sees it. */
export interface BodySource {
  /** The reader wants bytes and none are queued. Also called for the first read. */
  resume?(): void
  /** The reader does not want the rest. At most once, and not after the body's end. */
  abandon(): void
  /** So many bytes were read or thrown away. Each pushed byte is counted once: credit for the sender. */
  consumed?(bytes: number): void
}

/**
 * - `Unread`: nobody has called `read`.
 * - `Starting`: `read` has been called, the delivery starts in a microtask.
 * - `Paused`: the reader has refused more.
 * - `Flowing`: the reader takes each chunk as it comes.
 * - `Delivering`: the reader's `data` is running.
 * - `Resumed`: the same, and it has called `resume`.
 * - `Closed`: the end was delivered, or the reader has left.
 */
type State = "Unread" | "Starting" | "Paused" | "Flowing" | "Delivering" | "Resumed" | "Closed"

/** See the file's header. It is the sink of its source, and the flow of its reader. */
export class PushedBody implements Body, BodySink, BodyFlow {
  readonly length: number | undefined
  readonly whole = undefined
  private readonly source: BodySource
  private readonly queue = new ChunkQueue()
  private state: State = "Unread"
  private sink: BodySink | undefined
  /** How the body ends, from when that is known until it is delivered. */
  private outcome: HeaderList | BodyError | undefined

  constructor(length: number | undefined, source: BodySource) {
    this.length = length
    this.source = source
  }

  /** Whether nobody has begun to read it, or somebody has stopped. */
  get hasNoReader(): boolean {
    return this.sink === undefined
  }

  /** Whether the end was delivered, or the reader has left. */
  get isClosed(): boolean {
    return this.state === "Closed"
  }

  /** Whether bytes wait for the reader. */
  get hasQueued(): boolean {
    return !this.queue.isEmpty
  }

  // ------------------------------------------------------------ for the source

  /** The next bytes, which are the body's from now on, or until `release`. `false`: wait for {@link BodySource.resume}. */
  data(bytes: Uint8Array, release?: () => void): boolean {
    if (bytes.length > 0) {
      if (this.state === "Flowing") {
        this.deliver(bytes, release)
        this.drain()
      } else if (this.state === "Closed") this.source.consumed?.(bytes.length)
      else this.queue.push(bytes)
    }
    return this.state === "Flowing"
  }

  /** The body is whole; the end is delivered after the queued bytes. */
  end(trailers: HeaderList): void {
    if (this.state === "Closed" || this.outcome !== undefined) return
    this.outcome = trailers
    this.tellOutcome()
  }

  /** The body broke off, also if it has ended and the end was not delivered; queued bytes are discarded. */
  fail(error: BodyError): void {
    if (this.state === "Closed" || this.outcome instanceof BodyError) return
    this.outcome = error
    this.clear()
    this.tellOutcome()
  }

  // ------------------------------------------------------------ for the reader

  read(sink: BodySink): BodyFlow {
    this.sink = sink
    if (this.state === "Unread") this.state = "Starting"
    queueMicrotask(() => {
      if (this.state === "Starting") this.flow()
    })
    return this
  }

  resume(): void {
    if (this.state === "Paused") this.flow()
    else if (this.state === "Delivering") this.state = "Resumed"
  }

  cancel(): void {
    this.discard()
  }

  discard(): void {
    if (this.state === "Closed") return
    const isOpen = this.outcome === undefined
    this.close()
    if (isOpen) this.source.abandon()
  }

  // ------------------------------------------------------------ between them

  private flow(): void {
    this.state = "Flowing"
    this.drain()
    if (this.isFlowing) this.source.resume?.()
  }

  /** Not a comparison in place, since the compiler does not see what a call does to the state. */
  private get isFlowing(): boolean {
    return this.state === "Flowing"
  }

  private drain(): void {
    while (this.state === "Flowing" && !this.queue.isEmpty)
      this.deliver(this.queue.shift() as Uint8Array)
    this.tellOutcome()
  }

  private deliver(bytes: Uint8Array, release?: () => void): void {
    this.state = "Delivering"
    const wantsMore = this.sink?.data(bytes, release) ?? false
    this.source.consumed?.(bytes.length)
    this.delivered(wantsMore)
  }

  private delivered(wantsMore: boolean): void {
    if (this.state === "Closed") return
    this.state = wantsMore || this.state === "Resumed" ? "Flowing" : "Paused"
  }

  private tellOutcome(): void {
    const { outcome, sink } = this
    if (outcome === undefined || sink === undefined || !this.queue.isEmpty) return
    if (this.state !== "Flowing" && this.state !== "Paused") return
    this.close()
    if (outcome instanceof BodyError) sink.fail(outcome)
    else sink.end(outcome)
  }

  private close(): void {
    this.state = "Closed"
    this.sink = undefined
    this.outcome = undefined
    this.clear()
  }

  private clear(): void {
    const bytes = this.queue.clear()
    if (bytes > 0) this.source.consumed?.(bytes)
  }
}
