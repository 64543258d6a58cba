/**
 * Where visitors' requests and servers' links meet: each server name has a
 * queue of requests that wait and a set of links that take them
 * (`RequestQueue.ts`). All state that several relays might share one day (who
 * is connected where) is behind this service.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Peers, type PeersShape } from "../../cluster/Peers.ts"
import { first, has } from "../../domain/HeaderList.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import { responseHasBody } from "../../protocol/http/Framing.ts"
import { upgradeOf } from "../../protocol/http/HopByHop.ts"
import type { RequestHead, ResponseHead } from "../../protocol/Message.ts"
import * as PassedConnection from "../../protocol/PassedConnection.ts"
import { maxInline } from "../../protocol/Wire.ts"
import type { Body } from "../../transport/body/Body.ts"
import { collect, fromBytes, limit } from "../../transport/body/Body.ts"
import type { Cancel, Handler, Reply } from "../../transport/body/Handler.ts"
import { idle } from "../../transport/body/IdleBody.ts"
import { refuse } from "../../transport/body/Replies.ts"
import type { ReadShare } from "../../transport/mux/FrameParser.ts"
import type { VisitNotes } from "../../transport/observe/VisitNotes.ts"
import * as Deadlines from "../../transport/runtime/Deadlines.ts"
import { ReusableMap } from "../../transport/runtime/ReusableMap.ts"
import { AuditLog } from "../audit/AuditLog.ts"
import { RelaySettings } from "../settings/RelaySettings.ts"
import { Traffic } from "../traffic/Traffic.ts"
import type { Link, PeerLinks } from "./Link.ts"
import { type HopTerms, Pending, type PendingOwner } from "./Pending.ts"
import {
  neverConnected,
  type QueueContext,
  RequestQueue,
  type ServerStatus,
} from "./RequestQueue.ts"
import { TurnShare } from "./TurnShare.ts"

export type { ServerStatus }

/** A link of a server as an administrator sees it. */
export interface LinkView {
  /** The server's address. */
  readonly address: string
  /** When it was opened, in milliseconds since 1970. */
  readonly since: number
  readonly transport: string
  /** As in `Link`. */
  readonly program: string
  readonly tripcode: string
}

/** How long the ids of abandoned requests are remembered, in milliseconds. */
const abandonedMillis = 120_000

/** How many ids of abandoned requests are remembered; the oldest are dropped first. */
const maxAbandoned = 10_000

/** See the file's header. */
export class Rendezvous extends Context.Service<Rendezvous, Dispatcher>()("ptth/relay/Rendezvous") {
  static readonly layer: Layer.Layer<Rendezvous, never, RelaySettings | AuditLog | Traffic> =
    Layer.effect(
      Rendezvous,
      Effect.gen(function* () {
        const settings = yield* RelaySettings
        const audit = yield* AuditLog
        const traffic = yield* Traffic
        const deadlines = yield* Deadlines.make
        const peers = yield* Peers
        return Rendezvous.of(new Dispatcher(settings, audit, traffic, deadlines, peers))
      }),
    )
}

/** What the service {@link Rendezvous} does. */
export class Dispatcher implements PendingOwner {
  readonly deadlines: Deadlines.Deadlines
  private readonly settings: RelaySettings["Service"]
  private readonly audit: AuditLog["Service"]
  private readonly traffic: Traffic["Service"]
  private readonly queues = new Map<ServerName, RequestQueue>()
  private readonly queueContext: QueueContext
  /** What takes the announcement of a link back. */
  private readonly announced = new Map<Link, () => void>()
  private readonly abandoned = new Map<string, Deadlines.Deadline>()
  private readonly peers: PeersShape
  private readonly openedAt = new Map<Link, number>()
  /** Where each link comes from, and since when. */
  private readonly sources = new Map<Link, Pick<LinkView, "address" | "since">>()
  /** Of requests that hopped here: their visitor's relay limits how long bodies may be idle. */
  private readonly hopOwner: PendingOwner
  private draining = false
  private handedBack: (() => void) | undefined

