/**
 * The queue of one server: the requests that wait for a link, and the links
 * that take them. How long a visitor waits for a server is decided here:
 *
 * - A link with capacity takes a request in the same turn of the event loop.
 * - Otherwise the request waits for at most `wait_for_server`, then fails with
 *   PTTH_SERVER_OFFLINE.
 * - It fails at once if the server has been without a link for longer than
 *   {@link maxOfflineMillis}, unless the relay started within
 *   {@link startupMillis}: then servers are still reconnecting.
 * - It fails at once with PTTH_QUEUE_FULL if `max_queue` requests wait.
 * - It fails at once if no link can carry it (`TransportRefusal.ts`).
 *
 * From then on `response_timeout` applies (`Pending.offered`).
 */
import * as Duration from "effect/Duration"
import type { ServerName } from "../../domain/ServerName.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import type { Deadlines } from "../../transport/runtime/Deadlines.ts"
import type { ReusableMap } from "../../transport/runtime/ReusableMap.ts"
import type { RelaySettings } from "../settings/RelaySettings.ts"
import type { Link, PeerLinks } from "./Link.ts"
import type { Pending } from "./Pending.ts"
import { Share, type TurnShare } from "./TurnShare.ts"

/** How long a server may have been without a link until its visitors are no longer kept waiting, in milliseconds. */
const maxOfflineMillis = 60_000

/** How long after its start a relay keeps visitors waiting for every server, in milliseconds. */
const startupMillis = 30_000

/** What all queues of a relay share. */
export interface QueueContext {
  readonly settings: RelaySettings["Service"]
  readonly deadlines: Deadlines
  readonly turns: TurnShare
  /** When the relay started, in monotonic milliseconds. */
  readonly startedAt: number
  /** Requests that a server knows by their id and has not answered yet. */
  readonly handedOut: ReusableMap<string, Pending>
}

/** What is known of a server that is or was connected. */
export interface ServerStatus {
  readonly name: ServerName
  /** The transport of each link. */
  readonly transports: ReadonlyArray<string>
  /** Why no better transport is used, in the server's words; empty if it gives no reason. */
  readonly reason: string
  /** The programs of its processes and their versions, each once, as far as they tell. */
  readonly programs: ReadonlyArray<string>
  /** When a message of it last arrived, in milliseconds since 1970. */
  readonly lastSeen: number | undefined
  /** How many requests wait for a link. */
  readonly waiting: number
}

/** The status of a server that has not connected since the relay started. */
export const neverConnected = (name: ServerName): ServerStatus => ({
  name,
  transports: [],
  reason: "",
  programs: [],
  lastSeen: undefined,
  waiting: 0,
})

/** See the file's header. */
export class RequestQueue {
  readonly name: ServerName
  /** How many frames of the server's links are read in a turn of the event loop. */
  readonly frames: Share
  /** How many requests it is given in one. */
  private readonly share: Share
  private readonly context: QueueContext
  private readonly waiting: Array<Pending> = []
  /** Requests that the link whose turn it was cannot carry: they wait for one that can. */
  private readonly aside: Array<Pending> = []
  /** The most recently active link is last. */
  private readonly links: Array<Link> = []
  /** Links of peers, the one that was given requests last at the end. */
  private readonly peers: Array<PeerLinks> = []
  /** Whether a request has hopped here. */
  private hadHops = false
  /** Whether the links are of more than one process: their turns then alternate. */
  private hasSeveralProcesses = false
  /** When each process was last given requests, counted in turns. */
  private readonly turns = new Map<string, number>()
  private lastTurn = 0
  private lastSeen: number | undefined
  /** When the last link was removed, in monotonic milliseconds. */
  private offlineSince: number
  private flushScheduled = false
  private isFlushedLater = false
  private draining = false

  constructor(name: ServerName, context: QueueContext) {
    this.name = name
    this.context = context
    this.frames = new Share(context.turns, name)
    this.share = new Share(context.turns, name)
    this.offlineSince = context.startedAt
  }

