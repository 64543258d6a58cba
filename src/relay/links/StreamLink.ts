/**
 * One link over stream: one WebSocket of one server process.
 */
import type { ServerName } from "../../domain/ServerName.ts"
import type { Tripcode } from "../../domain/Tripcode.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import type { InterimHead, RequestHead, ResponseHead } from "../../protocol/Message.ts"
import * as PassedConnection from "../../protocol/PassedConnection.ts"
import type { Body } from "../../transport/body/Body.ts"
import type { Cancel } from "../../transport/body/Handler.ts"
import type { LeasedReply } from "../../transport/mux/ClientStream.ts"
import { drainedReason, type Multiplexer } from "../../transport/mux/Multiplexer.ts"
import type { Deadline, Deadlines } from "../../transport/runtime/Deadlines.ts"
import * as Lease from "../dispatch/Lease.ts"
import type { Link } from "../dispatch/Link.ts"
import type { Delivery, Pending } from "../dispatch/Pending.ts"
import type { Refusal } from "../dispatch/TransportRefusal.ts"

/** How long a server may take to begin a request that changes something, in milliseconds: beside its round trips, and at most. */
const beginMillis = 250
const longestBegin = 2_000

/**
 * The lease of a request.
 *
 * @param roundTrip of the link, in milliseconds
 * @param millis how long the server has for the head of its response
 */
const leaseOf = (roundTrip: number, millis: number): Lease.Lease =>
  Lease.leaseOf(Math.min(beginMillis + 4 * roundTrip, longestBegin), millis)

/** What a link needs of its surroundings. */
export interface StreamLinkOptions {
  readonly name: ServerName
  readonly tripcode: Tripcode
  readonly instance: string
  /** Its number among those of the process. */
  readonly number: string
  readonly program: string
  readonly multiplexer: Multiplexer
  /** Whether visitors' connections to the server are passed on unread. */
  readonly isPassedThrough: boolean
  /** For a further name of a link: takes just this name off it. */
  readonly further?: (reason: string) => void
  readonly responseMillis: (name: ServerName) => number
  readonly deadlines: Deadlines
  /** How long a suspected link has to answer a ping, in milliseconds. */
  readonly suspicionMillis: number
}

/** Why a link is suspected, and may end, whose server listens by classic. */
export const usesClassic = "its server has connected by classic"

/** See the file's header. */
export class StreamLink implements Link {
  readonly transport = "stream"
  readonly name: ServerName
  readonly tripcode: Tripcode
  readonly instance: string
  readonly number: string
  readonly program: string
  /** Whether the hello to its server said that visitors' connections are passed on. */
  readonly isPassedThrough: boolean
  private readonly options: StreamLinkOptions
  private suspicion: Deadline | undefined
  private isRevoked = false
  private isDrained = false

  constructor(options: StreamLinkOptions) {
    this.options = options
    this.name = options.name
    this.tripcode = options.tripcode
    this.instance = options.instance
    this.number = options.number
    this.program = options.program
    this.isPassedThrough = options.isPassedThrough
  }

  /** Why visitors do not reach the server over it; empty if they do. */
  get reason(): string {
    return this.isPassedThrough && !this.takesConnections
      ? 'it takes no connections, which tls = "passthrough" needs'
      : ""
  }

  private get takesConnections(): boolean {
    return this.options.multiplexer.hello?.connections === true
  }

  capacity(): number {
    return this.suspicion !== undefined ? 0 : this.options.multiplexer.room
  }

  places(): number | undefined {
    return this.options.multiplexer.places
  }

  beginMillis(): number {
    const millis = this.options.responseMillis(this.name)
    return leaseOf(this.options.multiplexer.roundTrip, millis).begin
  }

  refusal(head: RequestHead): Refusal | undefined {
    if (!PassedConnection.isPassed(head) || (this.isPassedThrough && this.takesConnections))
      return undefined
    return noConnections
  }

  offer(requests: ReadonlyArray<Pending>): ReadonlyArray<Pending> {
    const millis = this.options.responseMillis(this.name)
    const { multiplexer } = this.options
    let count = 0
    multiplexer.together(() => {
      // Large heads fill the wire.
      while (count < requests.length && multiplexer.room > 0)
        this.start(requests[count++] as Pending, millis)
    })
    return requests.slice(count)
  }