  constructor(
    settings: RelaySettings["Service"],
    audit: AuditLog["Service"],
    traffic: Traffic["Service"],
    deadlines: Deadlines.Deadlines,
    peers: PeersShape,
  ) {
    this.peers = peers
    const slot = (): number | undefined => this.slot
    this.hopOwner = {
      deadlines,
      get slot() {
        return slot()
      },
      watch: (_request, _head, body) => body,
      requeue: (pending) => this.requeue(pending),
      abandon: (pending) => this.abandon(pending),
      settled: (pending) => this.settled(pending),
    }
    this.settings = settings
    this.audit = audit
    this.traffic = traffic
    this.deadlines = deadlines
    this.queueContext = {
      settings,
      deadlines,
      turns: new TurnShare(deadlines.elapsed),
      startedAt: deadlines.elapsed(),
      handedOut: new ReusableMap(),
    }
  }

  /** See {@link PendingOwner}. */
  get slot(): number | undefined {
    return this.peers.isAlone ? undefined : this.peers.self.slot()
  }

  /** The relay's end of the tunnel to a server: a handler like any other. */
  toServer(name: ServerName, notes?: VisitNotes): Handler {
    return (head, body, reply) => this.dispatch(name, head, body, reply, notes)
  }

  private dispatch(
    name: ServerName,
    head: RequestHead,
    body: Body,
    reply: Reply,
    notes: VisitNotes | undefined,
  ): Cancel {
    if (PassedConnection.isPassed(head))
      return this.enqueue(new Pending(this, name, head, body, reply, notes))
    const { config, servers } = this.settings.derived()
    const maxBody = servers.get(name)?.limits.maxBody ?? config.maxBody ?? Number.POSITIVE_INFINITY
    if ((body.content?.length ?? body.length ?? 0) > maxBody)
      return refuse(body, reply, bodyTooLarge(maxBody))
    const timed =
      upgradeOf(head.headers) === undefined
        ? idle(body, this.deadlines, Duration.toMillis(config.idleTimeout))
        : body
    if (isSentInline(head, body)) {
      return collectInline(timed, reply, (whole) =>
        this.enqueue(new Pending(this, name, head, whole, reply, notes)),
      )
    }
    const limited = limit(timed, maxBody, () => pending.fail(bodyTooLarge(maxBody)))
    const pending = new Pending(this, name, head, limited, reply, notes)
    return this.enqueue(pending)
  }

  /**
   * Serves a request that hopped here, by a link of this relay; the visitor's relay
   * has checked and limited it. `undefined`: there is no such link, and nothing was done.
   */
  hop(
    name: ServerName,
    head: RequestHead,
    body: Body,
    reply: Reply,
    terms: HopTerms,
  ): Cancel | undefined {
    const queue = this.queues.get(name)
    if (queue?.takesHops !== true) return undefined
    return this.enqueue(new Pending(this.hopOwner, name, head, body, reply, undefined, terms))
  }

  private enqueue(pending: Pending): Cancel {
    this.queueOf(pending.name).enqueue(pending)
    return () => pending.cancel()
  }

  private queueOf(name: ServerName): RequestQueue {
    let queue = this.queues.get(name)
    if (queue === undefined) {
      queue = new RequestQueue(name, this.queueContext)
      if (this.draining) queue.drain()
      this.queues.set(name, queue)
    }
    return queue
  }

  /** Adds a link that its server opened from an address. The returned function removes it. */
  join(link: Link, address: string): (reason: string) => void {
    const queue = this.queueOf(link.name)
    const { instance, name, reason, transport } = link
    const isNewProcess = !queue.hasProcess(instance)
    queue.addLink(link)
    this.sources.set(link, { address, since: this.deadlines.now() })
    this.announce(link)
    this.traffic.linkOpened(name, transport)
    if (isNewProcess) {
      const count = queue.processCount
      const shared = count > 1 ? { processes: count } : {}
      this.audit.record({ _tag: "ServerConnected", name, transport, reason, address, ...shared })
    }
    return (why) => {
      this.unannounce(link)
      this.openedAt.delete(link)
      this.sources.delete(link)
      if (!queue.removeLink(link) || queue.hasProcess(instance)) return
      const _tag = queue.isConnected ? "ServerReplaced" : "ServerDisconnected"
      this.audit.record({ _tag, name, reason: why })
    }
  }

