/**
 * A stream at the end that asks: it sends a request and hands on the response.
 */
import { BodyError, type ExchangeError } from "../../protocol/Exchange.ts"
import type { InterimHead, RequestHead } from "../../protocol/Message.ts"
import * as StreamFrame from "../../protocol/StreamFrame.ts"
import type { Body } from "../body/Body.ts"
import type { Reply } from "../body/Handler.ts"
import { bytesWithHead, noBytes } from "./BodySender.ts"
import { MuxStream, type StreamLink } from "./MuxStream.ts"

/** Who waits for a response, and may allow the other end to begin late. */
export interface LeasedReply extends Omit<Reply, "fail"> {
  /** There is no response; the reason is that of the other end's reset, if it sent one. */
  fail(error: ExchangeError, reason?: StreamFrame.ResetReason): void
  /**
   * The other end has a request that it has not begun, since it took about `age`
   * milliseconds to arrive. Calls `allow` with for how many milliseconds it may be
   * begun from when this was called; never if it must not be, which the visitor is told.
   */
  readonly begin?: (age: number, allow: (millis: number) => void) => void
}

const cancelled = new BodyError({ reason: "cancelled", detail: "it was given up here" })

/** See the file's header. */
export class ClientStream extends MuxStream {
  protected readonly readsAfterReset = true
  /** Who waits for the response; `undefined` once nobody does. */
  private reply: LeasedReply | undefined

  constructor(link: StreamLink, id: number, reply: LeasedReply) {
    super(link, id, link.baseWindow, "Head")
    this.reply = reply
  }

  /** Sends the request. */
  ask(head: RequestHead, body: Body, holds = false): void {
    const bytes = bytesWithHead(body)
    const isHeld = bytes === undefined && (holds || waitsForCredit(head))
    const flags =
      (bytes === undefined ? 0 : StreamFrame.flagEnd) | (isHeld ? StreamFrame.flagHeld : 0)
    const sent = bytes ?? (isHeld ? body.content : undefined) ?? noBytes
    this.link.send(StreamFrame.request(this.id, head, sent, flags, body.length))
    if (bytes !== undefined) this.sender.finish()
    else if (isHeld) this.sender.sendHeld(body)
    else this.sender.send(body)
  }

  /** Nobody waits for the response, or for the rest of it, any more. */
  cancel(): void {
    this.reply = undefined
    if (this.isOver) this.incoming?.fail(cancelled)
    else this.abort("cancelled")
  }

  sent(): void {
    this.settle()
  }

  abandon(): void {
    if (this.receiving !== "Ended" && !this.isOver) this.cancel()
  }

  protected onResponse({ bytes, end, head, length }: StreamFrame.Response): void {
    const { reply } = this
    const isExpected = reply !== undefined && this.receiving === "Head"
    if (!isExpected || !(end || this.window.allows(bytes.length))) return this.abort("protocol")
    this.reply = undefined
    reply.respond(head, this.receive(bytes, end, length))
    this.settle()
  }

  protected onInterim(head: InterimHead): void {
    this.reply?.inform?.(head)
  }

  protected onBegin(age: number): void {
    this.reply?.begin?.(age, (millis) => {
      if (!this.isOver) this.link.send(StreamFrame.begin(this.id, millis))
    })
  }

  protected onGivenUp(error: ExchangeError, reason?: StreamFrame.ResetReason): void {
    const { reply } = this
    this.reply = undefined
    reply?.fail(error, reason)
  }
}

/** Whether a body must not be sent before it is asked for. */
const waitsForCredit = (head: RequestHead): boolean =>
  head.headers.some(([name]) => {
    const lower = name.toLowerCase()
    return lower === "expect" || lower === "upgrade"
  })
