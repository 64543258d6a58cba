/**
 * All connections between this relay and its peers: each relay connects to each
 * other one. Whoever is connected to by a relay that it does not know connects
 * back, so that a relay that restarts is found without the membership.
 */
import type { Duplex } from "node:stream"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { entry } from "../../domain/ErrorRegistry.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import * as PeerControl from "../../protocol/peer/PeerControl.ts"
import type { Presence } from "../../protocol/peer/PeerFrame.ts"
import { keyOf, type PresentLink } from "../../protocol/peer/PresentLink.ts"
import * as Deadlines from "../../transport/runtime/Deadlines.ts"
import { RunningClock } from "../../transport/runtime/RunningClock.ts"
import { type Member, Membership } from "../Membership.ts"
import {
  everybody,
  type Holder,
  type HopHandler,
  type HopLink,
  PeerError,
  Peers,
  type PeersShape,
  type PeerView,
  type PresenceChange,
} from "../Peers.ts"
import { AddressConflicts } from "./AddressConflicts.ts"
import { PeerConnection } from "./PeerConnection.ts"
import { PeerDial } from "./PeerDial.ts"
import type { AcceptedPeer, PeerNetwork, PeerNetworkError } from "./PeerNetwork.ts"
import { PresenceTable, type TableChange } from "./PresenceTable.ts"

/** Who this relay is, and how it is connected. */
export interface PeerMeshOptions {
  readonly id: string
  /** Of the process; by default one of its own. */
  readonly incarnation?: string
  readonly machine: string
  readonly worker?: number | undefined
  /** The version of the program. */
  readonly program: string
  /** The digest of the configuration that visitors notice. */
  readonly digest: () => string
  readonly slot: () => number
  readonly network: PeerNetwork
  /** The addresses to listen on, as in `Member.at`. */
  readonly listen: ReadonlyArray<string>
  /** Where others reach it, if not at the first of those. */
  readonly advertise?: string | undefined
  /** Succeeds when another process wants these addresses: no more connections are accepted then. */
  readonly released?: Effect.Effect<void> | undefined
  /** The versions of hops that it speaks; default: all that this program knows. */
  readonly hop?: readonly [number, number]
}

/** How long links of peers are waited for at the start, in milliseconds. */
const settleMillis = 3_000

/** How long requests of others are waited for at the end, in milliseconds of real time. */
const endMillis = 1_000

/** For how long a member that does not answer may be one that is just starting, in milliseconds. */
const unreachedMillis = 10_000

/** For how long an address that only a peer announced is tried without success, in milliseconds. */
const learntMillis = 60_000

/** How long two relays may have the same id until that is logged: a dead one is noticed sooner. In milliseconds. */
const duplicateMillis = 3_000

/** What to do about a peer that does not say where it is reached from here. */
const advertiseRemedy =
  "; no request hops to it. Set `advertise` in its [cluster] to where this machine reaches it"

const duplicateCode = "PTTH_SAME_RELAY_ID"

/** So many changes of a peer's state are logged within this time, in milliseconds. */
const mostChanges = 6
const changesMillis = 60_000

/** How long a peer that is gone is listed, in milliseconds. */
const goneMillis = 10 * 60_000

/** The service {@link Peers} with connections to others. */
export const layer = (options: PeerMeshOptions): Layer.Layer<never, PeerNetworkError, Membership> =>
  Layer.effect(
    Peers,
    Effect.gen(function* () {
      const membership = yield* Membership
      const deadlines = yield* Deadlines.make
      const run = Effect.runForkWith(yield* Effect.context<never>())
      const mesh = new PeerMesh(options, deadlines, membership.leave, run)
      yield* Effect.addFinalizer(() => mesh.end)
      const listening = yield* Scope.fork(yield* Effect.scope)
      for (const at of options.listen)
        mesh.listens(
          yield* options.network
            .listen(at, (peer) => mesh.accept(peer))
            .pipe(Scope.provide(listening)),
        )
      yield* (options.released ?? Effect.never).pipe(
        Effect.andThen(Scope.close(listening, Exit.void)),
        Effect.forkScoped,
      )
      yield* membership.members.pipe(
        Stream.runForEach((members) => Effect.sync(() => mesh.follow(members))),
        Effect.forkScoped,
      )
      return mesh
    }),
  )

