/**
 * The relay's backend API for servers that speak stream: accepts their
 * WebSockets and adds them to the rendezvous as links.
 */
import type { IncomingMessage } from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { fromRaw, type Header, type HeaderList } from "../../domain/HeaderList.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import * as HeadText from "../../protocol/http/HeadText.ts"
import { keyOf } from "../../protocol/http/WebSocketHandshake.ts"
import * as LinkOpening from "../../protocol/LinkOpening.ts"
import * as ServiceFrame from "../../protocol/link/ServiceFrame.ts"
import { keyOf as keyOfLink, type PresentLink } from "../../protocol/peer/PresentLink.ts"
import { askedMillis, header, prefix, streamPath, text } from "../../protocol/Wire.ts"
import { LineWindows } from "../../transport/mux/LineWindows.ts"
import { initialWindow, Multiplexer, maxStreams, version } from "../../transport/mux/Multiplexer.ts"
import * as WebSocketWire from "../../transport/mux/WebSocketWire.ts"
import { endWith } from "../../transport/net/ConnectionClose.ts"
import * as BusyPoll from "../../transport/runtime/BusyPoll.ts"
import { STATUS_CODES } from "../../transport/runtime/NodeHttp.ts"
import type { Rendezvous } from "../dispatch/Rendezvous.ts"
import { type LinkLimit, retrySeconds } from "../registry/LinkLimit.ts"
import type { KnownServer, Servers } from "../registry/Servers.ts"
import { refusalOf, type TicketCheck } from "../registry/TicketCheck.ts"
import type { HandOverShape } from "../settings/HandOver.ts"
import type { RelaySettings } from "../settings/RelaySettings.ts"
import * as Subdomains from "../settings/Subdomains.ts"
import { clientOf } from "../settings/TrustedProxies.ts"
import { programOf } from "./BackendCall.ts"
import { FurtherNames, type FurtherNamesContext } from "./FurtherNames.ts"
import type { UpgradeRequest } from "./HandedLink.ts"
import * as HandedLink from "./HandedLink.ts"
import { StreamLink, usesClassic } from "./StreamLink.ts"

/** What the endpoint needs of the relay. */
export interface StreamContext {
  readonly settings: RelaySettings["Service"]
  readonly servers: Servers["Service"]
  readonly rendezvous: Rendezvous["Service"]
  readonly limit: LinkLimit
  readonly tickets: TicketCheck
  readonly spread: LinkSpread
  readonly handOver: HandOverShape | undefined
}

/** At which of several relays links belong. */
export interface LinkSpread {
  /** Whether a link is not to be accepted here, by the relays that its server gives. */
  isUnwanted(have: ReadonlyArray<string>): boolean
  /** The relay of this machine that is to have it instead, if there is one. */
  workerFor(have: ReadonlyArray<string>): string | undefined
  /** The fields of a 409. */
  readonly identity: HeaderList
  /** The fields of a 101. */
  readonly fields: HeaderList
  /** The frame for a new link; `undefined` if there are no other relays. */
  readonly frame: Buffer | undefined
}

/** How long other processes of a name have to answer a ping when a new one connects, in milliseconds. */
const suspicionMillis = 2_000

const path = prefix + streamPath

const tooManyLinks: HeaderList = [
  ["Retry-After", `${retrySeconds}`],
  ["X-PTTH-Code", "PTTH_TOO_MANY_LINKS"],
]

/** A link that a server may open. */
interface LinkRequest {
  readonly server: KnownServer
  /** The server's address. */
  readonly address: string
  readonly instance: string
  /** Its number among the links of the process. */
  readonly number: string
  readonly program: string
  /** The relays that are not to accept it. */
  readonly have: ReadonlyArray<string>
  /** The time for a response that it asks for, in milliseconds. */
  readonly responseLimit: number | undefined
  /** Server, process and number of the link: a new link replaces the one of the same key. */
  readonly key: string
}

