/**
 * One visitor's exchange while it is on the relay: waiting for a link, handed
 * to one, answered. Its state decides what may still happen to it, so that a
 * request that changes something reaches a server at most once.
 */
import * as RequestId from "../../domain/RequestId.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import type { RequestHead, ResponseHead } from "../../protocol/Message.ts"
import type { TransportName } from "../../protocol/TransportName.ts"
import type { Body } from "../../transport/body/Body.ts"
import type { Cancel, Reply } from "../../transport/body/Handler.ts"
import type { VisitNotes } from "../../transport/observe/VisitNotes.ts"
import type { Deadline, Deadlines } from "../../transport/runtime/Deadlines.ts"

/** What becomes of an answer's body: all of it reached the visitor, or the visitor left. */
export interface Delivery {
  readonly sent: () => void
  readonly left: () => void
}

/** The link that a request was handed to, as the request sees it. */
export interface Carrier {
  readonly transport: TransportName
  /** The visitor has left, or waits no longer. */
  cancel(pending: Pending): void
}

/** The rendezvous, as a pending request sees it. */
export interface PendingOwner {
  readonly deadlines: Deadlines
  /** Gives up a response's body in which nothing moves. */
  readonly watch: (request: RequestHead, head: ResponseHead, body: Body) => Body
  /** Puts it back at the front of the queue. */
  readonly requeue: (pending: Pending) => void
  /** It will not be answered any more, although a server may know of it. */
  readonly forget: (pending: Pending) => void
  /** It has been answered or has failed. */
  readonly settled: (pending: Pending) => void
}

const mayRepeat = new Set(["GET", "HEAD", "OPTIONS"])
const maxOffers = 4

/** See the file's header. */
export class Pending {
  readonly name: ServerName
  readonly head: RequestHead
  readonly body: Body
  state: "waiting" | "offered" | "answered" | "over" = "waiting"
  /** The link that it was handed to. */
  link: Carrier | undefined
  /** Takes it back from there; the link's to set, where it needs it. Here, because a map of what runs would keep garbage alive (`ReusableMap.ts`). */
  withdraw: Cancel | undefined
  /** The server has said that it has the request. */
  acknowledged = false
  /** Its body has been fetched, which is possible once. */
  bodyTaken = false
  private given: RequestId.RequestId | undefined
  private readonly owner: PendingOwner
  private readonly reply: Reply
  private readonly notes: VisitNotes | undefined
  private deadline: Deadline | undefined
  private delivery: Delivery | undefined
  private offers = 0

  constructor(
    owner: PendingOwner,
    name: ServerName,
    head: RequestHead,
    body: Body,
    reply: Reply,
    notes?: VisitNotes,
  ) {
    this.owner = owner
    this.name = name
    this.head = head
    this.body = body
    this.reply = reply
    this.notes = notes
  }

  /** What it is called towards a server; made when it is first asked for, since not every dialect needs one. */
  get id(): RequestId.RequestId {
    this.given ??= RequestId.make(this.owner.deadlines.now())
    return this.given
  }

  /** Whether somebody knows it by its id. */
  get isNamed(): boolean {
    return this.given !== undefined
  }

  /** Whether there is a limit to how long it waits. */
  get isTimed(): boolean {
    return this.deadline !== undefined
  }

  /** It waits for a link for at most `millis`. */
  wait(millis: number, onPassed: () => void): void {
    this.deadline?.clear()
    this.deadline = this.owner.deadlines.set(millis, onPassed)
  }

  /** A link has handed it to a server, which has `millis` to send a head. */
  offered(link: Carrier, millis: number): void {
    this.state = "offered"
    this.link = link
    this.offers += 1
    this.notes?.offered(link.transport)
    this.wait(millis, () => {
      this.fail(
        new ExchangeError({
          code: "PTTH_NO_ANSWER",
          detail: `there was no answer within ${millis / 1000} s`,
        }),
      )
      link.cancel(this)
    })
  }

  /**
   * The link broke, or the server never got it. It is offered again where
   * that cannot do anything twice (protocol.md, Re-offering).
   */
  lost(detail: string): void {
    if (this.state !== "offered") return
    this.deadline?.clear()
    this.deadline = undefined
    const repeatable =
      mayRepeat.has(this.head.method) && this.body.whole !== undefined && this.offers < maxOffers
    if (!repeatable) return this.fail(new ExchangeError({ code: "PTTH_LINK_LOST", detail }))
    this.state = "waiting"
    this.link = undefined
    this.acknowledged = false
    this.owner.requeue(this)
  }

  /** The server's head is here. `false`: nobody waits for it any more. */
  answer(head: ResponseHead, body: Body, delivery: Delivery): boolean {
    if (this.state !== "offered") return false
    this.settle("answered")
    this.delivery = delivery
    this.reply.respond(head, this.owner.watch(this.head, head, body), () => {
      this.delivery = undefined
      delivery.sent()
    })
    return true
  }

  /** There will be no answer. */
  fail(error: ExchangeError): void {
    if (this.state === "answered" || this.state === "over") return
    const known = this.state === "offered"
    this.settle("over")
    this.body.discard()
    if (known) this.owner.forget(this)
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
      this.owner.forget(this)
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