/** What is known of one peer. */
interface Peer {
  readonly id: string
  hello: PeerControl.PeerHello
  /** Where it is reached. */
  at: string
  state: PeerView["state"]
  /** Since when it is in this state, in milliseconds since 1970. */
  since: number
  /** The connection that this relay opened: requests hop over it, and its presence comes. */
  dialled: PeerConnection | undefined
  /** Connections that it opened. */
  readonly accepted: Set<PeerConnection>
  readonly table: PresenceTable
  /** How many changes of its state there were since when, in monotonic milliseconds. */
  changes: number
  changesSince: number
}

type ControlHandler = (body: unknown, from: string) => Effect.Effect<unknown, string>

/** See the file's header. */
export class PeerMesh implements PeersShape {
  readonly isAlone = false
  readonly self: PeersShape["self"]
  readonly leave: Effect.Effect<void>
  private readonly options: PeerMeshOptions
  private readonly deadlines: Deadlines.Deadlines
  private readonly clock: RunningClock
  private readonly run: (effect: Effect.Effect<void>) => void
  private readonly incarnation: string
  private readonly startedAt: number
  private readonly peers = new Map<string, Peer>()
  /** By address. */
  private readonly dials = new Map<string, PeerDial>()
  /** Addresses at which this relay itself answers. */
  private readonly own = new Set<string>()
  private readonly accepted = new Set<PeerConnection>()
  /** Since when processes are known that have the id of another one, by incarnation; infinite once that is logged. */
  private readonly duplicates = new Map<string, number>()
  private readonly conflicts: AddressConflicts
  private readonly links = new Map<string, PresentLink>()
  private readonly listeners = new Set<(change: PresenceChange) => void>()
  private readonly peerListeners = new Set<() => void>()
  private readonly roomListeners = new Set<(peer: string) => void>()
  private readonly handlers = new Map<string, ControlHandler>()
  private hopHandler: HopHandler | undefined
  /** Addresses whose links are waited for at the start; `undefined` before they are known. */
  private awaited: Set<string> | undefined
  private at = ""
  /** The workers of this machine that were announced to others. */
  private toldWorkers = ""
  private isWithdrawn = false
  /** Called when there is no connection of others any more. */
  private onNoneAccepted: () => void = () => {}
  private isClosed = false

  constructor(
    options: PeerMeshOptions,
    deadlines: Deadlines.Deadlines,
    leave: Effect.Effect<void>,
    run: (effect: Effect.Effect<void>) => void,
  ) {
    const { digest, id, machine, program, slot, worker } = options
    this.options = options
    this.incarnation = options.incarnation ?? crypto.randomUUID()
    this.leave = leave
    this.run = run
    this.deadlines = deadlines
    this.clock = new RunningClock(deadlines)
    this.startedAt = deadlines.elapsed()
    this.self = { id, machine, worker, slot, program, digest }
    this.conflicts = new AddressConflicts({
      id,
      deadlines,
      isOwn: (at) => this.isOwn(at),
      warn: (message) => run(Effect.logWarning(message)),
    })
  }

  /** It listens on this address. */
  listens(at: string): void {
    this.own.add(at)
    if (this.at === "") this.at = this.options.advertise ?? at
  }

  /** The members have changed. */
  follow(members: ReadonlyArray<Member>): void {
    const addresses = new Set(
      members.flatMap(({ at, id }) => (this.isOwn(at) || id === this.self.id ? [] : [at])),
    )
    this.conflicts.follow(members)
    this.awaited ??= new Set(addresses)
    for (const at of addresses) this.dial(at).isMember = true
    for (const dial of [...this.dials.values()]) {
      if (addresses.has(dial.at)) continue
      dial.isMember = false
      // A peer that still answers is kept: the membership may have lost it for a while.
      if (dial.connection === undefined) this.forgetDial(dial, "it is not a member any more")
    }
    // A list has this relay too; but its own address may be another one's by mistake.
    if (members.some(({ at, id }) => at === this.at && id === undefined && !this.own.has(at)))
      this.dial(this.at)
  }