  private start(pending: Pending, millis: number): void {
    pending.offered(this, millis, leaseOf(this.options.multiplexer.roundTrip, millis))
    const request = new OfferedRequest(pending, this)
    request.cancel = this.options.multiplexer.request(this.headOf(pending), pending.body, request)
    if (pending.state === "offered" && pending.link === this) pending.withdraw = request.cancel
  }

  /** The head as the server gets it, which learns for which name of the link it is. */
  private headOf({ head }: Pending): RequestHead {
    if (this.options.further === undefined) return head
    return { ...head, headers: [...head.headers, ["X-PTTH-Service", this.name]] }
  }

  /** Whether it is for a further name, and another link has the same WebSocket. */
  get isFurther(): boolean {
    return this.options.further !== undefined
  }

  /** Whether its server has said by itself that it does nothing more with the requests on this link. */
  get isDropped(): boolean {
    return !this.options.multiplexer.isCutOff || this.isRevoked
  }

  cancel(pending: Pending): void {
    const { withdraw } = pending
    pending.withdraw = undefined
    withdraw?.()
  }

  /**
   * Another process of the same server has connected, or the same one by classic, so this
   * link may be dead: it is pinged, takes no requests until it answers, and ends if it does
   * not answer in time.
   *
   * @param reason why it ends then
   */
  suspect(reason = "another process has taken its place"): void {
    if (this.suspicion !== undefined) return
    this.suspicion = this.options.deadlines.set(this.options.suspicionMillis, () =>
      this.end(reason),
    )
    this.options.multiplexer.ping()
  }

  /** It has answered a ping, or ended. `true` if it was suspected. */
  trust(): boolean {
    const wasSuspected = this.suspicion !== undefined
    this.suspicion?.clear()
    this.suspicion = undefined
    return wasSuspected
  }

  /** The same process has opened this link again. One that is drained ends by itself. */
  replace(): void {
    if (this.places() !== undefined) this.end("it connected again")
  }

  /** Ends the link and the requests on it. */
  end(reason: string): void {
    this.suspicion?.clear()
    this.options.multiplexer.close(reason)
  }

  get roundTrip(): number | undefined {
    return this.options.multiplexer.leastRoundTrip
  }

  disconnect(reason: string): void {
    this.end(reason)
  }

  revoke(): void {
    const reason = "its key is no longer accepted"
    if (this.options.further !== undefined) return this.options.further(reason)
    this.isRevoked = true
    this.end(reason)
  }

  /** Sends a frame of the link itself. */
  send(frame: Buffer): void {
    this.options.multiplexer.send(frame)
  }

  drain(): void {
    this.isDrained = true
    this.options.multiplexer.drain()
  }

  /** Why the server is gone, in words for the administrator, by why the link was closed. */
  endOf(reason: string): string {
    if (reason !== drainedReason) return reason
    return this.isDrained ? "the relay asked it to end its links" : "it has stopped"
  }
}

const noConnections: Refusal = ({ name }) =>
  new ExchangeError({
    code: "PTTH_NO_PASSTHROUGH",
    detail: `${name} is connected, but accepts no connections: it is too old, or has no tls_cert and tls_key`,
  })

/** A request on a link. It waits for the response, and for how that is delivered. */
class OfferedRequest implements LeasedReply, Delivery {
  cancel: Cancel | undefined
  private readonly pending: Pending
  private readonly link: StreamLink

  constructor(pending: Pending, link: StreamLink) {
    this.pending = pending
    this.link = link
  }

  begin(...question: Parameters<Pending["begin"]>): void {
    this.pending.begin(...question)
  }

  inform(head: InterimHead): void {
    this.pending.inform(head)
  }

  respond(head: ResponseHead, body: Body): void {
    if (this.pending.answer(head, body, this)) return
    this.sent()
    body.discard()
  }

  fail(error: ExchangeError): void {
    const { link, pending } = this
    this.sent()
    if (error.code === "PTTH_LINK_LOST") pending.lost(error.detail, link.isDropped)
    else pending.fail(error)
  }

  sent(): void {
    const { cancel, pending } = this
    if (pending.withdraw === cancel) pending.withdraw = undefined
  }

  left(): void {
    this.sent()
    this.cancel?.()
  }
}