  /** Tells the peers of a link. */
  private announce(link: Link): void {
    if (this.peers.isAlone) return
    const { instance, name, number, program, transport, tripcode } = link
    const openedAt = this.timeOf(link)
    this.openedAt.set(link, openedAt)
    const present = { instance, name, number, program, transport, tripcode, openedAt }
    this.announced.set(link, this.peers.announce(present))
  }

  private unannounce(link: Link): void {
    this.announced.get(link)?.()
    this.announced.delete(link)
  }

  /** The time, but later than that of the links of peers which this one replaces, whatever their clocks show. */
  private timeOf({ instance, name, number }: Link): number {
    let time = this.deadlines.now()
    for (const { links } of this.peers.holders(name))
      for (const other of links)
        if (other.instance === instance && other.number === number)
          time = Math.max(time, other.openedAt + 1)
    return time
  }

  /** A link takes nothing for now: peers are to send their requests elsewhere, until it is ready again. */
  absent(link: Link): void {
    this.unannounce(link)
    this.queueOf(link.name).absent()
  }

  /** Whether a process that speaks classic listens at another relay. */
  isElsewhere({ instance, name, transport }: Link): boolean {
    return this.peers
      .holders(name)
      .some(({ links }) =>
        links.some((other) => other.instance === instance && other.transport === transport),
      )
  }

  /** When a link was opened, as it was announced to the peers; in milliseconds since 1970. */
  timeOpened(link: Link): number {
    return this.openedAt.get(link) ?? 0
  }

  /** The links that were announced to peers. */
  announcedLinks(): ReadonlyArray<Link> {
    return [...this.announced.keys()]
  }

  /** Drains one link, before the relay itself drains. */
  drainLink(link: Link): void {
    this.unannounce(link)
    link.drain()
  }

  /** A peer has links of a server. The returned function: it has none any more. */
  joinPeer(peer: PeerLinks): () => void {
    const queue = this.queueOf(peer.name)
    queue.addPeer(peer)
    return () => queue.removePeer(peer)
  }

  /** A peer with links of a server may take requests. */
  peerReady(name: ServerName): void {
    this.queues.get(name)?.peerReady()
  }

  /** A link has capacity again, or a message of its server arrived. */
  ready(link: Link): void {
    if (link.transport !== "stream" && !this.announced.has(link)) this.announce(link)
    this.queueOf(link.name).ready(link)
  }

  /** The request of this id, if a server has it and has not answered yet. */
  handedOut(id: string): Pending | undefined {
    return this.queueContext.handedOut.get(id)
  }

  /** Whether something holds for a request that has an id, and that a server has and has not answered yet. */
  someHandedOut(holds: (pending: Pending) => boolean): boolean {
    return this.queueContext.handedOut.some(holds)
  }

  /** Calls `listener` when a request that was handed out is answered or lost; the returned function ends that. */
  onHandedBack(listener: () => void): () => void {
    this.handedBack = listener
    return () => {
      if (this.handedBack === listener) this.handedBack = undefined
    }
  }

  /** Whether the request of this id ended before its server answered, within the last two minutes. */
  wasForgotten(id: string): boolean {
    return this.abandoned.has(id)
  }

  /**
   * How long a server has to send the head of its response, in milliseconds.
   *
   * @param asked what its process asks for; the administrator's setting for the server comes first
   */
  responseMillis(name: ServerName, asked?: number): number {
    const { config, servers } = this.settings.derived()
    const own = servers.get(name)?.responseTimeout
    if (own === undefined && asked !== undefined)
      return Math.min(asked, Duration.toMillis(config.maxResponseTimeout))
    return Duration.toMillis(own ?? config.responseTimeout)
  }

  /** How many more requests a server has places for. */
  places(name: ServerName): number {
    return this.queueOf(name).places()
  }

  /** When a message of a server last arrived at this relay or at another, in milliseconds since 1970. */
  lastSeen(name: ServerName): number | undefined {
    return this.queues.get(name)?.lastSeenAnywhere
  }

