/**
 * A body whose bytes are counted while they pass. It is a single object, since
 * every body of every request may be one.
 */
import type { HeaderList } from "../../domain/HeaderList.ts"
import type { BodyError } from "../../protocol/Exchange.ts"
import type { Body, BodyFlow, BodySink } from "./Body.ts"

/** Receives the counts. */
export interface Tally {
  /** So many bytes have passed. The memory of `chunk` may be reused once this has returned. */
  bytes(count: number, chunk: Uint8Array): void
  /** No more bytes come; `isWhole` says whether there were all of them, or nobody wants them. Only the first call counts. */
  over?(isWhole: boolean): void
}

/** Counts the bytes of a body as they are read; the use of `whole` is not counted. */
export const count = (body: Body, tally: Tally): Body => new CountedBody(body, tally)

/** Counts the bytes of a response's body. One in memory is over at once: it is sent together with the head. */
export const countResponse = (body: Body, tally: Tally): Body => {
  if (body.whole === undefined) return count(body, tally)
  tally.bytes(body.whole.length, body.whole)
  tally.over?.(true)
  return body
}

class CountedBody implements Body, BodySink, BodyFlow {
  readonly length: number | undefined
  readonly whole: Uint8Array | undefined
  readonly content: Uint8Array | undefined
  private readonly body: Body
  private readonly tally: Tally
  private sink: BodySink | undefined
  private flow: BodyFlow | undefined

  constructor(body: Body, tally: Tally) {
    this.length = body.length
    this.whole = body.whole
    this.content = body.content
    this.body = body
    this.tally = tally
  }

  read(sink: BodySink): BodyFlow {
    this.sink = sink
    this.flow = this.body.read(this)
    return this
  }

  discard(): void {
    this.tally.over?.(true)
    this.body.discard()
  }

  data(chunk: Uint8Array, release?: () => void): boolean {
    this.tally.bytes(chunk.length, chunk)
    return this.sink?.data(chunk, release) ?? false
  }

  end(trailers: HeaderList): void {
    this.tally.over?.(true)
    this.sink?.end(trailers)
  }

  fail(error: BodyError): void {
    this.tally.over?.(false)
    this.sink?.fail(error)
  }

  resume(): void {
    this.flow?.resume()
  }

  moved(): void {
    this.flow?.moved?.()
  }

  cancel(): void {
    this.tally.over?.(false)
    this.flow?.cancel()
  }
}