  /** Another relay has connected. */
  accept({ host, socket }: AcceptedPeer): void {
    const connection: PeerConnection = this.connection(socket, {
      links: this.isWithdrawn ? [] : [...this.links.values()],
      onHello: (hello) => this.onAccepted(connection, hello, host),
      onPresence: () => connection.close("it sent presence on a connection of its own"),
      handler: () => this.hopHandler,
      onRoom: () => {},
      onClosed: () => {
        this.accepted.delete(connection)
        if (this.accepted.size === 0) this.onNoneAccepted()
        this.peerOf(connection)?.accepted.delete(connection)
      },
    })
    this.accepted.add(connection)
  }

  /**
   * Ends all connections, those of others once the requests that are on their way here
   * are answered: a request that the end of its connection loses may not be sent again.
   */
  readonly end: Effect.Effect<void> = Effect.callback<void>((resume) => {
    const finish = (): void => {
      clearTimeout(timer)
      this.onNoneAccepted = () => {}
      this.close()
      resume(Effect.void)
    }
    const timer = setTimeout(finish, endMillis)
    this.onNoneAccepted = finish
    for (const connection of [...this.accepted]) connection.drain()
    if (this.accepted.size === 0) finish()
  })

  /** Ends all connections at once. */
  close(): void {
    this.isClosed = true
    this.clock.close()
    this.conflicts.close()
    for (const dial of [...this.dials.values()]) dial.stop("this relay stops")
    for (const connection of [...this.accepted]) connection.close("this relay stops")
  }

  // ------------------------------------------------------------ the service

  isSettled(): boolean {
    if (this.deadlines.elapsed() - this.startedAt >= settleMillis) return true
    return this.awaited !== undefined && this.awaited.size === 0
  }

  refresh(): void {
    const hello = this.hello()
    for (const connection of this.connections()) connection.sayHello(hello)
  }

  list(): ReadonlyArray<PeerView> {
    const now = this.deadlines.now()
    for (const { id, since, state } of [...this.peers.values()])
      if (state === "gone" && now - since > goneMillis) this.peers.delete(id)
    return [...this.peers.values()].map((peer) => ({
      id: peer.id,
      machine: peer.hello.machine,
      worker: peer.hello.worker,
      address: peer.at,
      program: peer.hello.program,
      since: peer.since,
      roundTrip: peer.dialled?.roundTrip ?? 0,
      state: peer.state,
      isDraining: peer.hello.draining === true,
      digest: peer.hello.digest,
      takesHops: (peer.dialled?.hopVersion ?? 0) > 0,
      slot: peer.hello.slot,
      links: peer.table.size,
    }))
  }

  unreached(): ReadonlyArray<string> {
    return [...this.dials.values()]
      .filter(
        ({ connection, id, isMember }) => isMember && connection === undefined && id === undefined,
      )
      .map(({ at }) => at)
  }

  failure(at: string): string | undefined {
    return this.dials.get(at)?.failure
  }

  onPeers(listener: () => void): () => void {
    this.peerListeners.add(listener)
    return () => this.peerListeners.delete(listener)
  }

  announce(link: PresentLink): () => void {
    const key = keyOf(link)
    this.links.set(key, link)
    this.sendChange([link], [])
    return () => {
      if (this.links.get(key) !== link) return
      this.links.delete(key)
      this.sendChange([], [link])
    }
  }

  withdraw(): void {
    this.isWithdrawn = true
    for (const connection of this.accepted) connection.sendSnapshot([])
    this.refresh()
  }

  linksOf(id: string): ReadonlyArray<PresentLink> {
    return this.peers.get(id)?.table.all() ?? []
  }

  holders(name: ServerName): ReadonlyArray<Holder> {
    return [...this.peers.values()].flatMap(({ id, table }) => {
      const links = table.of(name)
      return links === undefined ? [] : [{ peer: id, links: [...links] }]
    })
  }

  onPresence(listener: (change: PresenceChange) => void): () => void {
    this.listeners.add(listener)
    for (const { id, table } of this.peers.values())
      if (table.size > 0) listener({ peer: id, joined: table.all(), left: [] })
    return () => this.listeners.delete(listener)
  }