  /** What is known of a server's links at this relay. */
  status(name: ServerName): ServerStatus {
    return this.queues.get(name)?.status() ?? neverConnected(name)
  }

  /** How many frames of a server's links are read in a turn of the event loop. */
  frames(name: ServerName): ReadShare {
    return this.queueOf(name).frames
  }

  /** The links of a server at this relay. */
  ownLinks(name: ServerName): ReadonlyArray<Link> {
    return this.queues.get(name)?.ownLinks ?? []
  }

  /** The same as an administrator sees them. */
  links(name: ServerName): ReadonlyArray<LinkView> {
    return this.ownLinks(name).map((link) => {
      const { address, since } = this.sources.get(link) ?? { address: "", since: 0 }
      const { program, transport, tripcode } = link
      return { address, since, transport, program, tripcode }
    })
  }

  /** Ends all links of a server at this relay; how many there were. */
  disconnect(name: ServerName): number {
    const links = [...this.ownLinks(name)]
    for (const link of links) link.disconnect("an administrator has closed it")
    return links.length
  }

  /** The relay shuts down: links take no more requests, and none waits any longer. */
  drain(): void {
    this.draining = true
    for (const queue of this.queues.values()) queue.drain()
  }

  /** See {@link PendingOwner}. Event streams may be silent for as long as they like. */
  watch(request: RequestHead, head: ResponseHead, body: Body): Body {
    return body.whole !== undefined ||
      head.status === 101 ||
      PassedConnection.isPassed(request) ||
      isEventStream(head) ||
      !responseHasBody(request.method, head.status)
      ? body
      : idle(body, this.deadlines, Duration.toMillis(this.settings.current().idleTimeout))
  }

  /** See {@link PendingOwner}. */
  requeue(pending: Pending): void {
    const wasHandedOut = pending.isNamed && this.queueContext.handedOut.delete(pending.id)
    this.queueOf(pending.name).requeue(pending)
    if (wasHandedOut) this.handedBack?.()
  }

  /** See {@link PendingOwner}. */
  abandon(pending: Pending): void {
    if (!pending.isNamed) return
    const drop = this.deadlines.set(abandonedMillis, () => this.abandoned.delete(pending.id))
    this.abandoned.set(pending.id, drop)
    if (this.abandoned.size <= maxAbandoned) return
    const [oldest, deadline] = this.abandoned.entries().next().value as [string, Deadlines.Deadline]
    deadline.clear()
    this.abandoned.delete(oldest)
  }

  /** See {@link PendingOwner}. */
  settled(pending: Pending): void {
    if (pending.isNamed && this.queueContext.handedOut.delete(pending.id)) this.handedBack?.()
    if (pending.link === undefined) this.queueOf(pending.name).remove(pending)
  }
}

const bodyTooLarge = (maxBody: number): ExchangeError =>
  new ExchangeError({ code: "PTTH_BODY_TOO_LARGE", detail: `more than ${maxBody} bytes` })

/** Whether a body is small enough to be sent with its head, and the visitor sends it without being asked (RFC 9110 10.1.1). */
const isSentInline = (head: RequestHead, body: Body): boolean =>
  body.whole === undefined &&
  body.length !== undefined &&
  body.length <= maxInline &&
  !has(head.headers, "expect")

const isEventStream = (head: ResponseHead): boolean =>
  first(head.headers, "content-type")?.toLowerCase().startsWith("text/event-stream") === true

/** Reads a small body to its end, then continues with all of it. */
const collectInline = (body: Body, reply: Reply, next: (whole: Body) => Cancel): Cancel => {
  let cancel: Cancel | undefined
  const fail = (detail: string): void =>
    reply.fail(new ExchangeError({ code: "PTTH_BAD_REQUEST", detail }))
  const flow = collect(body, maxInline, {
    whole: (bytes) => {
      cancel = next(fromBytes(bytes))
    },
    tooLarge: () => fail("the body is longer than it was said to be"),
    cut: (error) => fail(error.message),
  })
  return () => {
    if (cancel === undefined) flow.cancel()
    else cancel()
  }
}
