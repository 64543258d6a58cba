/**
 * Shares the places of a server between the networks of its visitors (an IPv4
 * /24, an IPv6 /48). While places are left, a network may have as many requests
 * as there are places left. When none is left, a network with few requests gets
 * a place of the one with the most, whose request that has made no progress for the
 * longest time is ended. docs/reliability.md states the bounds.
 */
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import * as ListenAddress from "../../domain/ListenAddress.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import { networkOf } from "../../domain/visitor/FairShare.ts"
import { BodyError, ExchangeError } from "../../protocol/Exchange.ts"
import type { InterimHead, ResponseHead } from "../../protocol/Message.ts"
import type { Body, BodyFlow, BodySink } from "../../transport/body/Body.ts"
import { count } from "../../transport/body/CountedBody.ts"
import type { Cancel, Reply } from "../../transport/body/Handler.ts"
import { refuse } from "../../transport/body/Replies.ts"
import type { FrontRequest } from "../../transport/front/FrontRequest.ts"
import { clientAddress, isTrusted } from "../settings/TrustedProxies.ts"

/** How many requests a network may have at a server that are made room for, by ending those of another network. */
export const minimumShare = 16

/** How many requests a server of classic answers at once; it does not tell. */
const classicPlaces = 2_048

/** The requests of one network at one server. */
type Share = Set<Place>

/** See the file's header. One for all servers of a relay. */
export class ServerPlaces {
  private readonly config: () => RelayConfig
  private readonly now: () => number
  /** By server, then by network; only networks with requests. */
  private readonly shares = new Map<ServerName, Map<string, Share>>()

  /** @param now a monotonic clock in milliseconds */
  constructor(config: () => RelayConfig, now: () => number) {
    this.config = config
    this.now = now
  }

  /**
   * Continues with `next` if there is a place for the request. Loopback addresses
   * and trusted proxies are not limited: many visitors may share them.
   *
   * @param free how many places the server has left
   * @param next answers the request with the body and the reply that it is given
   */
  enter(
    name: ServerName,
    free: number,
    request: FrontRequest,
    reply: Reply,
    next: (body: Body, reply: Reply) => Cancel,
  ): Cancel {
    const { body } = request
    const { trustedProxies } = this.config()
    const visitor = clientAddress(trustedProxies, request.address, request.head.headers)
    if (ListenAddress.isLoopback(visitor) || isTrusted(trustedProxies, visitor))
      return next(body, reply)
    const networks = this.shares.get(name) ?? new Map<string, Share>()
    const network = networkOf(visitor)
    const share = networks.get(network) ?? new Set()
    const places = Number.isFinite(free) ? free : classicPlaces - sizeOf(networks)
    if (share.size >= places && !makeRoom(networks, share.size) && share.size > 0)
      return refuse(body, reply, noPlace)
    // Making room may have removed the last request of another network, or all of them.
    this.shares.set(name, networks)
    networks.set(network, share)
    const place = new Place(reply, this.now, () => {
      share.delete(place)
      if (share.size === 0 && networks.get(network) === share) networks.delete(network)
      if (networks.size === 0 && this.shares.get(name) === networks) this.shares.delete(name)
    })
    share.add(place)
    return place.start(body, next)
  }
}

const sizeOf = (networks: ReadonlyMap<string, Share>): number => {
  let size = 0
  for (const share of networks.values()) size += share.size
  return size
}

/**
 * Ends a request of the network with the most, for one of a network that has
 * `used`; whether it has. The other network keeps at least as many.
 */
const makeRoom = (networks: ReadonlyMap<string, Share>, used: number): boolean => {
  if (used >= minimumShare) return false
  let largest: Share | undefined
  for (const share of networks.values())
    if (share.size > (largest?.size ?? used + 1)) largest = share
  if (largest === undefined) return false
  let stillest: Place | undefined
  for (const place of largest)
    if (stillest === undefined || place.movedAt < stillest.movedAt) stillest = place
  stillest?.evict()
  return stillest !== undefined
}

/** A request that has a place: the reply of its handler, and its response's body. */
class Place implements Reply {
  /** When a byte of its bodies last moved, in milliseconds. */
  movedAt: number
  private readonly reply: Reply
  private readonly now: () => number
  private readonly leave: () => void
  private cancel: Cancel | undefined
  private response: EvictableBody | undefined
  private state: "Waiting" | "Responding" | "Over" = "Waiting"

  constructor(reply: Reply, now: () => number, leave: () => void) {
    this.reply = reply
    this.now = now
    this.leave = leave
    this.movedAt = now()
  }

  /** Has the request answered. */
  start(body: Body, next: (body: Body, reply: Reply) => Cancel): Cancel {
    this.cancel = next(body.whole === undefined ? count(body, this) : body, this)
    return () => this.end()
  }

  /** Gives the place back and cancels the exchange. */
  private end(): void {
    this.giveBack()
    this.cancel?.()
  }

  private giveBack(): void {
    if (this.state !== "Over") this.leave()
    this.state = "Over"
  }

  /** Ends it for another network's request. */
  evict(): void {
    const { response, state } = this
    this.end()
    if (state === "Waiting") this.reply.fail(noPlace)
    else response?.evict()
  }

  /** Bytes of the request have come, or of the response. */
  bytes(): void {
    this.movedAt = this.now()
  }

  respond(head: ResponseHead, body: Body, sent?: () => void): void {
    if (this.state !== "Waiting") return body.discard()
    this.movedAt = this.now()
    if (body.whole === undefined) {
      this.state = "Responding"
      this.response = new EvictableBody(body, this)
    } else this.giveBack()
    this.reply.respond(head, this.response ?? body, sent)
  }

  inform(head: InterimHead): void {
    this.movedAt = this.now()
    this.reply.inform?.(head)
  }

  fail(error: ExchangeError): void {
    this.giveBack()
    this.reply.fail(error)
  }
}

/** A response body that can be broken off from outside. */
class EvictableBody implements Body {
  readonly length: number | undefined
  readonly whole = undefined
  private readonly body: Body
  private readonly place: Place
  private sink: BodySink | undefined
  private flow: BodyFlow | undefined

  constructor(body: Body, place: Place) {
    this.length = body.length
    this.body = body
    this.place = place
  }

  read(sink: BodySink): BodyFlow {
    this.sink = sink
    this.flow = count(this.body, this.place).read(sink)
    return this.flow
  }

  discard(): void {
    this.body.discard()
  }

  /** Breaks it off. */
  evict(): void {
    this.flow?.cancel()
    this.sink?.fail(evicted)
  }
}

const noPlace = new ExchangeError({
  code: "PTTH_TOO_MANY_REQUESTS",
  detail: "your network already has its share of the places of this server",
  retryAfter: 1,
})

const evicted = new BodyError({ reason: "limit", detail: "its place was given to another network" })