  forget(id: string, name: ServerName): void {
    const peer = this.peers.get(id)
    if (peer !== undefined) this.changed(peer, peer.table.forget(name))
  }

  link(id: string): HopLink | undefined {
    return this.peers.get(id)?.dialled
  }

  onRoom(listener: (peer: string) => void): () => void {
    this.roomListeners.add(listener)
    return () => this.roomListeners.delete(listener)
  }

  onHop(handler: HopHandler): void {
    this.hopHandler = handler
  }

  tell<A, R>(to: string, { kind, message }: PeerControl.ControlKind<A, R>, value: A): void {
    const body = Schema.encodeSync(message)(value)
    const ids = to === everybody ? [...this.peers.keys()] : [to]
    for (const id of ids) this.channelTo(id)?.tell(kind, body)
  }

  ask<A, R>(
    to: string,
    { kind, message, reply }: PeerControl.ControlKind<A, R>,
    value: A,
    millis: number,
  ): Effect.Effect<R, PeerError> {
    const failed = (reason: PeerError["reason"], detail: string) =>
      new PeerError({ reason, peer: to, detail })
    const decodedReply = (body: unknown): Effect.Effect<R, PeerError> => {
      const decoded = Schema.decodeUnknownOption(reply)(body)
      return decoded._tag === "Some"
        ? Effect.succeed(decoded.value)
        : Effect.fail(failed("failed", "its answer is not one"))
    }
    if (to === this.self.id)
      return Effect.suspend(() => this.handle(kind, Schema.encodeSync(message)(value), to)).pipe(
        Effect.mapError((detail) => failed("failed", detail)),
        Effect.flatMap(decodedReply),
      )
    return Effect.callback<R, PeerError>((resume) => {
      const channel = this.channelTo(to)
      if (channel === undefined)
        return resume(Effect.fail(failed("unknown", "there is no connection to it")))
      channel.ask(kind, Schema.encodeSync(message)(value), millis, (answer) => {
        if (answer._tag === "Failed")
          return resume(Effect.fail(failed(answer.reason, answer.detail)))
        resume(decodedReply(answer.body))
      })
    })
  }

  onControl<A, R>(
    { kind, message, reply }: PeerControl.ControlKind<A, R>,
    handler: (message: A, from: string) => Effect.Effect<R, string>,
  ): void {
    this.handlers.set(kind, (body, from) => {
      const decoded = Schema.decodeUnknownOption(message)(body)
      return decoded._tag === "None"
        ? Effect.fail("the message is not one of its kind")
        : Effect.map(handler(decoded.value, from), (value) => Schema.encodeSync(reply)(value))
    })
  }

  // ------------------------------------------------------------ connections

  private hello(): PeerControl.PeerHello {
    const { digest, hop, id, machine, program, slot, worker } = this.options
    return {
      id,
      incarnation: this.incarnation,
      at: this.at,
      machine,
      ...(worker === undefined ? {} : { worker }),
      program,
      hop: hop ?? PeerControl.hopVersions,
      digest: digest(),
      slot: slot(),
      ...(worker === undefined ? {} : { workers: this.workers() }),
      ...(this.isWithdrawn ? { draining: true } : {}),
    }
  }

  /** Where the other workers of this machine are reached by other machines. */
  private workers(): ReadonlyArray<string> {
    return [...this.peers.values()].flatMap((peer) => {
      const { at, draining, machine } = peer.hello
      const isWorker = machine === this.self.machine && peer.state !== "gone"
      return isWorker && draining !== true && at.startsWith("tcp:") ? [at] : []
    })
  }

  private *connections(): Iterable<PeerConnection> {
    yield* this.accepted
    for (const { connection } of this.dials.values()) if (connection !== undefined) yield connection
  }

