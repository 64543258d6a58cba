/**
 * One link to the relay: opens a WebSocket, checks that the relay speaks stream
 * on it, and says why the link ended.
 */
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import * as Effect from "effect/Effect"
import { requestFields } from "../../protocol/http/WebSocketHandshake.ts"
import * as LinkOpening from "../../protocol/LinkOpening.ts"
import { isPassed } from "../../protocol/PassedConnection.ts"
import { streamPath } from "../../protocol/Wire.ts"
import type { Handler } from "../../transport/body/Handler.ts"
import { validityOf } from "../../transport/client/NodeClient.ts"
import { ProxyTunnelError } from "../../transport/client/ProxyTunnel.ts"
import type { LineWindows } from "../../transport/mux/LineWindows.ts"
import { initialWindow, Multiplexer, maxStreams, version } from "../../transport/mux/Multiplexer.ts"
import type { FailureResponse } from "../../transport/mux/ServerStream.ts"
import * as WebSocketWire from "../../transport/mux/WebSocketWire.ts"
import * as BusyPoll from "../../transport/runtime/BusyPoll.ts"
import type { Deadline, Deadlines } from "../../transport/runtime/Deadlines.ts"
import type { RunningClock } from "../../transport/runtime/RunningClock.ts"
import * as BackendIdentity from "../uplink/BackendIdentity.ts"
import * as ConnectFault from "../uplink/ConnectFault.ts"
import { ListenError, limited } from "../uplink/ListenError.ts"
import { type Announced, announced } from "../uplink/RelayAddresses.ts"
import * as ResponseFault from "../uplink/ResponseFault.ts"
import type { SharedNames } from "../uplink/SharedNames.ts"
import type { RelayList } from "./LinkSpread.ts"

/** The relay, and who answers on the link. */
export interface StreamConnectionOptions extends BackendIdentity.BackendIdentity {
  /** The number of the link within this process, from 0. */
  readonly link: number
  /** The ids of relays that are not to accept it. */
  readonly have: ReadonlyArray<string>
  readonly deadlines: Deadlines
  readonly clock: RunningClock
  readonly heartbeatMillis: number
  readonly lines: LineWindows
  readonly handler: Handler
  /** Further names that are served on the link. */
  readonly shared?: SharedNames | undefined
  /** Answers connections that are passed on, if any are taken. */
  readonly connections?: Handler | undefined
  /** Makes the response to a failure of the handler; without it, such an exchange is reset. */
  readonly failed?: FailureResponse
  /** The relay speaks stream on the link. */
  readonly onAlive: (announced: Announced, link: OpenLink) => void
  /** The relay has said which relays there are; also before `onAlive`. */
  readonly onRelays: (relays: RelayList) => void
  readonly onState: (multiplexer: Multiplexer, state: ConnectionState) => void
}

/** A link on which the relay speaks stream. */
export interface OpenLink {
  /** The id of its relay; empty if it says none. */
  readonly relay: string
  /** Whether the relay passes on the connections of this server's visitors. */
  readonly passesConnections: boolean
  /** Its relay may be dead: closes the link if a ping is not answered in time. */
  readonly suspect: () => void
}

/** A connection that drains stays open until its exchanges are over. */
export type ConnectionState = "open" | "draining" | "closed"

/** How long a relay may take to show that it speaks stream, in milliseconds (protocol.md, Fallback). */
const probeMillis = 5_000

/** How much longer a proxy may take to open the connection, in milliseconds. */
const proxyMillis = 15_000

/** The machine of a relay's id: those of workers end in their numbers. */
const machineOf = (relay: string): string => relay.replace(/\.\d+$/, "")

/** How long a suspected link has to answer a ping, in milliseconds. */
const suspicionMillis = 2_000

/**
 * Opens a link and keeps it; fails with the reason when it ends. Interruption
 * drains the link: its exchanges go on.
 */
export const keep = (options: StreamConnectionOptions): Effect.Effect<never, ListenError> =>
  Effect.callback((resume) => {
    const connection = new StreamConnection(options, (error) => resume(Effect.fail(error)))
    return Effect.sync(() => connection.drain())
  })

