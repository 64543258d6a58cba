/**
 * One exchange on a link, as far as it is the same for the end that asks and
 * the end that answers: both directions' bodies, flow control and the ways to
 * end. `ClientStream` and `ServerStream` add the rest.
 */
import type { HeaderList } from "../../domain/HeaderList.ts"
import { BodyError, ExchangeError } from "../../protocol/Exchange.ts"
import type { InterimHead } from "../../protocol/Message.ts"
import * as StreamFrame from "../../protocol/StreamFrame.ts"
import { maxInterim } from "../../protocol/Wire.ts"
import { type Body, empty, fromBytes, promise } from "../body/Body.ts"
import { type BodySource, PushedBody } from "../body/PushedBody.ts"
import { BodySender, type SenderEvents, type SenderLink } from "./BodySender.ts"
import { ReceiveWindow, type WindowBudget } from "./ReceiveWindow.ts"

/** A stream whose request is about to have its effect. */
export interface CommittedStream {
  /** Until when it may have it without asking, in milliseconds of the lease's clock. */
  beginBy: number
  /** Asks whether it still may, which took about `age` milliseconds; `allow` is called if it may. */
  ask(age: number, allow: (millis: number) => void): void
}

/** What a stream uses of its link. */
export interface StreamLink extends SenderLink, WindowBudget {
  /** The bytes of each body that the other end may send before it gets credit. */
  readonly baseWindow: number
  /** The bytes of each body that this end may send before it gets credit. */
  readonly peerWindow: number
  /** The stream is over on the wire. */
  remove(stream: MuxStream): void
  /** See `Reply.commit`. */
  commit(stream: CommittedStream, go: () => void): void
  /** A stream that is over begins (1) or ceases (-1) to hold received bytes. */
  linger(change: 1 | -1): void
}

/**
 * - `Open`: frames may come and go.
 * - `Lingering`: over on the wire, but received bytes wait for their reader.
 * - `Closed`: over on the wire, without such bytes.
 */
type State = "Open" | "Lingering" | "Closed"

/** What the other end has to send next: its head, its body, or nothing more. */
export type Receiving = "Head" | "Body" | "Ended"

/** Less credit than this, in bytes, is not worth a frame. */
const leastCredit = 1024

/** How many frames of a stream may tell the other end something without changing its state. */
const maxNotices = 2 * maxInterim

/** See the file's header. */
export abstract class MuxStream implements BodySource, SenderEvents {
  readonly id: number
  readonly sender: BodySender
  protected readonly link: StreamLink
  protected readonly window: ReceiveWindow
  protected receiving: Receiving
  /** The body from the other end, unless it came whole with its head. */
  protected incoming: PushedBody | undefined
  private state: State = "Open"
  private notices = 0

  constructor(link: StreamLink, id: number, window: number, receiving: Receiving) {
    this.link = link
    this.id = id
    this.sender = new BodySender(link, id, link.peerWindow, this)
    this.window = new ReceiveWindow(link, window)
    this.receiving = receiving
  }

  /** Whether the stream is over on the wire: both directions have ended, or it was given up. */
  get isOver(): boolean {
    return this.state !== "Open"
  }

  /** A response to this stream has come. */
  protected abstract onResponse(frame: StreamFrame.Response): void
  /** The other end asks whether the request may be begun, or allows it; see `StreamFrame.Begin`. */
  protected abstract onBegin(millis: number): void
  /** An interim response to this stream has come. */
  protected abstract onInterim(head: InterimHead): void
  /** The stream was given up by one end, or its link is gone; `reason` is that of the other end. */
  protected abstract onGivenUp(error: ExchangeError, reason?: StreamFrame.ResetReason): void
  /** Whether a body that has come whole is still read if the stream is given up. */
  protected abstract readonly readsAfterReset: boolean
  /** Everything that this end sends has been sent; see {@link settle}. */
  abstract sent(): void
  /** The reader does not want the rest of the body that comes. */
  abstract abandon(): void

  // ------------------------------------------------------------ frames

  /** Whether a frame has an effect, apart from what the other end may do any number of times on one stream. */
  isEffective(frame: StreamFrame.Frame): boolean {
    switch (frame._tag) {
      case "Credit":
        return frame.bytes >= leastCredit && this.sender.isCreditDue
      case "Interim":
      case "Begin":
        this.notices += 1
        return this.notices <= maxNotices
      default:
        return true
    }
  }

  onFrame(frame: StreamFrame.Frame): void {
    if (this.isOver) return
    switch (frame._tag) {
      case "Response":
        return this.onResponse(frame)
      case "End":
        return this.receiving === "Body" ? this.onEnd(frame.trailers) : this.abort("protocol")
      case "Credit":
        return this.sender.addCredit(frame.bytes)
      case "Interim":
        return this.onInterim(frame.head)
      case "Begin":
        return this.onBegin(frame.millis)
      case "Reset":
        return this.onReset(frame.reason)
      default:
        return
    }
  }