  /** Adds a new request at the end. */
  enqueue(pending: Pending): void {
    const error = this.refusal()
    if (error !== undefined) return pending.fail(error)
    if (pending.isHop) this.hadHops = true
    this.waiting.push(pending)
    // A server with few requests does not wait for the end of a turn that is long because of others.
    if (this.waiting.length === 1 && this.share.isUnused) this.flush()
    else this.scheduleFlush()
  }

  /** Whether a link of this relay takes requests, now or once it has answered others. */
  get takesHops(): boolean {
    return !this.draining && this.links.some((link) => link.places() !== undefined)
  }

  /** Puts a request whose link was lost back. */
  requeue(pending: Pending): void {
    const error = this.refusal()
    if (error !== undefined) return pending.fail(error)
    this.putBack(pending)
  }

  private putBack(pending: Pending): void {
    if (!pending.isTimed) this.limitWait(pending)
    this.insert(pending)
    this.scheduleFlush()
  }

  /** Before those that arrived after it: a link loses its requests in no order. */
  private insert(pending: Pending): void {
    const younger = this.waiting.findIndex(({ arrival }) => arrival > pending.arrival)
    this.waiting.splice(younger < 0 ? this.waiting.length : younger, 0, pending)
  }

  /** Takes a request out that is over before a link took it. */
  remove(pending: Pending): void {
    if (!removeFrom(this.waiting, pending)) removeFrom(this.aside, pending)
  }

  private get waitingCount(): number {
    return this.waiting.length + this.aside.length
  }

  /** Why no further request may wait; `undefined` if one may. */
  private refusal(): ExchangeError | undefined {
    if (this.draining && this.peers.length === 0) return relayDraining()
    const { maxQueue } = this
    // Requests of this turn of the event loop have not been offered to a link yet.
    if (this.waitingCount >= maxQueue) this.flush()
    if (
      this.waitingCount >= maxQueue &&
      this.roomiestLink() === undefined &&
      this.roomiestPeer() === undefined
    )
      return queueFull(maxQueue)
    return this.isWaitedFor() ? undefined : serverOffline(this.name)
  }

  /** Whether the server is connected or likely to connect soon. */
  private isWaitedFor(): boolean {
    if (this.isConnected) return true
    const now = this.context.deadlines.elapsed()
    return (
      now - this.offlineSince <= maxOfflineMillis || now - this.context.startedAt <= startupMillis
    )
  }

  private limitWait(pending: Pending): void {
    const waitForServer = Duration.toMillis(this.context.settings.current().waitForServer)
    pending.wait(waitForServer, () => pending.fail(serverOffline(this.name)))
  }

  /** Sets the deadline of those that have none, which are the last ones; most requests never wait. */
  private limitWaits(): void {
    for (let i = this.waiting.length - 1; i >= 0; i--) {
      const pending = this.waiting[i] as Pending
      if (pending.isTimed) return
      this.limitWait(pending)
    }
  }

  /** Requests of one turn of the event loop are offered together. */
  private scheduleFlush(): void {
    if (this.flushScheduled) return
    this.flushScheduled = true
    setImmediate(() => {
      this.flushScheduled = false
      this.flush()
    })
  }

  /** The rest has to wait for this server's next turn. */
  private flushLater(): void {
    if (this.isFlushedLater) return
    this.isFlushedLater = true
    this.share.later(() => {
      this.isFlushedLater = false
      this.flush()
    })
  }

  /** Offers what waits to links with capacity; of many, others' turns permitting. */
  private flush(takesTurns = true): void {
    this.flushInTurn(takesTurns)
    if (this.aside.length > 0) this.flushAside(takesTurns)
  }

