/**
 * Keeps the rendezvous informed of the links of peers, and serves the requests
 * that hop here.
 */
import type {
  HopFailure,
  HopRequest,
  HopServerReply,
  PeersShape,
  PresenceChange,
} from "../../cluster/Peers.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import type { Body } from "../../transport/body/Body.ts"
import type { Cancel, Handler } from "../../transport/body/Handler.ts"
import { refuse } from "../../transport/body/Replies.ts"
import { ReplyWrapper } from "../../transport/body/ReplyWrapper.ts"
import type { Telemetry } from "../../transport/observe/Telemetry.ts"
import { trace } from "../../transport/observe/TracedHandler.ts"
import type { Rendezvous } from "../dispatch/Rendezvous.ts"
import type { Servers } from "../registry/Servers.ts"
import type { HopCounters } from "../traffic/HopCounters.ts"
import { shortening } from "./HopLease.ts"
import { PeerLink } from "./PeerLink.ts"

/** What it needs of the relay. */
export interface PeerContext {
  readonly peers: PeersShape
  readonly rendezvous: Rendezvous["Service"]
  readonly servers: Servers["Service"]
  /** Answers requests of servers that came to other relays. */
  readonly backend: Handler
  readonly hops: HopCounters
  readonly telemetry: Telemetry | undefined
}

interface Joined {
  readonly link: PeerLink
  readonly leave: () => void
}

/** See the file's header. */
export class PeerDirectory {
  private readonly context: PeerContext
  /** By peer and name. */
  private readonly joined = new Map<string, Map<ServerName, Joined>>()
  /** Links for which requests wait, by peer. */
  private readonly awaiting = new Map<string, Set<PeerLink>>()
  private readonly stops: ReadonlyArray<() => void>

  constructor(context: PeerContext) {
    this.context = context
    const { peers } = context
    this.stops = [
      peers.onPresence((change) => this.apply(change)),
      peers.onRoom((peer) => this.roomChanged(peer)),
    ]
    peers.onHop((hop, body, reply, from) => this.serve(hop, body, reply, from))
  }

  close(): void {
    for (const stop of this.stops) stop()
  }

  /** The configuration has changed: links whose key it does not accept are not used, others are. */
  recheck(): void {
    const { peers } = this.context
    for (const { id } of peers.list()) {
      const links = Map.groupBy(peers.linksOf(id), (link) => this.accepts(link.name, link.tripcode))
      this.apply({ peer: id, joined: links.get(true) ?? [], left: links.get(false) ?? [] })
    }
  }

  private accepts(name: ServerName, tripcode: PeerLink["tripcode"]): boolean {
    return this.context.servers.accepts(name, tripcode)
  }

  private apply({ joined, left, peer }: PresenceChange): void {
    const byName = this.joined.get(peer) ?? new Map<ServerName, Joined>()
    this.joined.set(peer, byName)
    for (const link of left) {
      const entry = byName.get(link.name)
      entry?.link.delete(link)
      if (entry?.link.size !== 0) continue
      byName.delete(link.name)
      entry.leave()
    }
    for (const link of joined) {
      if (!this.accepts(link.name, link.tripcode)) continue
      const entry = byName.get(link.name)
      if (entry !== undefined) entry.link.add(link)
      else byName.set(link.name, this.join(peer, link.name, link))
    }
    if (byName.size === 0) this.joined.delete(peer)
  }

  private join(peer: string, name: ServerName, first: Parameters<PeerLink["add"]>[0]): Joined {
    const { hops, peers, rendezvous } = this.context
    const link = new PeerLink({
      name,
      peer,
      peers,
      hops,
      responseMillis: (server) => rendezvous.responseMillis(server),
      onReady: () => rendezvous.peerReady(name),
      awaitRoom: (waiting) => {
        const links = this.awaiting.get(peer)
        if (links === undefined) this.awaiting.set(peer, new Set([waiting]))
        else links.add(waiting)
      },
    })
    link.add(first)
    const leave = rendezvous.joinPeer(link)
    return { link, leave }
  }

  private roomChanged(peer: string): void {
    const links = this.awaiting.get(peer)
    if (links === undefined) return
    this.awaiting.delete(peer)
    for (const link of links) link.roomChanged()
  }

  // ------------------------------------------------------------ requests that hop here

  private serve(
    { head, millis, name }: HopRequest,
    body: Body,
    reply: HopServerReply,
    from: string,
  ): Cancel {
    const { backend, hops, rendezvous, telemetry } = this.context
    if (name === "") return backend(head, body, new HoppedReply(reply))
    hops.received(from)
    const terms = {
      millis,
      beginBy: rendezvous.deadlines.elapsed() + reply.beginMillis - shortening(millis),
      ask: (age: number, allow: (millis: number) => void) => reply.begin(age, allow),
      placed: (millis: number) => reply.placed(millis),
    }
    const tunnel: Handler = (head, body, reply) =>
      rendezvous.hop(name, head, body, reply, terms) ?? refuse(body, reply, notHere)
    const attributes = { "ptth.server": name, "ptth.visitor_relay": from }
    const handler = trace(tunnel, telemetry, { name: "hop", kind: "server", attributes })
    return handler(head, body, new HoppedReply(reply))
  }
}

/** The reply of a request that waits here: what became of it, in terms of the hop. */
class HoppedReply extends ReplyWrapper {
  private readonly hop: HopServerReply

  constructor(hop: HopServerReply) {
    super(hop)
    this.hop = hop
  }

  override fail(error: ExchangeError): void {
    this.hop.fail(error, failureOf(error))
  }
}

const failureOf = ({ code }: ExchangeError): HopFailure | undefined => {
  switch (code) {
    case "PTTH_SERVER_OFFLINE":
    case "PTTH_DRAINING":
      return "refused"
    case "PTTH_QUEUE_FULL":
      return "busy"
    case "PTTH_LINK_LOST":
      return "cut"
    default:
      return undefined
  }
}

const notHere = new ExchangeError({
  code: "PTTH_SERVER_OFFLINE",
  detail: "it has no link at this relay",
})