/** See the file's header. */
class StreamConnection {
  private readonly options: StreamConnectionOptions
  private readonly onEnd: (error: ListenError) => void
  private readonly key = WebSocketWire.newKey()
  private request: ClientRequest
  /** Through a proxy to a relay without TLS: by CONNECT, or, if the proxy does not open it, as any other request. */
  private way: "Tunnel" | "Relayed" = "Tunnel"
  private probe: Deadline
  /** `Alive`: a pong has shown that the relay speaks stream; `Ended`: the reason has been reported. */
  private state: "Probing" | "Alive" | "Ended" = "Probing"
  private multiplexer: Multiplexer | undefined
  private suspicion: Deadline | undefined

  constructor(options: StreamConnectionOptions, onEnd: (error: ListenError) => void) {
    this.options = options
    this.onEnd = onEnd
    this.request = this.sendRequest()
    this.probe = options.deadlines.set(probeMillis, () => this.onProbe())
  }

  /** Takes no more requests, without telling a reason. */
  drain(): void {
    const { multiplexer, options } = this
    this.state = "Ended"
    this.probe.clear()
    if (multiplexer === undefined) {
      this.request.destroy()
      return
    }
    options.shared?.closed(multiplexer)
    options.onState(multiplexer, "draining")
    multiplexer.drain()
  }

  private sendRequest(): ClientRequest {
    const { basePath, client, have, link, name } = this.options
    const request = client.request({
      method: "GET",
      path: basePath + streamPath + name,
      headers: [
        ...BackendIdentity.callerFields(this.options),
        ...requestFields(this.key),
        ["X-PTTH-Link", `${link}`],
        ...(have.length === 0 ? [] : [["X-PTTH-Have", have.join(",")] as const]),
        ...BackendIdentity.optionalFields(this.options),
      ],
      ...(this.way === "Tunnel" ? { tunnelled: true } : { fresh: true }),
    })
    request.on("error", (error) => {
      if (this.request !== request) return
      if (error instanceof ProxyTunnelError && this.hasOtherWay) return this.takeOtherWay()
      const { deadlines } = this.options
      this.endWith(ConnectFault.ofError(error, validityOf(request), deadlines.now(), client.proxy))
    })
    request.on("response", (response) => this.onResponse(response))
    request.on("upgrade", (response, socket, head) => this.onUpgrade(response, socket, head))
    request.end()
    return request
  }

  /** Without a connection there is nothing that could show whether stream is possible. */
  private get isConnecting(): boolean {
    const { socket } = this.request
    return socket === null || socket.connecting
  }

  private get hasOtherWay(): boolean {
    return this.way === "Tunnel" && this.state === "Probing" && this.options.client.isRelayedByProxy
  }

  private takeOtherWay(): void {
    const { request } = this
    this.way = "Relayed"
    this.request = this.sendRequest()
    request.destroy()
  }

  private onProbe(): void {
    const { client, deadlines } = this.options
    if (client.proxy === undefined || !this.isConnecting) return this.onTimeout(probeMillis)
    if (this.hasOtherWay) this.takeOtherWay()
    const total = probeMillis + proxyMillis
    this.probe = deadlines.set(proxyMillis, () => this.onTimeout(total))
  }

  private onTimeout(millis: number): void {
    const seconds = millis / 1000
    if (this.isConnecting) this.end("unreachable", `no connection within ${seconds} s (ETIMEDOUT)`)
    else this.end("impossible", `no pong within ${seconds} s`)
    this.multiplexer?.close("it does not answer")
    this.request.destroy()
  }

  /** The relay, or something before it, does not upgrade. The body tells which. */
  private onResponse(response: IncomingMessage): void {
    const chunks: Array<Buffer> = []
    let size = 0
    response.on("data", (chunk: Buffer) => {
      chunks.push(chunk)
      size += chunk.length
      if (size > ResponseFault.maxBody) this.request.destroy()
    })
    response.on("error", () => {})
    response.once("close", () => {
      this.onRefusal(response, Buffer.concat(chunks).toString("utf8"))
      this.request.destroy()
    })
  }