  private flushInTurn(takesTurns: boolean): void {
    while (this.waiting.length > 0) {
      const most = takesTurns ? this.share.left : Number.POSITIVE_INFINITY
      if (most === 0) return this.flushLater()
      const link = this.roomiestLink()
      if (link === undefined) {
        if (this.peers.length > 0) this.flushToPeers()
        return this.limitWaits()
      }
      const batch = this.waiting.splice(0, Math.min(most, link.capacity()))
      const { carried, others } = partsOf(batch, link)
      this.waiting.unshift(...this.offer(carried, link))
      for (const pending of others) this.setAside(pending)
    }
  }

  /** Offers requests to a link; those that it does not take. */
  private offer(requests: Array<Pending>, link: Link): ReadonlyArray<Pending> {
    const batch = this.takeFresh(requests, link)
    if (batch.length === 0) return batch
    this.noteTurn(link)
    this.share.take(batch.length)
    const rejected = link.offer(batch)
    const { handedOut } = this.context
    for (const pending of batch) {
      if (pending.state === "offered" && pending.isNamed) handedOut.set(pending.id, pending)
    }
    return rejected
  }

  /**
   * Has a request wait for a link that can carry it; it fails if too many wait. Call it
   * after the others of its batch were offered: where one fails, the next may come at
   * once, and take their room.
   */
  private setAside(pending: Pending): void {
    if (this.aside.length >= this.maxQueue) return pending.fail(queueFull(this.maxQueue))
    if (!pending.isTimed) this.limitWait(pending)
    this.aside.push(pending)
  }

  /** Offers what was set aside to links that can carry it. */
  private flushAside(takesTurns: boolean): void {
    const requests = this.aside.splice(0)
    for (const [index, pending] of requests.entries()) {
      if (takesTurns && this.share.left === 0) {
        this.aside.push(...requests.slice(index))
        return this.flushLater()
      }
      if (pending.state === "waiting") this.placeAside(pending)
    }
  }

  /**
   * Offers a request to a link that can carry it, or has it wait for one. It fails if
   * none can; if there is none at all, it waits like the others.
   */
  private placeAside(pending: Pending): void {
    const { head } = pending
    const link = this.roomiestLink(head)
    if (link !== undefined) {
      for (const rejected of this.offer([pending], link)) this.setAside(rejected)
      return
    }
    const peer = pending.isHop ? undefined : this.roomiestPeer(head)
    if (peer !== undefined) {
      for (const rejected of this.offerToPeer([pending], peer)) this.setAside(rejected)
      return
    }
    const carries = (one: Link): boolean => one.refusal(head) === undefined
    // Those of a relay that drains take nothing more.
    const own = this.draining ? [] : this.links
    const peers = pending.isHop ? [] : this.peers
    if (own.some(carries) || peers.some(carries)) {
      this.setAside(pending)
      for (const one of peers) if (carries(one)) one.awaitRoom()
      return
    }
    const refusing = own[0] ?? peers[0]
    const refusal = refusing?.refusal(head)
    if (refusing === undefined || refusal === undefined) return this.insert(pending)
    pending.fail(refusal(refusing))
  }

  /** Without those that hopped here and might be begun so late that the visitor's relay is asked first. */
  private takeFresh(batch: Array<Pending>, link: Link): Array<Pending> {
    if (!this.hadHops) return batch
    return batch.filter((pending) => !pending.asksToBegin(link, () => this.enqueueAgain(pending)))
  }

  /** Puts back one that may be begun after all, unless the last link has gone meanwhile. */
  private enqueueAgain(pending: Pending): void {
    if (!this.takesHops) return pending.fail(serverOffline(this.name))
    this.putBack(pending)
  }

