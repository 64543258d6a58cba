/**
 * Classic 2's framing over an HTTP body: a head at the start, the message's
 * own body behind it.
 */
import * as Result from "effect/Result"
import type { HeaderList } from "../../domain/HeaderList.ts"
import type { DecodedResponseHead } from "../../protocol/Classic2.ts"
import type { BodyError } from "../../protocol/Exchange.ts"
import type { ResponseHead } from "../../protocol/Message.ts"
import type { WireError } from "../../protocol/WireError.ts"
import type { Body, BodyFlow, BodySink } from "../../transport/body/Body.ts"

/** What comes of splitting: one of the two, once. */
export interface SplitResult {
  readonly found: (head: ResponseHead, rest: Body) => void
  /** The head is not legal; the body has been let go. */
  readonly bad: () => void
  /** The body broke off before the head was whole. */
  readonly cut: () => void
}

const nothing = new Uint8Array(0)

class Splitter {
  private readonly body: Body
  private readonly result: SplitResult
  private readonly decode: (
    bytes: Buffer,
  ) => Result.Result<DecodedResponseHead | undefined, WireError>
  private readonly flow: BodyFlow
  /** What has come of the head, at the start of a buffer that may have room behind it. */
  private head: Buffer | undefined
  private headAt = 0
  private done = false
  private handing = false
  private sink: BodySink | undefined
  private early: Uint8Array = nothing
  private last: ((sink: BodySink) => void) | undefined

  constructor(body: Body, decode: Splitter["decode"], result: SplitResult) {
    this.body = body
    this.decode = decode
    this.result = result
    this.flow = body.read({
      data: (chunk) => this.onData(chunk),
      end: (trailers: HeaderList) => this.onLast((sink) => sink.end(trailers), this.result.bad),
      fail: (error: BodyError) => this.onLast((sink) => sink.fail(error), this.result.cut),
    })
  }

  private onData(chunk: Uint8Array): boolean {
    if (!this.done) return this.onHead(chunk as Buffer)
    if (this.sink !== undefined && this.early.length === 0) return this.sink.data(chunk)
    this.early = this.early.length === 0 ? chunk : Buffer.concat([this.early, chunk])
    return false
  }

  private onHead(chunk: Buffer): boolean {
    const head = this.gather(chunk)
    const decoded = this.decode(head)
    if (Result.isFailure(decoded)) {
      this.done = true
      this.flow.cancel()
      this.result.bad()
      return false
    }
    if (decoded.success === undefined) return true
    const { end } = decoded.success
    this.done = true
    this.early = head.subarray(end)
    this.head = undefined
    this.handing = true
    this.result.found(decoded.success.head, this.rest(end))
    this.handing = false
    return this.sink === undefined ? false : this.pass(this.sink)
  }

  /** All of the head so far; each byte is copied a few times at most, however they come. */
  private gather(chunk: Buffer): Buffer {
    const size = this.headAt + chunk.length
    if (this.head === undefined) this.head = chunk
    else {
      if (this.head.length < size) {
        const larger = Buffer.allocUnsafe(2 * size)
        this.head.copy(larger, 0, 0, this.headAt)
        this.head = larger
      }
      chunk.copy(this.head, this.headAt)
    }
    this.headAt = size
    return this.head.subarray(0, size)
  }

  private onLast(last: (sink: BodySink) => void, withoutHead: () => void): void {
    if (!this.done) {
      this.done = true
      return withoutHead()
    }
    if (this.sink !== undefined && this.early.length === 0) return last(this.sink)
    this.last = last
  }

  /** Delivers what came before there was a sink. */
  private pass(sink: BodySink): boolean {
    const early = this.early
    this.early = nothing
    const more = early.length === 0 || sink.data(early)
    if (more) this.finish(sink)
    return more
  }

  private finish(sink: BodySink): void {
    const last = this.last
    this.last = undefined
    last?.(sink)
  }

  private rest(end: number): Body {
    const length = this.body.length === undefined ? undefined : this.body.length - end
    return {
      length,
      whole: this.early.length === length ? this.early : undefined,
      discard: () => this.flow.cancel(),
      read: (sink) => {
        this.sink = sink
        const resume = (): void => {
          if (this.last !== undefined) this.finish(sink)
          else this.flow.resume()
        }
        if (!this.handing) {
          queueMicrotask(() => {
            if (this.pass(sink)) this.flow.resume()
          })
        }
        return { resume, cancel: () => this.flow.cancel() }
      },
    }
  }
}

/** Takes the head off the start of a body. */
export const split = (
  body: Body,
  decode: (bytes: Buffer) => Result.Result<DecodedResponseHead | undefined, WireError>,
  result: SplitResult,
): void => {
  new Splitter(body, decode, result)
}