  private connection(
    socket: Duplex,
    events: Pick<
      ConstructorParameters<typeof PeerConnection>[0],
      "links" | "onHello" | "onPresence" | "handler" | "onRoom" | "onClosed"
    >,
  ): PeerConnection {
    const connection: PeerConnection = new PeerConnection({
      ...events,
      socket,
      deadlines: this.deadlines,
      clock: this.clock,
      hello: this.hello(),
      onMessage: (kind, body, reply) => {
        const from = connection.hello?.id ?? ""
        this.run(
          this.handle(kind, body, from).pipe(
            Effect.match({
              onFailure: (error) => reply?.({ error }),
              onSuccess: (value) => reply?.({ body: value }),
            }),
          ),
        )
      },
    })
    return connection
  }

  /** Answers a message. */
  private handle(kind: string, body: unknown, from: string): Effect.Effect<unknown, string> {
    return this.handlers.get(kind)?.(body, from) ?? Effect.fail(`${kind} is not known here`)
  }

  private channelTo(id: string): PeerConnection["channel"] | undefined {
    const peer = this.peers.get(id)
    const [accepted] = peer?.accepted ?? []
    return (peer?.dialled ?? accepted)?.channel
  }

  private peerOf(connection: PeerConnection): Peer | undefined {
    const id = connection.hello?.id
    return id === undefined ? undefined : this.peers.get(id)
  }

  /** The record of a peer that has said who it is. */
  private greeted(hello: PeerControl.PeerHello, at: string): Peer {
    const before = this.peers.get(hello.id)
    if (before !== undefined) {
      before.hello = hello
      return before
    }
    const peer: Peer = {
      id: hello.id,
      hello,
      at,
      state: "dialling",
      since: this.deadlines.now(),
      dialled: undefined,
      accepted: new Set(),
      table: new PresenceTable(),
      changes: 0,
      changesSince: this.deadlines.elapsed(),
    }
    this.peers.set(hello.id, peer)
    return peer
  }

  private setState(peer: Peer, state: Peer["state"]): void {
    if (peer.state === state) return
    peer.state = state
    peer.since = this.deadlines.now()
    if (state === "up")
      this.logChange(peer, Effect.logInfo(`peers: ${peer.id} is connected: ${peer.at}`))
    if (state === "gone" && !this.isClosed)
      this.logChange(
        peer,
        // A relay that stops says so before: a deploy gives no warnings.
        peer.hello.draining === true
          ? Effect.logInfo(`peers: ${peer.id} has stopped`)
          : Effect.logWarning(`peers: ${peer.id} is gone`),
      )
  }

  /** Logs a change of a peer's state, unless there were many in the last minute: one may refuse this relay again and again. */
  private logChange(peer: Peer, line: Effect.Effect<void>): void {
    const now = this.deadlines.elapsed()
    if (now - peer.changesSince > changesMillis) {
      peer.changesSince = now
      peer.changes = 0
    }
    peer.changes += 1
    if (peer.changes <= mostChanges) this.run(line)
    else if (peer.changes === mostChanges + 1)
      this.run(
        Effect.logWarning(
          `peers: the connection to ${peer.id} is lost repeatedly, as if it refused this relay; its log may say why`,
        ),
      )
  }

  // ------------------------------------------------------------ who has connected

  private onAccepted(connection: PeerConnection, hello: PeerControl.PeerHello, host: string): void {
    const at = reachable(hello.at, host)
    if (hello.id === this.self.id) {
      this.reportDuplicate(hello, at)
      return connection.close("it has the id of this relay")
    }
    if (this.isDuplicate(hello)) {
      this.reportDuplicate(hello, at)
      return connection.close(`another relay has the id ${hello.id}`)
    }
    const peer = this.greeted(hello, at)
    peer.accepted.add(connection)
    if (at !== "" && peer.dialled === undefined) {
      peer.at = at
      if (peer.state === "gone") this.setState(peer, "dialling")
      if (this.isOwn(at)) this.conflicts.report(hello.id, at)
      else this.dial(at).start()
    }
    this.learnWorkers(hello, host)
    this.peersChanged()
  }

  /** Connects to the other workers of a peer's machine. */
  private learnWorkers({ machine, workers = [] }: PeerControl.PeerHello, host: string): void {
    if (machine === this.self.machine) return
    for (const worker of workers) {
      const at = reachable(worker, host)
      if (at.startsWith("tcp:") && !this.own.has(at)) this.dial(at)
    }
  }