  /** Offers what waits to peers; what hopped here does not hop again. */
  private flushToPeers(): void {
    for (;;) {
      const own = this.hadHops ? this.waiting.filter(({ isHop }) => !isHop) : this.waiting
      if (own.length === 0) return
      const peer = this.roomiestPeer()
      if (peer === undefined) {
        for (const one of this.peers) one.awaitRoom()
        return
      }
      const most = this.share.left
      if (most === 0) return this.flushLater()
      const batch = own.slice(0, Math.min(most, peer.capacity()))
      for (const pending of batch) removeFrom(this.waiting, pending)
      const { carried, others } = partsOf(batch, peer)
      for (const pending of this.offerToPeer(carried, peer)) this.insert(pending)
      for (const pending of others) this.setAside(pending)
    }
  }

  /** Offers requests to a peer; those that it does not take. */
  private offerToPeer(batch: Array<Pending>, peer: PeerLinks): ReadonlyArray<Pending> {
    this.share.take(batch.length)
    removeFrom(this.peers, peer)
    this.peers.push(peer)
    return peer.offer(batch)
  }

  /** The peer with the largest capacity; of equal ones the one that was given requests longest ago. With a request: of those that can carry it. */
  private roomiestPeer(head?: RequestHead): PeerLinks | undefined {
    let roomiest: PeerLinks | undefined
    let largest = 0
    for (const peer of this.peers) {
      const capacity = peer.capacity()
      if (head !== undefined && peer.refusal(head) !== undefined) continue
      if (capacity > largest) {
        largest = capacity
        roomiest = peer
      }
    }
    return roomiest
  }

  /**
   * The link that is next: of the process whose turn it is, if there are several,
   * the link with the largest capacity; of equal ones the most recently active.
   *
   * @param head a request that it is to be able to carry
   */
  private roomiestLink(head?: RequestHead): Link | undefined {
    let roomiest: Link | undefined
    let largest = 0
    let earliest = Number.POSITIVE_INFINITY
    for (const link of this.links) {
      const capacity = link.capacity()
      if (capacity === 0) continue
      if (head !== undefined && link.refusal(head) !== undefined) continue
      const turn = this.hasSeveralProcesses ? (this.turns.get(link.instance) ?? 0) : 0
      if (turn < earliest || (turn === earliest && capacity >= largest)) {
        earliest = turn
        largest = capacity
        roomiest = link
      }
    }
    return roomiest
  }

  private noteTurn({ instance }: Link): void {
    if (this.hasSeveralProcesses) this.turns.set(instance, ++this.lastTurn)
  }

  /** How many processes of the server have links. */
  get processCount(): number {
    return new Set(this.links.map(({ instance }) => instance)).size
  }

  private countProcesses(): void {
    this.hasSeveralProcesses = this.processCount > 1
    if (!this.hasSeveralProcesses) this.turns.clear()
  }

  /** How many more requests the links have places for; how many may wait, if no link takes requests. */
  places(): number {
    let sum: number | undefined
    for (const link of this.links) {
      const places = link.places()
      if (places !== undefined) sum = (sum ?? 0) + places
    }
    for (const peer of this.peers) {
      const places = peer.places()
      if (places !== undefined) sum = (sum ?? 0) + places
    }
    return sum ?? this.maxQueue - this.waitingCount
  }

  private get maxQueue(): number {
    const { config, servers } = this.context.settings.derived()
    return servers.get(this.name)?.limits.maxQueue ?? config.maxQueue
  }

  get isConnected(): boolean {
    return this.links.length > 0 || this.peers.length > 0
  }

  /** A peer has links of the server. */
  addPeer(peer: PeerLinks): void {
    this.peers.push(peer)
    this.lastSeen = this.context.deadlines.now()
    if (this.waitingCount > 0) this.flush()
  }

  /** A peer has none any more. */
  removePeer(peer: PeerLinks): void {
    if (!removeFrom(this.peers, peer)) return
    this.lastSeen = this.context.deadlines.now()
    this.offlineSince = this.context.deadlines.elapsed()
    if (this.aside.length > 0) this.scheduleFlush()
  }

  /** A peer may take requests. */
  peerReady(): void {
    if (this.waitingCount > 0) this.flush()
  }

