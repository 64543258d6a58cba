/**
 * One visitor's request while it is on the relay: it waits for a link, is
 * offered to one, is answered. Its state decides what may still happen to it,
 * so that a request that is not idempotent reaches a server at most once.
 */
import * as RequestId from "../../domain/RequestId.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import { upgradeOf } from "../../protocol/http/HopByHop.ts"
import { isSafe } from "../../protocol/http/SafeMethod.ts"
import type { InterimHead, RequestHead, ResponseHead } from "../../protocol/Message.ts"
import { isPassed } from "../../protocol/PassedConnection.ts"
import type { TransportName } from "../../protocol/TransportName.ts"
import type { Body } from "../../transport/body/Body.ts"
import type { Cancel, Reply } from "../../transport/body/Handler.ts"
import { type Pace, paced } from "../../transport/body/PacedBody.ts"
import type { VisitNotes } from "../../transport/observe/VisitNotes.ts"
import type { Deadline, Deadlines } from "../../transport/runtime/Deadlines.ts"
import * as Lease from "./Lease.ts"

/** How the sending of a response's body ended: all of it was sent to the visitor, or the visitor left before. */
export interface Delivery {
  readonly sent: () => void
  readonly left: () => void
}

/** The link that a request was offered to, as the request sees it. */
export interface Carrier {
  readonly transport: TransportName
  /** The id of the relay that has the link, if it is another one. */
  readonly peer?: string
  /** The shortest round trip so far in milliseconds, where it is measured. */
  readonly roundTrip?: number | undefined
  /** The visitor has left, or waits no longer. */
  cancel(pending: Pending): void
}

/** The rendezvous, as a pending request sees it. */
export interface PendingOwner {
  readonly deadlines: Deadlines
  /** What ids of requests say of this relay, if there are others. */
  readonly slot: number | undefined
  /** The same response body, limited in how long it may be idle. */
  watch(request: RequestHead, head: ResponseHead, body: Body): Body
  /** Puts it back at the front of the queue. */
  requeue(pending: Pending): void
  /** A server may have it, but its response is no longer wanted. */
  abandon(pending: Pending): void
  /** It has been answered or has failed. */
  settled(pending: Pending): void
}

/** A request that hopped here: what the visitor's relay has decided about it. */
export interface HopTerms {
  /** How long the server has for the head of its response, in milliseconds. */
  readonly millis: number
  /** Until when a server may begin it without asking, in monotonic milliseconds. */
  readonly beginBy: number
  /** Asks the visitor's relay whether it may still be begun; `allow` is called if so. */
  readonly ask: (age: number, allow: (millis: number) => void) => void
  /** It was handed to a server, which begins it within so many milliseconds, or asks. */
  readonly placed: (millis: number) => void
}

/** How often one request is offered at most. */
const maxOffers = 4

/** How often one request is sent to a relay that turns out to have no link, at most. */
const maxMisplaced = 16

/** How much longer than the visitor's relay the one with the link waits, in milliseconds: the former cancels. */
const hopMargin = 1_000

/**
 * - `waiting`: it is in the queue.
 * - `offered`: a server has it.
 * - `lost`: its link was lost; a server that still has it may begin it within the lease.
 * - `answered`: the head of the response arrived.
 * - `over`: nothing more happens.
 */
type State = "waiting" | "offered" | "lost" | "answered" | "over"

/** Whether a request's body is its content. What comes after a change of protocol has no end to wait for. */
const isContent = (head: RequestHead): boolean =>
  upgradeOf(head.headers) === undefined && !isPassed(head)

let arrivals = 0