/** See the file's header. */
export class StreamEndpoint {
  private readonly context: StreamContext
  /** By {@link LinkRequest.key}. */
  private readonly links = new Map<string, StreamLink>()
  /** All of them, also those that are drained while another has their key. */
  private readonly all = new Set<StreamLink>()
  /** Those of all WebSockets, before their hello as well. */
  private readonly multiplexers = new Set<Multiplexer>()
  private readonly lines = new LineWindows()
  private draining = false
  /** Called when no WebSocket is open any more. */
  private onNone: () => void = () => {}

  constructor(context: StreamContext) {
    this.context = context
    context.handOver?.onGiven((about, socket) => this.take(about, socket))
  }

  /** Handles an upgrade of the backend API; `false` if it is a visitor's. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    if (!(request.url ?? "").startsWith(path)) return false
    socket.on("error", () => {})
    const { rendezvous, settings, tickets } = this.context
    const holder = {
      name: nameOf(request),
      key: keyOfServer(request),
      headers: request.headers,
      address: clientOf(settings.current().trustedProxies, request),
    }
    tickets.before(holder, rendezvous.deadlines.now(), () => {
      if (socket.destroyed) return
      const link = this.authorize(request, socket)
      if (link !== undefined) this.open(link, request, socket, head)
    })
    return true
  }

  /** Answers an opening that another process of this machine got; this one is to have the link. */
  private take(about: unknown, socket: Socket): void {
    socket.on("error", () => {})
    const handed = HandedLink.decode(about, socket)
    if (handed === undefined) return void socket.destroy()
    const link = this.authorize(handed.request, socket)
    if (link !== undefined) this.open({ ...link, have: [] }, handed.request, socket, handed.head)
  }

  /** Passes an opening to another process of this machine that is to have the link; whether there is one. */
  private giveAway(
    have: ReadonlyArray<string>,
    request: UpgradeRequest,
    socket: Duplex,
    head: Buffer,
  ): boolean {
    const { handOver, spread } = this.context
    const passable = handOver === undefined ? undefined : HandedLink.passable(socket)
    const worker = passable === undefined ? undefined : spread.workerFor(have)
    if (passable === undefined || worker === undefined) return false
    handOver?.give(worker, HandedLink.encode(request, head), passable)
    return true
  }

  /** Ends the links of servers that the configuration in force does not accept. */
  recheck(): void {
    for (const link of [...this.all]) {
      if (!this.context.servers.accepts(link.name, link.tripcode)) link.revoke()
      // Its server learns by another hello where TLS of its visitors ends.
      else if (link.isPassedThrough !== this.isPassedThrough(link.name)) link.drain()
    }
  }

  private isPassedThrough(name: ServerName): boolean {
    return this.context.settings.derived().servers.get(name)?.tls === "passthrough"
  }

  /** Sends a frame on every link. */
  send(frame: Buffer): void {
    for (const link of this.all) if (!link.isFurther) link.send(frame)
  }

  /**
   * A link was opened at another relay: it replaces the earlier one of the same
   * key, and if its process is new, others of the server may be dead.
   */
  openedElsewhere(opened: PresentLink, isNewProcess: boolean): void {
    const { rendezvous } = this.context
    const isLater = (link: StreamLink): boolean => opened.openedAt > rendezvous.timeOpened(link)
    const same = opened.instance === "" ? undefined : this.links.get(keyOfLink(opened))
    if (same !== undefined && isLater(same)) same.replace()
    const earlier = this.linksOf(opened.name).filter(isLater)
    if (!isNewProcess || earlier.some(({ instance }) => instance === opened.instance)) return
    for (const link of earlier) link.suspect()
  }

  /** A process listens by classic at another relay: what it has here may be dead. */
  listensElsewhere({ instance, name }: PresentLink): void {
    for (const link of this.linksOf(name)) if (link.instance === instance) link.suspect(usesClassic)
  }

  /** Accepts no more links; the rendezvous drains those that are open. */
  drain(): void {
    this.draining = true
  }

  /** Succeeds once no link is open: those that another process has accepted are known here only. */
  readonly ended: Effect.Effect<void> = Effect.callback<void>((resume) => {
    this.onNone = () => resume(Effect.void)
    if (this.multiplexers.size === 0) this.onNone()
  })