  // ------------------------------------------------------------ who is connected to

  private dial(at: string): PeerDial {
    const before = this.dials.get(at)
    if (before !== undefined) return before
    const { network } = this.options
    const dial = new PeerDial({
      at,
      network,
      deadlines: this.deadlines,
      open: (socket, self) => this.dialled(socket, self),
      onFailed: (detail) => this.onDialFailed(dial, detail),
    })
    this.dials.set(at, dial)
    dial.start()
    return dial
  }

  private dialled(socket: Duplex, dial: PeerDial): PeerConnection {
    const connection: PeerConnection = this.connection(socket, {
      onHello: (hello) => this.onDialled(connection, dial, hello),
      onPresence: (frame) => this.onPresenceFrame(connection, dial, frame),
      handler: () => undefined,
      onRoom: () => this.roomChanged(connection),
      onClosed: (reason) => {
        this.onDialClosed(connection)
        if (dial.connection === connection) dial.lost(reason)
      },
    })
    return connection
  }

  private onDialled(
    connection: PeerConnection,
    dial: PeerDial,
    hello: PeerControl.PeerHello,
  ): void {
    if (hello.id === this.self.id) {
      this.awaited?.delete(dial.at)
      if (hello.incarnation !== this.incarnation) {
        this.reportDuplicate(hello, dial.at)
        return connection.close(`another relay has the id of this one, ${hello.id}`)
      }
      this.own.add(dial.at)
      const other = this.connectedFrom(dial.at)
      if (other !== undefined) this.conflicts.report(other.id, dial.at)
      return this.forgetDial(dial, "it is this relay")
    }
    dial.greeted(hello.id)
    if (dial.at === this.at) this.conflicts.report(hello.id, dial.at)
    if (this.isDuplicate(hello)) {
      this.awaited?.delete(dial.at)
      this.reportDuplicate(hello, dial.at)
      return dial.rest(`another relay has the id ${hello.id}`)
    }
    this.learnWorkers(hello, hostOf(dial.at))
    const peer = this.greeted(hello, dial.at)
    const other = peer.dialled
    if (other !== undefined && other !== connection && !this.isBetter(dial, peer, hello)) {
      this.awaited?.delete(dial.at)
      return dial.rest("there is another connection")
    }
    peer.dialled = connection
    peer.at = dial.at
    if (other !== undefined && other !== connection) {
      const replaced = [...this.dials.values()].find(({ connection }) => connection === other)
      replaced?.rest("there is another connection")
    }
    this.peersChanged()
  }

  /**
   * Whether another process of the same id is connected, and does not stop: the
   * first one is kept. A restarted relay is connected to once the connection to the
   * process before it has ended.
   */
  private isDuplicate({ id, incarnation }: PeerControl.PeerHello): boolean {
    const other = this.peers.get(id)?.dialled?.hello
    return other !== undefined && other.incarnation !== incarnation && other.draining !== true
  }

  /** Logs that a relay has the id of another one, once and only if that lasts: a dead one is noticed sooner. */
  private reportDuplicate({ id, incarnation }: PeerControl.PeerHello, at: string): void {
    const now = this.deadlines.elapsed()
    const first = this.duplicates.get(incarnation) ?? now
    this.duplicates.set(incarnation, first)
    if (now - first < duplicateMillis) return
    this.duplicates.set(incarnation, Number.POSITIVE_INFINITY)
    const own = id === this.self.id ? "this relay" : `the relay at ${this.peers.get(id)?.at}`
    const { remedy } = entry(duplicateCode)
    this.run(
      Effect.logError(`${duplicateCode}: ${own} and that at ${at} have the id ${id}. ${remedy}`),
    )
  }

  /** Whether a second connection to a peer is to replace the first: it is to a newer process, or on this machine. */
  private isBetter({ at }: PeerDial, peer: Peer, hello: PeerControl.PeerHello): boolean {
    const isRestarted = peer.dialled?.hello?.incarnation !== hello.incarnation
    return isRestarted || (at.startsWith("unix:") && !peer.at.startsWith("unix:"))
  }