/** See the file's header. */
export class Pending implements Pace {
  /** Counts requests as they arrive: an earlier one has a smaller number. */
  readonly arrival = arrivals++
  readonly name: ServerName
  readonly head: RequestHead
  readonly body: Body
  state: State = "waiting"
  /** The link that it was offered to. */
  link: Carrier | undefined
  /** Cancels the request on its link; set by the link. Kept here instead of in a map so that no garbage is retained (`ReusableMap.ts`). */
  withdraw: Cancel | undefined
  /** The server has confirmed that it has the request. */
  acknowledged = false
  /** Its body has been fetched, which is possible once. */
  bodyTaken = false
  private assignedId: RequestId.RequestId | undefined
  private readonly owner: PendingOwner
  private readonly reply: Reply
  private readonly notes: VisitNotes | undefined
  private deadline: Deadline | undefined
  private delivery: Delivery | undefined
  private offers = 0
  /** How long the server has for the head of its response, in milliseconds. */
  private answerMillis = 0
  private lease = Lease.none
  /** Until when the head of the response is awaited, and a loss is not reported, in monotonic milliseconds. */
  private answerBy = 0
  private silentUntil = 0
  private readonly hop: HopTerms | undefined
  /** Until when a request that hopped here may be begun, in monotonic milliseconds, and whether that was asked. */
  private beginBy = 0
  private isAllowed = false
  private misplaced = 0

  constructor(
    owner: PendingOwner,
    name: ServerName,
    head: RequestHead,
    body: Body,
    reply: Reply,
    notes?: VisitNotes,
    hop?: HopTerms,
  ) {
    this.owner = owner
    this.name = name
    this.head = head
    this.body = body.whole === undefined && isContent(head) ? paced(body, this) : body
    this.reply = reply
    this.notes = notes
    this.hop = hop
    if (hop !== undefined) this.beginBy = hop.beginBy
  }

  /** Whether it hopped here: then it is for links of this relay only, and offered once. */
  get isHop(): boolean {
    return this.hop !== undefined
  }

  /** Its id in messages to a server; made when first read, since stream does without. */
  get id(): RequestId.RequestId {
    this.assignedId ??= RequestId.make(this.owner.deadlines.now(), this.owner.slot)
    return this.assignedId
  }

  /** Whether it has an id yet. */
  get isNamed(): boolean {
    return this.assignedId !== undefined
  }

  /** Whether it has a deadline. */
  get isTimed(): boolean {
    return this.deadline !== undefined
  }

  /**
   * Whether it hopped here, and the server of this link might begin it so late that
   * the visitor's relay has to allow that. Then that relay is asked, and `next` is
   * called once it allows the request to be handed out.
   */
  asksToBegin(link: { readonly beginMillis: () => number }, next: () => void): boolean {
    const { hop } = this
    if (hop === undefined || isSafe(this.head.method)) return false
    const now = this.owner.deadlines.elapsed()
    const begunAt = this.isAllowed ? now : now + link.beginMillis()
    if (begunAt <= this.beginBy) return false
    hop.ask(Math.max(0, now - this.beginBy), (millis) => {
      this.beginBy = now + millis
      this.isAllowed = true
      if (this.state === "waiting") next()
    })
    return true
  }

  /** It waits for a link for at most `millis`. */
  wait(millis: number, onPassed: () => void): void {
    this.deadline?.clear()
    this.deadline = this.owner.deadlines.set(millis, onPassed)
  }

  /**
   * A link sends it to a server, which has `linkMillis` milliseconds to send the head
   * of its response, without those in which it waits for the body, and keeps to the
   * lease.
   */
  offered(link: Carrier, linkMillis: number, lease: Lease.Lease = Lease.none): void {
    const millis = this.hop === undefined ? linkMillis : this.hop.millis + hopMargin
    this.state = "offered"
    this.link = link
    this.offers += 1
    this.answerMillis = millis
    if (lease.silence > 0 && !isSafe(this.head.method)) {
      this.lease = lease
      this.silentUntil = this.owner.deadlines.elapsed() + lease.silence
      this.hop?.placed(lease.begin)
    }
    this.notes?.offered(link.transport, link.peer, link.roundTrip)
    this.limitAnswer()
  }

  /** It hopped, and the relay with the link has handed it to a server, which begins it within so many milliseconds. */
  placed(millis: number): void {
    if (this.state !== "offered") return
    this.silentUntil = this.owner.deadlines.elapsed() + Lease.silenceOf(millis, this.answerMillis)
  }

  /** The head of the response is awaited from now on. */
  private limitAnswer(): void {
    const millis = this.answerMillis
    this.answerBy = this.owner.deadlines.elapsed() + millis
    this.wait(millis, () => {
      const link = this.link
      this.fail(
        new ExchangeError({
          code: "PTTH_NO_ANSWER",
          detail: `there was no answer within ${millis / 1000} s`,
        }),
      )
      link?.cancel(this)
    })
  }