  private onRefusal({ headers, statusCode: status = 0 }: IncomingMessage, body: string): void {
    const { client, deadlines } = this.options
    const { relay } = LinkOpening.decodeAnswer(headers)
    if (status === 409 && relay !== "")
      return this.end("elsewhere", `it has a link of this process at ${relay} already (409)`)
    if (status === 429) return this.endWith(limited(headers, "status 429", deadlines.now()))
    const { path } = this.request
    const fault = ResponseFault.of({ status, headers, body, path, proxy: client.proxy })
    if (fault === undefined) this.end("impossible", `it answered ${status} to the upgrade`)
    else this.endWith(fault)
  }

  private onUpgrade(response: IncomingMessage, socket: Duplex, head: Buffer): void {
    const accept = response.headers["sec-websocket-accept"]
    if (this.state === "Ended" || accept !== WebSocketWire.acceptOf(this.key)) {
      socket.on("error", () => {})
      socket.destroy()
      return this.end("impossible", "its answer to the upgrade is no WebSocket's")
    }
    const { links, relay } = LinkOpening.decodeAnswer(response.headers)
    if (links > 0) this.options.onRelays({ links, machines: [] })
    const multiplexer = this.open(relay, response.headers, socket, head)
    this.multiplexer = multiplexer
    this.options.onState(multiplexer, "open")
  }

  private open(
    relay: string,
    headers: IncomingHttpHeaders,
    socket: Duplex,
    head: Buffer,
  ): Multiplexer {
    const { clock, connections, deadlines, failed, handler, heartbeatMillis } = this.options
    const { lines, onState, shared } = this.options
    const answer = shared === undefined ? handler : shared.handler(() => multiplexer, handler)
    const multiplexer: Multiplexer = new Multiplexer({
      deadlines,
      clock,
      heartbeatMillis,
      bulk: lines.of(machineOf(relay)),
      hello: {
        version,
        maxStreams,
        window: initialWindow,
        publicUrl: "",
        ...(connections === undefined ? {} : { connections: true as const }),
      },
      // A relay that passes none on has the method from a visitor.
      handler: (head, body, reply) =>
        connections !== undefined && multiplexer.hello?.connections === true && isPassed(head)
          ? connections(head, body, reply)
          : answer(head, body, reply),
      ...(shared === undefined ? {} : { extension: shared.extension(() => multiplexer) }),
      ...(failed === undefined ? {} : { failed }),
      wire: WebSocketWire.make(socket, "client", head, {
        bytes: (chunk) => multiplexer.bytes(chunk),
        drained: () => multiplexer.drained(),
        closed: () => multiplexer.ended(),
      }),
      onPong: () => this.onPong(multiplexer, relay, headers),
      onRelays: (relays) => this.options.onRelays(relays),
      onSent: BusyPoll.sent,
      onDrain: () => {
        shared?.closed(multiplexer)
        onState(multiplexer, "draining")
        this.end("shutting down", "it drains this link")
      },
      onClosed: (reason) => {
        this.suspicion?.clear()
        this.multiplexer = undefined
        shared?.closed(multiplexer)
        onState(multiplexer, "closed")
        this.end(this.state === "Alive" ? "unreachable" : "impossible", reason)
      },
    })
    return multiplexer
  }

  private onPong(multiplexer: Multiplexer, relay: string, headers: IncomingHttpHeaders): void {
    this.suspicion?.clear()
    this.suspicion = undefined
    if (this.state !== "Probing") return
    this.state = "Alive"
    this.probe.clear()
    this.options.shared?.opened(multiplexer)
    const { hello } = multiplexer
    const publicUrl = hello?.publicUrl === "" ? undefined : hello?.publicUrl
    this.options.onAlive(
      { ...announced(headers), publicUrl },
      {
        relay,
        passesConnections: hello?.connections === true,
        suspect: () => this.suspect(),
      },
    )
  }

  private suspect(): void {
    const { multiplexer } = this
    if (multiplexer === undefined || this.suspicion !== undefined) return
    this.suspicion = this.options.deadlines.set(suspicionMillis, () =>
      multiplexer.close("its relay is gone"),
    )
    multiplexer.ping()
  }

  private end(reason: ListenError["reason"], detail: string): void {
    this.endWith(new ListenError({ reason, detail }))
  }

  private endWith(error: ListenError): void {
    if (this.state === "Ended") return
    this.state = "Ended"
    this.probe.clear()
    this.onEnd(error)
  }
}