  /** Ends every link. */
  close(): void {
    for (const multiplexer of [...this.multiplexers]) multiplexer.close("the relay stops")
  }

  /** Checks the key; if it is refused, that is sent and nothing returned. */
  private authorize(request: UpgradeRequest, socket: Duplex): LinkRequest | undefined {
    const { rendezvous, servers, settings } = this.context
    const key = keyOfServer(request)
    if (this.draining) return refuse(socket, 503, text.shuttingDown)
    if (key === undefined) return refuse(socket, 403, text.noKey)
    const address = clientOf(settings.current().trustedProxies, request)
    const now = rendezvous.deadlines.now()
    const server = servers.knock(nameOf(request), key, address, now)
    switch (server._tag) {
      case "Limited":
        return refuse(socket, 429, text.tooManyKeys, [["Retry-After", `${server.retryAfter}`]])
      case "Refused":
        return refuse(socket, 401, text.badKey, refusedTicket(request))
      case "Known": {
        const { have, instance, link } = LinkOpening.decode(request.headers)
        const program = programOf(request)
        const responseLimit = askedMillis(request.headers[header.responseTimeout])
        return {
          server,
          address,
          instance,
          number: link,
          program,
          have,
          responseLimit,
          key: keyOfLink({ name: server.name, instance, number: link }),
        }
      }
    }
  }

  /** Checks the limit of links, and completes the handshake of the WebSocket. */
  private open(link: LinkRequest, request: UpgradeRequest, socket: Duplex, head: Buffer): void {
    const { limit, settings, spread } = this.context
    const { name } = link.server
    const webSocketKey = keyOf(request.method ?? "", fromRaw(request.rawHeaders))
    if (webSocketKey === undefined) return refuse(socket, 400, text.noWebSocket)
    if (spread.isUnwanted(link.have)) {
      if (this.giveAway(link.have, request, socket, head)) return
      return refuse(socket, 409, text.linkHere, spread.identity)
    }
    const giveBack = limit.take(name, this.links.has(link.key), link)
    if (giveBack === undefined) {
      limit.refused(name, link.address)
      return refuse(socket, 429, text.tooManyLinks, tooManyLinks)
    }
    const openUrl = Subdomains.urlOf(settings.current(), name)
    const fields: Array<Header> = [
      ["Upgrade", "websocket"],
      ["Connection", "Upgrade"],
      ["Sec-WebSocket-Accept", WebSocketWire.acceptOf(webSocketKey)],
    ]
    if (openUrl !== undefined) fields.push(["X-PTTH-Open-Url", openUrl])
    const displayName = settings.derived().servers.get(name)?.displayName
    if (displayName !== undefined)
      fields.push(["X-PTTH-Display-Name", encodeURIComponent(displayName)])
    fields.push(...spread.fields)
    socket.write(HeadText.response(101, "Switching Protocols", fields), "latin1")
    this.connect(link, socket, head, giveBack)
  }