  private onPresenceFrame(connection: PeerConnection, dial: PeerDial, frame: Presence): void {
    const peer = this.peerOf(connection)
    if (peer === undefined || peer.dialled !== connection) return
    const change = peer.table.apply(frame)
    if (change === undefined) return connection.close("a presence frame is missing")
    if (frame.isComplete) {
      this.awaited?.delete(dial.at)
      this.setState(peer, "up")
      this.peersChanged()
    }
    this.changed(peer, change)
  }

  private onDialClosed(connection: PeerConnection): void {
    const peer = this.peerOf(connection)
    if (peer === undefined || peer.dialled !== connection) return
    peer.dialled = undefined
    this.setState(peer, "gone")
    this.changed(peer, peer.table.clear())
    for (const dial of this.dials.values()) if (dial.id === peer.id) dial.wake()
    this.peersChanged()
  }

  private onDialFailed(dial: PeerDial, detail: string): void {
    const failing = this.deadlines.elapsed() - (dial.failingSince ?? this.deadlines.elapsed())
    if (failing >= unreachedMillis) this.reportUnreached(dial, detail)
    if (dial.failure !== detail) {
      dial.failure = detail
      this.peersChanged()
    }
    const isLearnt = !dial.isMember && this.connectedFrom(dial.at) === undefined
    if (isLearnt && failing > learntMillis) this.forgetDial(dial, "it does not answer")
  }

  /** Logs once that an address does not answer, unless its relay has said that it stops. */
  private reportUnreached(dial: PeerDial, detail: string): void {
    if (dial.isReported || this.isClosed || dial.at === this.at) return
    dial.isReported = true
    if (this.peers.get(dial.id ?? "")?.hello.draining === true) return
    // One that was connected to before has moved, or its network is down.
    const peer = dial.id === undefined ? this.connectedFrom(dial.at) : undefined
    const alternative =
      peer === undefined
        ? ""
        : `; ${peer.id} is there, and is connected to this relay${advertiseRemedy}`
    this.run(Effect.logWarning(`peers: ${dial.at} cannot be connected to: ${detail}${alternative}`))
  }

  /** The peer that says that it is reached at an address, and has a connection to this relay. */
  private connectedFrom(at: string): Peer | undefined {
    return [...this.peers.values()].find(
      (peer) => peer.at === at && peer.dialled === undefined && peer.accepted.size > 0,
    )
  }

  private isOwn(at: string): boolean {
    return this.own.has(at) || at === this.at
  }

  private forgetDial(dial: PeerDial, reason: string): void {
    this.dials.delete(dial.at)
    dial.stop(reason)
  }

  // ------------------------------------------------------------ changes

  private tellWorkers(): void {
    if (this.self.worker === undefined || this.isClosed) return
    const now = this.workers().join(" ")
    if (now === this.toldWorkers) return
    this.toldWorkers = now
    this.refresh()
  }

  private sendChange(joined: ReadonlyArray<PresentLink>, left: ReadonlyArray<PresentLink>): void {
    if (this.isWithdrawn || this.isClosed) return
    for (const connection of this.accepted) connection.sendChange(joined, left)
  }

  private changed({ id }: Peer, { joined, left }: TableChange): void {
    if (joined.length === 0 && left.length === 0) return
    for (const listener of this.listeners) listener({ peer: id, joined, left })
  }

  private roomChanged(connection: PeerConnection): void {
    const id = connection.hello?.id
    if (id !== undefined) for (const listener of this.roomListeners) listener(id)
  }

  private peersChanged(): void {
    this.tellWorkers()
    for (const listener of this.peerListeners) listener()
  }
}

/** The host of an address, as {@link reachable} takes it. */
const hostOf = (at: string): string => /^tcp:\[?(.+?)\]?:\d+$/.exec(at)?.[1] ?? ""

/** An address that another relay gave of itself, with the host that it has from here. */
const reachable = (at: string, host: string): string => {
  const wildcard = /^tcp:(?:0\.0\.0\.0|\[::\]):(\d+)$/.exec(at)
  if (wildcard === null) return at
  if (host === "") return ""
  return `tcp:${host.includes(":") ? `[${host}]` : host}:${wildcard[1]}`
}
