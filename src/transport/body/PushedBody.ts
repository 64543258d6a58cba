/**
 * A body whose bytes are pushed in by whoever reads them off a connection,
 * before or after somebody wants them: what comes too early is kept, and the
 * connection is told to wait.
 */
import type { HeaderList } from "../../domain/HeaderList.ts"
import type { BodyError } from "../../protocol/Exchange.ts"
import type { Body, BodyFlow, BodySink } from "./Body.ts"

/** The connection, as the body on it sees it. */
export interface Arrival {
  /** More bytes are wanted. */
  readonly resume: () => void
  /** The rest of the body is not wanted; told only while it has not ended. */
  readonly abandon: () => void
}

/** See the file's header. */
export class PushedBody implements Body {
  readonly length: number | undefined
  readonly whole = undefined
  private readonly arrival: Arrival
  private sink: BodySink | undefined
  private queue: Array<Uint8Array> = []
  private started = false
  private flowing = false
  private delivering = false
  private resumed = false
  /** How it ends, once that is known and until it is told. */
  private last: ((sink: BodySink) => void) | undefined
  private wanted = true

  constructor(length: number | undefined, arrival: Arrival) {
    this.length = length
    this.arrival = arrival
  }

  /** The next bytes, which are the body's from now on. `false`: it will ask for more. */
  push(bytes: Uint8Array): boolean {
    if (!this.wanted || bytes.length === 0) return this.flowing
    const { sink } = this
    if (!this.flowing || sink === undefined) {
      this.queue.push(bytes)
      return false
    }
    this.deliver(sink, bytes)
    this.tell()
    return this.flowing
  }

  /** It is whole. */
  end(trailers: HeaderList): void {
    this.finish((sink) => sink.end(trailers))
  }

  /** It broke off; what has not been taken yet is no more worth anything. */
  fail(error: BodyError): void {
    this.queue = []
    this.finish((sink) => sink.fail(error))
  }

  read(sink: BodySink): BodyFlow {
    this.sink = sink
    queueMicrotask(this.resume)
    return { resume: this.resume, cancel: () => this.discard() }
  }

  discard(): void {
    if (!this.wanted) return
    const open = this.last === undefined
    this.forget()
    if (open) this.arrival.abandon()
  }

  private readonly resume = (): void => {
    if (this.delivering) {
      this.resumed = true
      return
    }
    if (!this.wanted) return
    this.started = true
    this.flowing = true
    while (this.flowing && this.sink !== undefined && this.queue.length > 0)
      this.deliver(this.sink, this.queue.shift() as Uint8Array)
    this.tell()
    if (this.flowing) this.arrival.resume()
  }

  private deliver(sink: BodySink, bytes: Uint8Array): void {
    this.delivering = true
    this.resumed = false
    const more = sink.data(bytes)
    this.delivering = false
    this.flowing = this.wanted && (more || this.resumed)
  }

  private finish(last: (sink: BodySink) => void): void {
    if (!this.wanted || this.last !== undefined) return
    this.last = last
    if (this.started) this.tell()
  }

  private tell(): void {
    const { last, sink } = this
    if (last === undefined || sink === undefined || this.delivering || this.queue.length > 0) return
    this.forget()
    last(sink)
  }

  private forget(): void {
    this.wanted = false
    this.flowing = false
    this.sink = undefined
    this.last = undefined
    this.queue = []
  }
}