  /** The server wants more of the body: how long the visitor may take is not its fault. */
  awaitsSender(): void {
    if (this.state !== "offered") return
    this.answerBy = Number.POSITIVE_INFINITY
    this.deadline?.clear()
    this.deadline = undefined
  }

  /** The server does not take more of the body now, or has all of it. */
  awaitsReader(): void {
    if (this.state === "offered" && this.deadline === undefined) this.limitAnswer()
  }

  /**
   * The server asks whether it may begin it after `age` milliseconds. `allow` is
   * called with for how many milliseconds it may, unless the visitor is about to be
   * told that it failed.
   */
  begin(age: number, allow: (millis: number) => void): void {
    if (this.state !== "offered") return
    const now = this.owner.deadlines.elapsed()
    if (this.hop !== undefined)
      return this.hop.ask(age, (millis) => {
        this.silentUntil = Math.max(this.silentUntil, now + millis + hopMargin)
        if (this.state === "offered") allow(millis)
      })
    const remaining = Math.min(this.answerMillis, this.answerBy - now)
    const { begin, silence } = Lease.renewed(this.lease, age, remaining)
    if (begin === 0) return
    this.silentUntil = Math.max(this.silentUntil, now + silence)
    allow(begin)
  }

  /**
   * The link broke, or the server never received it. It is offered again if
   * that has no side effect (protocol.md, Re-offering).
   *
   * @param isDropped whether the server has said itself that it does no more with it
   */
  lost(detail: string, isDropped = false): void {
    if (this.state !== "offered") return
    this.deadline?.clear()
    this.deadline = undefined
    const repeatable =
      !this.isHop &&
      isSafe(this.head.method) &&
      this.body.whole !== undefined &&
      this.offers < maxOffers
    if (!repeatable) {
      const error = new ExchangeError({ code: "PTTH_LINK_LOST", detail })
      const silent = this.silentUntil - this.owner.deadlines.elapsed()
      if (isDropped || silent <= 0) return this.fail(error)
      this.state = "lost"
      return this.wait(silent, () => this.fail(error))
    }
    this.waitAgain()
  }

  /** The link turned out to take no requests, so that no server has seen it: it is offered to another one. */
  unplaced(error: ExchangeError): void {
    if (this.state !== "offered") return
    this.deadline?.clear()
    this.deadline = undefined
    this.offers -= 1
    this.misplaced += 1
    if (this.misplaced > maxMisplaced) return this.fail(error)
    this.lease = Lease.none
    this.silentUntil = 0
    this.waitAgain()
  }

  /** Waits for another link. */
  private waitAgain(): void {
    this.state = "waiting"
    this.link = undefined
    this.acknowledged = false
    this.owner.requeue(this)
  }

  /** An interim response arrived. */
  inform(head: InterimHead): void {
    if (this.state === "offered") this.reply.inform?.(head)
  }

  /** The head of the response arrived. `false`: the request is no longer waiting for one. */
  answer(head: ResponseHead, body: Body, delivery: Delivery): boolean {
    if (this.state !== "offered" && this.state !== "lost") return false
    this.settle("answered")
    this.delivery = delivery
    this.reply.respond(head, this.owner.watch(this.head, head, body), () => {
      this.delivery = undefined
      delivery.sent()
    })
    return true
  }

  /** There will be no response; the visitor is told why. */
  fail(error: ExchangeError): void {
    if (this.state === "answered" || this.state === "over") return
    const wasOffered = this.state === "offered" || this.state === "lost"
    this.settle("over")
    this.body.discard()
    if (wasOffered) this.owner.abandon(this)
    this.reply.fail(error)
  }

  /** The visitor left. */
  cancel(): void {
    if (this.state === "over") return
    if (this.state === "answered") {
      const delivery = this.delivery
      this.delivery = undefined
      this.state = "over"
      delivery?.left()
      return
    }
    const link = this.link
    this.settle("over")
    if (link !== undefined) {
      this.owner.abandon(this)
      link.cancel(this)
    }
  }

  private settle(state: "answered" | "over"): void {
    this.deadline?.clear()
    this.deadline = undefined
    this.state = state
    this.owner.settled(this)
  }
}