  /** `false`: the other end has broken the rules. */
  onData(bytes: Buffer, end: boolean): boolean {
    if (this.isOver) return true
    if (!this.window.receive(bytes.length) || this.receiving === "Ended") return false
    if (this.receiving === "Head") {
      this.abort("protocol")
      return true
    }
    this.incoming?.data(bytes)
    if (end) this.onEnd([])
    return true
  }

  /** The other end has sent a frame for it that cannot be understood. */
  onIllegal(detail: string): void {
    this.abort("protocol", new ExchangeError({ code: "PTTH_BAD_ANSWER", detail }))
  }

  private onEnd(trailers: HeaderList): void {
    this.receiving = "Ended"
    this.settle()
    this.incoming?.end(trailers)
  }

  private onReset(reason: StreamFrame.ResetReason): void {
    this.giveUp(
      new ExchangeError({
        code: reason === "protocol" ? "PTTH_BAD_ANSWER" : "PTTH_LINK_LOST",
        detail: `the server gave the request up (${reason})`,
      }),
      new BodyError({ reason: bodyReason(reason), detail: `the other end gave it up (${reason})` }),
      false,
      reason,
    )
  }

  // ------------------------------------------------------------ the body that comes

  /** The body from the other end; `first` came with the head, and is all of it if `isWhole`. */
  protected receive(first: Uint8Array, isWhole: boolean, length: number | undefined): Body {
    const body = isWhole ? this.receiveWhole(first) : this.receiveMore(first, length)
    return length === undefined ? body : promise(body, length)
  }

  private receiveWhole(bytes: Uint8Array): Body {
    this.receiving = "Ended"
    return bytes.length === 0 ? empty : fromBytes(bytes)
  }

  private receiveMore(first: Uint8Array, length: number | undefined): Body {
    this.receiving = "Body"
    this.window.receive(first.length)
    const body = new PushedBody(length, this)
    body.data(first)
    this.incoming = body
    return body
  }

  /** The body is read: a held one may come now. */
  resume(): void {
    if (!this.window.isHeld || this.isOver || this.receiving === "Ended") return
    this.link.send(StreamFrame.credit(this.id, this.window.open(this.link.baseWindow)))
  }

  consumed(count: number): void {
    if (this.state !== "Open") return this.stopLingering()
    if (this.receiving === "Ended" || this.incoming?.isClosed !== false) return
    const credit = this.window.consumed(count)
    if (credit > 0) this.link.send(StreamFrame.credit(this.id, credit))
  }

  // ------------------------------------------------------------ the end

  /** The link is gone. */
  lost(reason: string): void {
    const detail = `the link broke: ${reason}`
    this.giveUp(
      new ExchangeError({ code: "PTTH_LINK_LOST", detail }),
      new BodyError({ reason: "cut", detail }),
    )
  }

  /** Resets the stream, and tells both of its sides. */
  abort(reason: StreamFrame.ResetReason, error?: ExchangeError): void {
    if (this.isOver) return
    this.link.send(StreamFrame.reset(this.id, reason))
    const detail = `it was given up here (${reason})`
    this.giveUp(
      error ?? new ExchangeError({ code: "PTTH_BAD_ANSWER", detail }),
      new BodyError({ reason: bodyReason(reason), detail }),
      reason === "cancelled",
    )
  }

  private giveUp(
    error: ExchangeError,
    bodyError: BodyError,
    isUnwanted = false,
    reason?: StreamFrame.ResetReason,
  ): void {
    if (this.isOver) return
    this.state = "Closed"
    this.sender.stop()
    this.release()
    this.onGivenUp(error, reason)
    const isRead = this.receiving === "Ended" && this.readsAfterReset && !isUnwanted
    if (!isRead) this.incoming?.fail(bodyError)
  }

  /** Forgets the stream once both directions have ended. */
  protected settle(): void {
    if (this.isOver || !this.sender.hasEnded || this.receiving !== "Ended") return
    this.state = "Closed"
    this.release()
  }

  private release(): void {
    this.window.release()
    if (this.incoming?.hasQueued === true) {
      this.state = "Lingering"
      this.link.linger(1)
    }
    this.link.remove(this)
  }

  private stopLingering(): void {
    if (this.state !== "Lingering" || this.incoming?.hasQueued !== false) return
    this.state = "Closed"
    this.link.linger(-1)
  }
}

const bodyReason = (reason: StreamFrame.ResetReason): BodyError["reason"] =>
  reason === "refused" || reason === "protocol" ? "cut" : reason
