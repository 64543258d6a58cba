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
import { type BodySource, PushedBody } from "../../transport/body/PushedBody.ts"

/** The result of splitting: one of these is called, once. */
export interface SplitResult {
  readonly found: (head: ResponseHead, rest: Body) => void
  /** The head is not legal; the body has been cancelled. */
  readonly bad: () => void
  /** The body broke off before the head was whole. */
  readonly cut: () => void
}

class Splitter implements BodySink, BodySource {
  private readonly length: number | undefined
  private readonly result: SplitResult
  private readonly decode: (
    bytes: Buffer,
  ) => Result.Result<DecodedResponseHead | undefined, WireError>
  private readonly flow: BodyFlow
  /** The head so far, at the start of a buffer that may have room behind it. */
  private head: Buffer | undefined
  private headAt = 0
  /** The message's own body, once its head is whole. */
  private rest: PushedBody | undefined

  constructor(body: Body, decode: Splitter["decode"], result: SplitResult) {
    this.length = body.length
    this.decode = decode
    this.result = result
    this.flow = body.read(this)
  }

  data(chunk: Uint8Array): boolean {
    return this.rest === undefined ? this.onHead(chunk as Buffer) : this.rest.data(chunk)
  }

  end(trailers: HeaderList): void {
    if (this.rest === undefined) this.result.bad()
    else this.rest.end(trailers)
  }

  fail(error: BodyError): void {
    if (this.rest === undefined) this.result.cut()
    else this.rest.fail(error)
  }

  resume(): void {
    this.flow.resume()
  }

  abandon(): void {
    this.flow.cancel()
  }

  private onHead(chunk: Buffer): boolean {
    const bytes = this.gather(chunk)
    const decoded = this.decode(bytes)
    if (Result.isFailure(decoded)) {
      this.flow.cancel()
      this.result.bad()
      return false
    }
    if (decoded.success === undefined) return true
    const { end, head } = decoded.success
    this.head = undefined
    this.result.found(head, this.restOf(bytes.subarray(end), end))
    return false
  }

  /** All of the head so far; each byte is copied a few times at most, however the sender cuts it. */
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

  /** The body behind a head of `end` bytes; `first` came with the head. */
  private restOf(first: Buffer, end: number): Body {
    const length = this.length === undefined ? undefined : this.length - end
    const rest = new PushedBody(length, this)
    this.rest = rest
    rest.data(first)
    if (first.length !== length) return rest
    return {
      length,
      whole: first,
      read: (sink) => rest.read(sink),
      discard: () => rest.discard(),
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
