/**
 * Bodies and receivers that behave in every way that is allowed, and notice
 * when the other side does not.
 */
import * as Schema from "effect/Schema"
import type { HeaderList } from "../../src/domain/HeaderList.ts"
import { BodyError } from "../../src/protocol/Exchange.ts"
import type { Body, BodyFlow, BodySink } from "../../src/transport/body/Body.ts"
import { Watch } from "./Watch.ts"

/** When something goes on: at once, in a microtask, or after other events. */
export type Pace = "now" | "soon" | "later"

/** See {@link Pace}. */
export const Pace = Schema.Literals(["now", "soon", "later"])

/** Sizes of chunks, small and larger than what is buffered. */
export const Sizes = Schema.Array(
  Schema.Union([
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5 })),
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100_000 })),
  ]),
)

/** Bytes of these sizes, of which no two stretches are alike by accident. */
export const chunksOf = (sizes: ReadonlyArray<number>): ReadonlyArray<Buffer> => {
  let at = 0
  return sizes.map((size) => {
    const chunk = Buffer.alloc(size)
    for (let i = 0; i < size; i++, at++) chunk[i] = at % 251
    return chunk
  })
}

/** Calls `f` at a pace. */
export const at = (pace: Pace, f: () => void): void => {
  if (pace === "now") f()
  else if (pace === "soon") queueMicrotask(f)
  else setImmediate(f)
}

/** A sender of chunks. */
export class Chunked implements Body {
  readonly length = undefined
  readonly whole = undefined
  given = 0
  /** The end or the failure has been given. */
  ended = false
  reads = 0
  cancels = 0
  discards = 0
  readonly faults: Array<string> = []
  private readonly chunks: ReadonlyArray<Uint8Array>
  private readonly pace: Pace
  private readonly ending: BodyError | HeaderList
  private next = 0
  private held = false
  private open = true

  constructor(chunks: ReadonlyArray<Uint8Array>, pace: Pace, ending: BodyError | HeaderList = []) {
    this.chunks = chunks
    this.pace = pace
    this.ending = ending
  }

  read(sink: BodySink): BodyFlow {
    this.reads += 1
    if (this.discards > 0) this.faults.push("read after discard")
    at(this.pace === "now" ? "soon" : this.pace, () => this.push(sink))
    return {
      resume: () => {
        if (!this.held || !this.open) return
        this.held = false
        at(this.pace, () => this.push(sink))
      },
      cancel: () => {
        if (!this.open) return
        this.open = false
        this.cancels += 1
      },
    }
  }

  discard(): void {
    if (this.reads > 0) this.faults.push("discard after read")
    this.discards += 1
  }

  private push(sink: BodySink): void {
    while (this.open && !this.held) {
      const chunk = this.chunks[this.next]
      if (chunk === undefined) {
        this.open = false
        this.ended = true
        if (this.ending instanceof BodyError) sink.fail(this.ending)
        else sink.end(this.ending)
        return
      }
      this.next += 1
      this.given += chunk.length
      this.held = !sink.data(chunk)
    }
  }
}

/** A receiver that now and then has no room. */
export class Picky implements BodySink {
  readonly received: Array<Buffer> = []
  readonly faults: Array<string> = []
  ended: HeaderList | undefined
  failed: BodyError | undefined
  cancelledAt: number | undefined
  size = 0
  private readonly refuses: ReadonlyArray<boolean>
  private readonly pace: Pace
  private readonly leaveAt: number
  private flow: BodyFlow | undefined
  private calls = 0
  private held = false
  private readonly watch = new Watch()

  /** Refuses after chunks as `refuses` says, over and over; leaves after `leaveAt` bytes. */
  constructor(refuses: ReadonlyArray<boolean>, pace: Pace, leaveAt = Number.POSITIVE_INFINITY) {
    this.refuses = refuses
    this.pace = pace
    this.leaveAt = leaveAt
  }

  take(body: Body): void {
    this.flow = body.read(this)
    if (this.leaveAt <= 0) this.leave()
  }

  data(chunk: Uint8Array): boolean {
    this.check("data")
    if (this.flow === undefined) this.faults.push("data before read has returned")
    if (this.held) this.faults.push("data although there is no room")
    this.received.push(Buffer.from(chunk))
    this.size += chunk.length
    if (this.size >= this.leaveAt) {
      this.leave()
      return false
    }
    const refuse = this.refuses[this.calls++ % Math.max(1, this.refuses.length)] === true
    if (refuse) {
      this.held = true
      at(this.pace, () => {
        this.held = false
        if (this.cancelledAt === undefined) this.flow?.resume()
      })
    }
    return !refuse
  }

  end(trailers: HeaderList): void {
    this.check("end")
    this.ended = trailers
    this.watch.changed()
  }

  fail(error: BodyError): void {
    this.check("fail")
    this.failed = error
    this.watch.changed()
  }

  leave(): void {
    this.cancelledAt = this.size
    this.flow?.cancel()
    this.watch.changed()
  }

  get bytes(): Buffer {
    return Buffer.concat(this.received)
  }

  /** Resolves once the body has ended, failed or was left. */
  untilOver(): Promise<void> {
    return this.watch.until("the body is over", () => this.isOver)
  }

  private get isOver(): boolean {
    return this.ended !== undefined || this.failed !== undefined || this.cancelledAt !== undefined
  }

  private check(what: string): void {
    if (this.isOver) this.faults.push(`${what} after it was over`)
  }
}
