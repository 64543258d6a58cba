/**
 * The links that one peer has of a server, as a link of the rendezvous: requests
 * hop over the connection to the peer, which hands them to the server.
 */
import type { HopFailure, HopLink, HopReply, PeersShape, PresentLink } from "../../cluster/Peers.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import type { Tripcode } from "../../domain/Tripcode.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import type { InterimHead, RequestHead, ResponseHead } from "../../protocol/Message.ts"
import { boundedVersion } from "../../protocol/peer/PeerControl.ts"
import type { TransportName } from "../../protocol/TransportName.ts"
import type { Body } from "../../transport/body/Body.ts"
import type { Cancel } from "../../transport/body/Handler.ts"
import { maxStreams } from "../../transport/mux/Multiplexer.ts"
import type * as Lease from "../dispatch/Lease.ts"
import type { PeerLinks } from "../dispatch/Link.ts"
import type { Delivery, Pending } from "../dispatch/Pending.ts"
import { type Refusal, transportRefusal } from "../dispatch/TransportRefusal.ts"
import type { HopCounters } from "../traffic/HopCounters.ts"
import { HeldBody } from "./HeldBody.ts"
import { boundedLease, hopLease } from "./HopLease.ts"

/** What it needs of its surroundings. */
export interface PeerLinkOptions {
  readonly name: ServerName
  readonly peer: string
  readonly peers: PeersShape
  readonly hops: HopCounters
  readonly responseMillis: (name: ServerName) => number
  /** There may be room for requests that wait. */
  readonly onReady: () => void
  /** Calls {@link PeerLink.roomChanged} once the connection takes more. */
  readonly awaitRoom: (link: PeerLink) => void
}

/** See the file's header. */
export class PeerLink implements PeerLinks {
  readonly name: ServerName
  readonly peer: string
  readonly instance: string
  readonly number = "0"
  readonly reason = ""
  private readonly options: PeerLinkOptions
  private readonly links = new Set<PresentLink>()
  private running = 0
  /** Whether requests wait for room. */
  private isAwaited = false

  constructor(options: PeerLinkOptions) {
    this.options = options
    this.name = options.name
    this.peer = options.peer
    this.instance = `relay ${options.peer}`
  }

  /** How many links the peer has. */
  get size(): number {
    return this.links.size
  }

  get tripcode(): Tripcode {
    return this.first.tripcode
  }

  get transport(): TransportName {
    return this.first.transport
  }

  get program(): string {
    return this.first.program
  }

  private get first(): PresentLink {
    const [first] = this.links
    return first as PresentLink
  }

  add(link: PresentLink): void {
    this.links.add(link)
    this.roomChanged()
  }

  delete(link: PresentLink): void {
    this.links.delete(link)
  }

  capacity(): number {
    const room = this.options.peers.link(this.peer)?.room ?? 0
    return room === 0 ? 0 : Math.max(0, Math.min(room, this.most - this.running))
  }

  /** What hopped here does not hop again. */
  beginMillis(): number {
    return 0
  }

  places(): number | undefined {
    const places = this.options.peers.link(this.peer)?.places
    return places === undefined
      ? undefined
      : Math.max(0, Math.min(places, this.most - this.running))
  }

  private get most(): number {
    return this.links.size * maxStreams
  }

  awaitRoom(): void {
    this.isAwaited = true
    this.options.awaitRoom(this)
  }

  /** The connection may take more, or there is another link. */
  roomChanged(): void {
    if (!this.isAwaited) return
    this.isAwaited = false
    this.options.onReady()
  }

  /** One of the links that carries it is enough: the peer hands it to that one. */
  refusal(head: RequestHead): Refusal | undefined {
    let refusal: Refusal | undefined
    for (const { transport } of this.links) {
      refusal = transportRefusal(transport, head)
      if (refusal === undefined) return undefined
    }
    return refusal
  }