  /** Whether a link of this process of the server is there. */
  hasProcess(instance: string): boolean {
    return this.links.some((link) => link.instance === instance)
  }

  addLink(link: Link): void {
    this.links.push(link)
    this.countProcesses()
    this.lastSeen = this.context.deadlines.now()
  }

  /** `false` if it is not there. */
  removeLink(link: Link): boolean {
    if (!removeFrom(this.links, link)) return false
    this.countProcesses()
    this.lastSeen = this.context.deadlines.now()
    this.offlineSince = this.context.deadlines.elapsed()
    if (this.hadHops && !this.takesHops) this.refuseHops()
    if (this.aside.length > 0) this.scheduleFlush()
    return true
  }

  /** A link takes nothing for now. */
  absent(): void {
    if (this.hadHops && !this.takesHops) this.refuseHops()
  }

  /** No link is left that takes what hopped here: the visitors' relays place it elsewhere. */
  private refuseHops(): void {
    for (const pending of [...this.waiting, ...this.aside].filter(({ isHop }) => isHop))
      pending.fail(serverOffline(this.name))
  }

  /** A link has capacity again, or a message of its server arrived. */
  ready(link: Link): void {
    this.lastSeen = this.context.deadlines.now()
    if (this.links.at(-1) !== link && removeFrom(this.links, link)) this.links.push(link)
    if (this.waitingCount > 0) this.flush()
  }

  /** The relay shuts down: links take no more requests, and none waits any longer. */
  drain(): void {
    // What came in this turn of the event loop does not wait yet.
    this.flush(false)
    this.draining = true
    for (const link of [...this.links]) link.drain()
    this.refuseHops()
    if (this.peers.length > 0) return this.flush()
    for (const pending of [...this.waiting, ...this.aside]) pending.fail(relayDraining())
  }

  /** The links of this relay. */
  get ownLinks(): ReadonlyArray<Link> {
    return this.links
  }

  /** When a message of the server last arrived, as far as is known; at a peer it may do so at any time. */
  get lastSeenAnywhere(): number | undefined {
    return this.peers.length > 0 ? this.context.deadlines.now() : this.lastSeen
  }

  /** What is known of the links of this relay. */
  status(): ServerStatus {
    const programs = this.links.map(({ program }) => program).filter((program) => program !== "")
    return {
      name: this.name,
      transports: this.links.map(({ transport }) => transport),
      reason: this.links.find(({ reason }) => reason !== "")?.reason ?? "",
      programs: [...new Set(programs)],
      lastSeen: this.lastSeen,
      waiting: this.waitingCount,
    }
  }
}

/** Those that a link can carry, and the others. */
const partsOf = (
  batch: Array<Pending>,
  link: Link,
): { readonly carried: Array<Pending>; readonly others: ReadonlyArray<Pending> } => {
  const isCarried = ({ head }: Pending): boolean => link.refusal(head) === undefined
  if (batch.every(isCarried)) return { carried: batch, others: none }
  return {
    carried: batch.filter(isCarried),
    others: batch.filter((pending) => !isCarried(pending)),
  }
}

const none: ReadonlyArray<Pending> = []

/** Whether it was among them. */
const removeFrom = <A>(items: Array<A>, item: A): boolean => {
  const index = items.indexOf(item)
  if (index >= 0) items.splice(index, 1)
  return index >= 0
}

const relayDraining = (): ExchangeError =>
  new ExchangeError({
    code: "PTTH_DRAINING",
    detail: "the relay is shutting down",
    retryAfter: 5,
  })

const serverOffline = (name: ServerName): ExchangeError =>
  new ExchangeError({
    code: "PTTH_SERVER_OFFLINE",
    detail: `no server is connected as ${name}`,
    retryAfter: 10,
  })

const queueFull = (maxQueue: number): ExchangeError =>
  new ExchangeError({
    code: "PTTH_QUEUE_FULL",
    detail: `${maxQueue} requests are waiting`,
    retryAfter: 2,
  })
