/**
 * A stream at the end that answers: it has a handler answer a request, and
 * sends the response.
 */
import { ExchangeError } from "../../protocol/Exchange.ts"
import { upgradeOf } from "../../protocol/http/HopByHop.ts"
import type { InterimHead, RequestHead, ResponseHead } from "../../protocol/Message.ts"
import * as StreamFrame from "../../protocol/StreamFrame.ts"
import { maxInterim } from "../../protocol/Wire.ts"
import { type Body, empty, withContent } from "../body/Body.ts"
import type { Cancel, Reply } from "../body/Handler.ts"
import type { BeginLease } from "./BeginLease.ts"
import { bytesWithHead, noBytes } from "./BodySender.ts"
import { MuxStream, type StreamLink } from "./MuxStream.ts"

/** Turns a failure of the handler into a response. */
export type FailureResponse = (
  head: RequestHead,
  error: ExchangeError,
) => readonly [ResponseHead, Body]

/** How a request of a stream is answered. */
export interface StreamReply extends Reply {
  /** The number of the stream. */
  readonly id: number
  /** Until when it may be begun without asking, in milliseconds of the lease's clock. */
  readonly beginBy: number
  /** Gives it up for a reason. */
  abort(reason: StreamFrame.ResetReason): void
  /** Asks whether it may be begun, which took about `age` milliseconds to arrive; `allow` is called if it may. */
  ask(age: number, allow: (millis: number) => void): void
}

/** Answers requests of streams; a `Handler` is one. */
export type StreamHandler = (head: RequestHead, body: Body, reply: StreamReply) => Cancel

const unsendable = new ExchangeError({
  code: "PTTH_BAD_ANSWER",
  detail: "its head is larger than a link can carry, or its status is not a final one",
})

/** See the file's header. The stream is the handler's `Reply`. */
export class ServerStream extends MuxStream implements StreamReply {
  protected readonly readsAfterReset = false
  private readonly head: RequestHead
  private readonly handler: StreamHandler
  private readonly failureResponse: FailureResponse | undefined
  /** The request's body, until the handler has it. */
  private body: Body = empty
  /** Until when it may be begun without asking, in milliseconds of the lease's clock. */
  beginBy = Number.POSITIVE_INFINITY
  /** Goes on when the other end allows to begin. */
  private onAllowed: ((millis: number) => void) | undefined
  /** How long the last permission to begin took to come, in milliseconds. */
  private askMillis = 0
  /** How many interim responses were sent. */
  private informed = 0
  private response: "Waiting" | "Answered" | "GivenUp" = "Waiting"
  private cancelHandler: Cancel | undefined
  private onSent: (() => void) | undefined

  constructor(
    link: StreamLink,
    { head, held, stream }: StreamFrame.Request,
    handler: StreamHandler,
    failureResponse: FailureResponse | undefined,
  ) {
    super(link, stream, held ? 0 : link.baseWindow, "Body")
    this.head = head
    this.handler = handler
    this.failureResponse = failureResponse
  }

  /** Takes the part of the body that came with the head. */
  accept({ bytes, end, held, length }: StreamFrame.Request): void {
    // The content precedes the change of protocol, and needs no credit.
    if (held && !end && bytes.length > 0 && upgradeOf(this.head.headers) !== undefined) {
      this.body = withContent(this.receive(noBytes, false, length), bytes)
      return
    }
    if (!end && !this.window.allows(bytes.length)) return this.abort("protocol")
    this.body = this.receive(bytes, end, length)
  }

  /** Has the handler answer the request. */
  serve(): void {
    if (this.isOver) return
    const { body } = this
    this.body = empty
    const cancel = this.handler(this.head, body, this)
    if (this.response === "GivenUp") cancel()
    else this.cancelHandler = cancel
  }

  /** Asks whether the request may still be begun, and calls `next` when it may. */
  askToBegin(lease: BeginLease, next: (stream: ServerStream) => void): void {
    const askedAt = lease.now()
    this.onAllowed = (millis) => {
      this.onAllowed = undefined
      this.askMillis = lease.now() - askedAt
      this.beginBy = askedAt + millis
      next(this)
    }
    this.link.send(StreamFrame.begin(this.id, Math.max(lease.age(), this.askMillis)))
  }

  ask(age: number, allow: (millis: number) => void): void {
    if (this.isOver) return
    this.onAllowed = (millis) => {
      this.onAllowed = undefined
      allow(millis)
    }
    this.link.send(StreamFrame.begin(this.id, age))
  }

  respond(head: ResponseHead, body: Body, sent?: () => void): void {
    if (!this.isAwaited || StreamFrame.fitsResponse(head)) return this.send(head, body, sent)
    body.discard()
    this.fail(unsendable)
  }

  /** An older relay skips the frame. */
  inform(head: InterimHead): void {
    if (!this.isAwaited || this.link.isFull || this.informed === maxInterim) return
    if (!StreamFrame.fitsEnd(head.headers)) return
    this.informed += 1
    this.link.send(StreamFrame.interim(this.id, head))
  }

  commit(go: () => void): void {
    if (this.isAwaited) this.link.commit(this, go)
  }

  fail(error: ExchangeError): void {
    if (!this.isAwaited) return
    const answer = this.failureResponse?.(this.head, error)
    if (answer === undefined) this.abort("refused")
    else this.send(...answer)
  }

  sent(): void {
    this.onSent?.()
    if (this.receiving !== "Ended") this.stopUnread()
    this.settle()
  }

  abandon(): void {
    if (this.receiving === "Ended" || this.isOver) return
    if (this.sender.hasEnded) this.abort("cancelled")
  }

  protected onResponse(): void {
    this.abort("protocol")
  }

  protected onInterim(): void {
    this.abort("protocol")
  }

  protected onBegin(millis: number): void {
    this.onAllowed?.(millis)
  }

  protected onGivenUp(): void {
    this.response = "GivenUp"
    this.cancelHandler?.()
  }

  /** Whether there is no response yet, and it is still wanted. */
  private get isAwaited(): boolean {
    return this.response === "Waiting" && !this.isOver
  }

  private send(head: ResponseHead, body: Body, sent?: () => void): void {
    if (!this.isAwaited) return body.discard()
    this.response = "Answered"
    this.onSent = sent
    const { method } = this.head
    const isBodiless = method === "HEAD" || head.status === 204 || head.status === 304
    if (isBodiless) body.discard()
    const out = isBodiless ? empty : body
    const bytes = bytesWithHead(out)
    const flags = bytes === undefined ? 0 : StreamFrame.flagEnd
    this.link.send(StreamFrame.response(this.id, head, bytes ?? noBytes, flags, out.length))
    if (bytes === undefined) this.sender.send(out)
    else this.sender.finish()
  }

  /** The response is complete: a request body that nobody reads need not come any more. */
  private stopUnread(): void {
    if (this.incoming?.isClosed !== false) return this.abort("cancelled")
    queueMicrotask(() => {
      if (this.incoming?.hasNoReader !== false && this.receiving !== "Ended")
        this.abort("cancelled")
    })
  }
}