  /**
   * Runs the link on its WebSocket. It joins the rendezvous with the server's hello.
   * One function, since the multiplexer and the links on it refer to each other.
   */
  private connect(
    { address, responseLimit, instance, number, program, server }: LinkRequest,
    socket: Duplex,
    head: Buffer,
    giveBack: () => void,
  ): void {
    const { rendezvous, settings } = this.context
    const { deadlines } = rendezvous
    const config = settings.current()
    const isPassedThrough = this.isPassedThrough(server.name)
    let remove: (() => void) | undefined
    let leaveRendezvous: ((reason: string) => void) | undefined
    const multiplexer: Multiplexer = new Multiplexer({
      deadlines,
      heartbeatMillis: Duration.toMillis(config.heartbeat),
      leaseMillis: () => link.beginMillis(),
      share: rendezvous.frames(server.name),
      // The instance is what the server says, so that it counts for its own links only.
      ...(instance === "" ? {} : { bulk: this.lines.of(`${server.name} ${instance}`) }),
      hello: {
        version,
        maxStreams,
        window: initialWindow,
        publicUrl: config.publicUrl ?? "",
        ...(isPassedThrough ? { connections: true as const } : {}),
      },
      wire: WebSocketWire.make(socket, "server", head, {
        bytes: (chunk) => multiplexer.bytes(chunk),
        drained: () => multiplexer.drained(),
        closed: () => multiplexer.ended(),
      }),
      onHello: () => {
        remove = this.add(link)
        leaveRendezvous = rendezvous.join(link, address)
        rendezvous.ready(link)
        const { frame } = this.context.spread
        if (frame !== undefined) link.send(frame)
        if (this.draining) link.drain()
      },
      extension: {
        isKnown: ServiceFrame.isServiceFrame,
        frame: (kind, _stream, payload) => further.frame(kind, payload),
      },
      onPong: () => {
        if (link.trust()) rendezvous.ready(link)
        further.trust()
      },
      onSent: BusyPoll.sent,
      onRoom: () => {
        rendezvous.ready(link)
        further.ready()
      },
      onClosed: (why) => {
        const reason = link.endOf(why)
        link.trust()
        further.closed(reason)
        giveBack()
        this.multiplexers.delete(multiplexer)
        remove?.()
        leaveRendezvous?.(reason)
        if (this.multiplexers.size === 0) this.onNone()
      },
    })
    this.multiplexers.add(multiplexer)
    const link = new StreamLink({
      name: server.name,
      tripcode: server.tripcode,
      instance,
      number,
      program,
      multiplexer,
      isPassedThrough,
      responseMillis: (name) => rendezvous.responseMillis(name, responseLimit),
      deadlines,
      suspicionMillis,
    })
    const further = new FurtherNames(this.furtherContext, {
      name: server.name,
      address,
      instance,
      number,
      program,
      multiplexer,
      deadlines,
      suspicionMillis,
    })
  }

  /** What the further names of links need. */
  private get furtherContext(): FurtherNamesContext {
    return {
      ...this.context,
      isDraining: () => this.draining,
      onJoined: (link) => this.add(link),
    }
  }

  /**
   * Adds a link, which replaces the one of the same key; the returned function
   * removes it. Other processes of the same server may be dead, so they are pinged.
   */
  private add(link: StreamLink): () => void {
    const key = keyOfLink(link)
    this.links.get(key)?.replace()
    this.links.set(key, link)
    this.all.add(link)
    for (const other of this.linksOf(link.name))
      if (other.instance !== link.instance) other.suspect()
    return () => {
      this.all.delete(link)
      if (this.links.get(key) === link) this.links.delete(key)
    }
  }

  /** The links of a server that have joined the rendezvous and were not replaced. */
  private linksOf(name: ServerName): ReadonlyArray<StreamLink> {
    return this.context.rendezvous
      .ownLinks(name)
      .filter(
        (link): link is StreamLink =>
          link instanceof StreamLink && this.links.get(keyOfLink(link)) === link,
      )
  }
}

/** The name in the path of an opening. */
const nameOf = ({ url = "" }: UpgradeRequest): string => url.slice(path.length)

/** The key of an opening; several are no valid one. */
const keyOfServer = ({ headersDistinct }: UpgradeRequest): string | undefined => {
  const keys = headersDistinct[header.apiKey] ?? []
  return keys.length > 1 ? "" : keys[0]
}

const refusedTicket = ({ headers }: UpgradeRequest): HeaderList => {
  const code = refusalOf(headers)
  return code === undefined ? [] : [["X-PTTH-Code", code]]
}

/** Answers an upgrade that is refused, and closes its connection. */
const refuse = (
  socket: Duplex,
  status: number,
  body: string,
  fields: HeaderList = [],
): undefined => {
  const bytes = Buffer.from(body)
  const head = HeadText.response(status, STATUS_CODES[status] ?? "Unknown", [
    ...fields,
    ["Content-Type", "text/plain; charset=utf-8"],
    ["Content-Length", `${bytes.length}`],
    ["Connection", "close"],
  ])
  endWith(socket, HeadText.join(head, bytes))
  return undefined
}
