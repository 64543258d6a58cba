/**
 * The relay's backend API for servers that speak stream: takes their
 * WebSockets and joins them to the rendezvous as links.
 */
import { type IncomingMessage, STATUS_CODES } from "node:http"
import type { Duplex } from "node:stream"
import * as Duration from "effect/Duration"
import { fromRaw, type Header, type HeaderList } from "../../domain/HeaderList.ts"
import * as HeadText from "../../protocol/http/HeadText.ts"
import { keyOf } from "../../protocol/http/WebSocketHandshake.ts"
import * as LinkOpening from "../../protocol/LinkOpening.ts"
import { header, prefix, streamPath, text } from "../../protocol/Wire.ts"
import { initialWindow, Multiplexer, maxStreams, version } from "../../transport/mux/Multiplexer.ts"
import * as WebSocketWire from "../../transport/mux/WebSocketWire.ts"
import { endWith } from "../../transport/net/ConnectionClose.ts"
import * as BusyPoll from "../../transport/runtime/BusyPoll.ts"
import type { Rendezvous } from "../dispatch/Rendezvous.ts"
import type { Servers } from "../registry/Servers.ts"
import type { RelaySettings } from "../settings/RelaySettings.ts"
import * as Subdomains from "../settings/Subdomains.ts"
import { clientOf } from "../settings/TrustedProxies.ts"
import { programOf } from "./BackendAnswer.ts"
import { type LinkLimit, retrySeconds } from "./LinkLimit.ts"
import { StreamLink } from "./StreamLink.ts"

/** What the endpoint stands on. */
export interface StreamContext {
  readonly settings: RelaySettings["Service"]
  readonly servers: Servers["Service"]
  readonly rendezvous: Rendezvous["Service"]
  readonly limit: LinkLimit
}

/** The stream endpoint of one relay. */
export interface StreamEndpoint {
  /** Takes an upgrade that is for the backend API; `false` leaves it to the visitors' side. */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean
  /** Ends the links of servers that the configuration does not accept any more. */
  readonly recheck: () => void
  /** Takes no more links; the rendezvous drains those that are there. */
  readonly drain: () => void
  /** Ends every link. */
  readonly close: () => void
}

/** How long another process of a name has to show that it lives, in milliseconds. */
const suspicionMillis = 2_000

const path = prefix + streamPath

const tooManyLinks: HeaderList = [
  ["Retry-After", `${retrySeconds}`],
  ["X-PTTH-Code", "PTTH_TOO_MANY_LINKS"],
]

interface Identified {
  readonly address: string
  readonly name: StreamLink["name"]
  readonly tripcode: StreamLink["tripcode"]
}

/** Makes the endpoint. */
export const make = (context: StreamContext): StreamEndpoint => {
  const links = new Map<string, StreamLink>()
  /** Every WebSocket's, whether it has said hello or not. */
  const opened = new Set<Multiplexer>()
  let draining = false

  const identify = (request: IncomingMessage, socket: Duplex): Identified | undefined => {
    const name = (request.url ?? "").slice(path.length)
    const keys = request.headersDistinct[header.apiKey] ?? []
    const [key] = keys
    if (draining) return refuse(socket, 503, text.shuttingDown)
    if (key === undefined) return refuse(socket, 403, text.noKey)
    const address = clientOf(context.settings.current().trustedProxies, request)
    const now = context.rendezvous.deadlines.now()
    const identity = context.servers.knock(name, keys.length === 1 ? key : "", address, now)
    if (identity._tag === "Known") return { ...identity, address }
    return identity._tag === "Limited"
      ? refuse(socket, 429, text.tooManyKeys, [["Retry-After", `${identity.retryAfter}`]])
      : refuse(socket, 401, text.badKey)
  }

  const suspectOthers = (link: StreamLink): void => {
    for (const other of links.values()) {
      if (other.name === link.name && other.instance !== link.instance) other.suspect()
    }
  }

  const open = (
    { address, name, tripcode }: Identified,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): void => {
    const { rendezvous } = context
    const { deadlines } = rendezvous
    const { instance, link: number } = LinkOpening.decode(request.headers)
    const key = `${name} ${instance} ${number}`
    const webSocketKey = keyOf(request.method ?? "", fromRaw(request.rawHeaders))
    if (webSocketKey === undefined) return refuse(socket, 400, text.noWebSocket)
    const giveBack = context.limit.take(name, links.has(key))
    if (giveBack === undefined) {
      context.limit.refused(name, address)
      return refuse(socket, 429, text.tooManyLinks, tooManyLinks)
    }
    const config = context.settings.current()
    const openUrl = Subdomains.urlOf(config, name)
    const fields: Array<Header> = [
      ["Upgrade", "websocket"],
      ["Connection", "Upgrade"],
      ["Sec-WebSocket-Accept", WebSocketWire.acceptOf(webSocketKey)],
    ]
    if (openUrl !== undefined) fields.push(["X-PTTH-Open-Url", openUrl])
    socket.write(HeadText.response(101, "Switching Protocols", fields), "latin1")
    let leave: ((reason: string) => void) | undefined
    const multiplexer: Multiplexer = new Multiplexer({
      deadlines,
      heartbeatMillis: Duration.toMillis(config.heartbeat),
      hello: {
        version,
        maxStreams,
        window: initialWindow,
        publicUrl: config.publicUrl ?? "",
      },
      wire: WebSocketWire.make(socket, "server", head, {
        bytes: (chunk) => multiplexer.bytes(chunk),
        drained: () => multiplexer.drained(),
        closed: () => multiplexer.ended(),
      }),
      onHello: () => {
        links.get(key)?.replace()
        links.set(key, link)
        leave = rendezvous.join(link, address)
        suspectOthers(link)
        rendezvous.ready(link)
        if (draining) link.drain()
      },
      onPong: () => {
        if (link.trust()) rendezvous.ready(link)
      },
      onSent: BusyPoll.sent,
      onRoom: () => rendezvous.ready(link),
      onClosed: (reason) => {
        link.trust()
        giveBack()
        opened.delete(multiplexer)
        if (links.get(key) === link) links.delete(key)
        leave?.(reason)
      },
    })
    opened.add(multiplexer)
    const link = new StreamLink({
      name,
      tripcode,
      instance,
      program: programOf(request),
      multiplexer,
      responseMillis: (server) => rendezvous.responseMillis(server),
      deadlines,
      suspicionMillis,
    })
  }

  return {
    upgrade: (request, socket, head) => {
      if (!(request.url ?? "").startsWith(path)) return false
      socket.on("error", () => {})
      const identified = identify(request, socket)
      if (identified !== undefined) open(identified, request, socket, head)
      return true
    },
    recheck: () => {
      for (const link of [...links.values()]) {
        if (!context.servers.accepts(link.name, link.tripcode)) link.revoke()
      }
    },
    drain: () => {
      draining = true
    },
    close: () => {
      for (const multiplexer of [...opened]) multiplexer.close("the relay stops")
    },
  }
}

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