  offer(requests: ReadonlyArray<Pending>): ReadonlyArray<Pending> {
    const connection = this.options.peers.link(this.peer)
    const most = Math.min(requests.length, this.capacity())
    if (connection === undefined || most === 0) return requests
    const millis = this.options.responseMillis(this.name)
    const isBounded = connection.hopVersion >= boundedVersion && !this.hasClassic
    const lease = isBounded ? boundedLease(millis) : hopLease(millis, this.hasClassic)
    let count = 0
    connection.together(() => {
      // Large heads fill the connection, and one that breaks takes no more.
      while (count < most && connection.room > 0)
        this.start(connection, requests[count++] as Pending, millis, lease)
    })
    return requests.slice(count)
  }

  private get hasClassic(): boolean {
    for (const { transport } of this.links) if (transport !== "stream") return true
    return false
  }

  private start(connection: HopLink, pending: Pending, millis: number, lease: Lease.Lease): void {
    pending.offered(this, millis, lease)
    this.options.hops.sent(this.peer)
    this.running += 1
    const hop = new OfferedHop(pending, this)
    const request = { name: this.name, head: pending.head, millis, trace: "", visitor: "" }
    hop.stop = connection.hop(request, hop.body, hop)
    if (pending.state === "offered" && pending.link === this) pending.withdraw = hop.cancel
  }

  /** A request that it took is over. */
  finished(): void {
    this.running -= 1
    this.roomChanged()
  }

  /** A hop has no response. */
  failed(reason: HopFailure | undefined): void {
    const { hops, peers } = this.options
    hops.failed(this.peer, reason ?? "failed")
    if (reason === "refused") peers.forget(this.peer, this.name)
  }

  cancel(pending: Pending): void {
    const { withdraw } = pending
    pending.withdraw = undefined
    withdraw?.()
  }

  /** The links are the peer's to end. */
  disconnect(): void {}

  revoke(): void {}

  drain(): void {}
}

/** A request that hops. It waits for the response, and for how that is delivered. */
class OfferedHop implements HopReply, Delivery {
  readonly body: HeldBody
  /** Gives up the hop. */
  stop: Cancel | undefined
  private readonly pending: Pending
  private readonly link: PeerLink
  private isRunning = true

  constructor(pending: Pending, link: PeerLink) {
    this.body = new HeldBody(pending.body)
    this.pending = pending
    this.link = link
  }

  readonly cancel = (): void => {
    this.sent()
    this.body.release()
    this.stop?.()
  }

  begin(...question: Parameters<Pending["begin"]>): void {
    this.pending.begin(...question)
  }

  placed(millis: number): void {
    this.pending.placed(millis)
  }

  inform(head: InterimHead): void {
    this.pending.inform(head)
  }

  respond(head: ResponseHead, response: Body): void {
    this.body.release()
    if (this.pending.answer(head, response, this)) return
    this.sent()
    response.discard()
  }

  fail(error: ExchangeError, reason?: HopFailure): void {
    const { body, link, pending } = this
    this.sent()
    link.failed(reason)
    const isUnseen = reason === "unsent" || reason === "refused" || reason === "busy"
    if (isUnseen && body.isWhole) {
      if (reason === "busy") pending.fail(busy(link.name))
      else pending.unplaced(error)
      return
    }
    body.release()
    if (reason === undefined) pending.fail(error)
    else if (reason === "illegal") pending.fail(illegal)
    else pending.lost(error.detail, reason === "cut")
  }

  sent(): void {
    if (this.pending.withdraw === this.cancel) this.pending.withdraw = undefined
    if (!this.isRunning) return
    this.isRunning = false
    this.link.finished()
  }

  left(): void {
    this.sent()
    this.stop?.()
  }
}

const illegal = new ExchangeError({
  code: "PTTH_BAD_ANSWER",
  detail: "its response arrived damaged from the relay to which it is connected",
})

const busy = (name: ServerName): ExchangeError =>
  new ExchangeError({
    code: "PTTH_QUEUE_FULL",
    detail: `all links of ${name} are busy`,
    retryAfter: 2,
  })
