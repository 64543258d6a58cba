/**
 * The bodies of the link's model test: a sender that pushes known bytes in
 * random pieces, and a reader that compares what arrives with them.
 */
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import { BodyError } from "../../../src/protocol/Exchange.ts"
import {
  type Body,
  type BodyFlow,
  type BodySink,
  fromBytes,
} from "../../../src/transport/body/Body.ts"
import { Seeded } from "../Seeded.ts"

const mebi = 1024 * 1024

/** What a body needs of its test. */
export interface ModelTest {
  readonly random: Seeded
  /** Reports a deviation from the model. */
  readonly complain: (what: string) => void
  /** Adds a line to the course of events. */
  readonly note: (event: string) => void
  /** Runs a task at some later step. */
  readonly later: (task: () => void) => void
}

/** Every body is a slice of these bytes. */
const pool = ((): Buffer => {
  const random = new Seeded(1)
  const bytes = Buffer.alloc(3 * mebi)
  for (let i = 0; i < bytes.length; i += 4) bytes.writeUInt32LE(random.int(0, 0xffff_ffff), i)
  return bytes
})()

/** How much of its length a body announces: all of it at once, the number only, or nothing. */
export type BodyKind = "whole" | "length" | "unknown"

/** A body of seeded bytes that is pushed into the link in random pieces. */
export class SeededBody implements Body {
  readonly length: number | undefined
  readonly whole: Uint8Array | undefined
  readonly trailers: HeaderList
  readonly bytes: Buffer
  /** It fails after so many bytes. */
  readonly failsAt: number
  state: "fresh" | "reading" | "ended" | "failed" | "dropped" = "fresh"
  pushed = 0
  private readonly test: ModelTest
  private readonly what: string
  private sink: BodySink | undefined
  private flowing = true
  private scheduled = false

  constructor(
    test: ModelTest,
    what: string,
    given: { size: number; kind: BodyKind; failsAt: number; offset: number },
  ) {
    this.test = test
    this.what = what
    this.bytes = pool.subarray(given.offset, given.offset + given.size)
    this.length = given.kind === "unknown" ? undefined : given.size
    this.whole = given.kind === "whole" ? this.bytes : undefined
    this.failsAt = given.failsAt
    this.trailers =
      given.kind === "unknown" && test.random.chance(0.3) ? [["X-Sum", `${given.size}`]] : []
  }

  read(sink: BodySink): BodyFlow {
    if (this.state !== "fresh") this.test.complain(`${this.what}: read while ${this.state}`)
    this.test.note(`${this.what} is read`)
    if (this.whole !== undefined) {
      this.state = "ended"
      return fromBytes(this.whole).read(sink)
    }
    this.state = "reading"
    this.sink = sink
    this.schedule()
    return {
      resume: () => {
        this.flowing = true
        this.schedule()
      },
      cancel: () => this.drop(),
    }
  }

  discard(): void {
    this.drop()
  }

  private drop(): void {
    if (this.state === "fresh" || this.state === "reading") this.state = "dropped"
  }

  private schedule(): void {
    if (this.scheduled || this.state !== "reading" || !this.flowing) return
    this.scheduled = true
    this.test.later(() => {
      this.scheduled = false
      this.push()
    })
  }

  private push(): void {
    const { bytes, sink, test } = this
    if (this.state !== "reading" || sink === undefined) return
    if (this.pushed >= this.failsAt) {
      this.state = "failed"
      return sink.fail(new BodyError({ reason: "cut", detail: "the test cut it" }))
    }
    if (this.pushed === bytes.length) {
      this.state = "ended"
      return sink.end(this.trailers)
    }
    const left = Math.min(bytes.length, this.failsAt) - this.pushed
    const most = test.random.pick([10, 1000, 64 * 1024, 300 * 1024])
    const size = Math.min(left, test.random.int(0, most))
    const chunk = bytes.subarray(this.pushed, this.pushed + size)
    this.pushed += size
    this.flowing = sink.data(chunk)
    this.schedule()
  }
}

/** Reads a body with random pauses and compares it with what was sent. */
export class CheckingReader implements BodySink {
  outcome: "end" | "fail" | undefined
  received = 0
  dropped = false
  onOver: () => void = () => {}
  private readonly test: ModelTest
  private readonly what: string
  private readonly source: SeededBody
  private readonly patience: number
  private readonly leavesAt: number
  private readonly flow: BodyFlow

  constructor(
    test: ModelTest,
    what: string,
    body: Body,
    source: SeededBody,
    how: { readonly patience: number; readonly leavesAt: number },
  ) {
    this.test = test
    this.what = what
    this.source = source
    this.patience = how.patience
    this.leavesAt = how.leavesAt
    this.flow = body.read(this)
  }

  data(chunk: Uint8Array): boolean {
    this.mustBeOpen("data")
    const expected = this.source.bytes.subarray(this.received, this.received + chunk.length)
    if (expected.compare(chunk) !== 0) this.test.complain(`${this.what}: wrong at ${this.received}`)
    this.received += chunk.length
    if (this.received >= this.leavesAt) {
      this.drop()
      return false
    }
    if (this.test.random.next() < this.patience) return true
    this.test.later(() => {
      if (this.outcome === undefined && !this.dropped) this.flow.resume()
    })
    return false
  }

  end(trailers: HeaderList): void {
    this.mustBeOpen("end")
    this.outcome = "end"
    const { source } = this
    if (this.received !== source.bytes.length || source.failsAt < source.bytes.length)
      this.test.complain(`${this.what}: ended whole after ${this.received}`)
    if (JSON.stringify(trailers) !== JSON.stringify(source.trailers))
      this.test.complain(`${this.what}: other trailers`)
    this.test.note(`${this.what} ends`)
    this.onOver()
  }

  fail(error: BodyError): void {
    this.mustBeOpen("fail")
    this.outcome = "fail"
    this.test.note(`${this.what} fails after ${this.received}: ${error.reason}`)
    this.onOver()
  }

  drop(): void {
    if (this.outcome !== undefined || this.dropped) return
    this.dropped = true
    this.test.note(`${this.what} is cancelled after ${this.received}`)
    this.flow.cancel()
    this.onOver()
  }

  private mustBeOpen(event: string): void {
    if (this.outcome !== undefined) this.test.complain(`${this.what}: ${event} after its end`)
    if (this.dropped) this.test.complain(`${this.what}: ${event} after it was cancelled`)
  }
}
