/**
 * A body that tells who is waited for, so that a time limit of one side does not
 * run while the other side is slow. It is a single object, since every streamed
 * request has one.
 */
import type { HeaderList } from "../../domain/HeaderList.ts"
import type { BodyError } from "../../protocol/Exchange.ts"
import type { Body, BodyFlow, BodySink } from "./Body.ts"

/** Receives which side is waited for. */
export interface Pace {
  /** The reader wants more: its sender is waited for. */
  awaitsSender(): void
  /** The reader has enough for now, or all: it is waited for. */
  awaitsReader(): void
}

/** The same body. Before it is read, its reader is waited for. */
export const paced = (body: Body, pace: Pace): Body => new PacedBody(body, pace)

class PacedBody implements Body, BodySink, BodyFlow {
  readonly length: number | undefined
  readonly whole: Uint8Array | undefined
  readonly content: Uint8Array | undefined
  private readonly body: Body
  private readonly pace: Pace
  private sink: BodySink | undefined
  private flow: BodyFlow | undefined
  private isOver = false

  constructor(body: Body, pace: Pace) {
    this.length = body.length
    this.whole = body.whole
    this.content = body.content
    this.body = body
    this.pace = pace
  }

  read(sink: BodySink): BodyFlow {
    this.sink = sink
    this.pace.awaitsSender()
    this.flow = this.body.read(this)
    return this
  }

  discard(): void {
    this.body.discard()
  }

  data(chunk: Uint8Array, release?: () => void): boolean {
    const wantsMore = this.sink?.data(chunk, release) ?? false
    if (!wantsMore) this.pace.awaitsReader()
    return wantsMore
  }

  end(trailers: HeaderList): void {
    this.finish()
    this.sink?.end(trailers)
  }

  fail(error: BodyError): void {
    this.finish()
    this.sink?.fail(error)
  }

  resume(): void {
    // A reader that has queued bytes may ask for more when these are sent, after the end.
    if (this.isOver) return
    this.pace.awaitsSender()
    this.flow?.resume()
  }

  moved(): void {
    this.flow?.moved?.()
  }

  cancel(): void {
    this.finish()
    this.flow?.cancel()
  }

  /** Nothing more of it is delivered. */
  private finish(): void {
    this.isOver = true
    this.pace.awaitsReader()
  }
}
