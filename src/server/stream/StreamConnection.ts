/**
 * One link to the relay over a WebSocket: opened, kept, and told apart by why
 * it could not be had.
 */
import type { IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { ApiKey } from "../../domain/ApiKey.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import { requestFields } from "../../protocol/http/WebSocketHandshake.ts"
import { streamPath } from "../../protocol/Wire.ts"
import type { Handler } from "../../transport/body/Handler.ts"
import { initialWindow, Multiplexer, maxStreams, version } from "../../transport/mux/Multiplexer.ts"
import * as WebSocketWire from "../../transport/mux/WebSocketWire.ts"
import type { Client } from "../../transport/net/NodeClient.ts"
import * as BusyPoll from "../../transport/runtime/BusyPoll.ts"
import type { Deadlines } from "../../transport/runtime/Deadlines.ts"
import { failure } from "../uplink/HandlerGuard.ts"
import { ListenError, limited, unconnected } from "../uplink/ListenError.ts"
import { type Announced, announced } from "../uplink/RelayAddresses.ts"

/** Whom a link goes to, and who answers on it. */
export interface StreamConnectionOptions {
  readonly client: Client
  /** Path of the relay's backend API, the prefix included. */
  readonly basePath: string
  readonly name: ServerName
  readonly apiKey: ApiKey
  readonly instance: string
  /** The program and its version, for the relay to show. */
  readonly program: string | undefined
  /** Which of the process's links this is, from 0. */
  readonly link: number
  readonly deadlines: Deadlines
  readonly heartbeatMillis: number
  readonly handler: Handler
  /** The link works. */
  readonly onAlive: (announced: Announced) => void
  /** What has become of the link's connection. */
  readonly onState: (multiplexer: Multiplexer, state: ConnectionState) => void
}

/** A connection that is draining lives until what runs on it is done. */
export type ConnectionState = "open" | "draining" | "closed"

/** How long a relay has to say that it speaks stream, in milliseconds (protocol.md, Fallback). */
const probeMillis = 5_000

/**
 * Opens a link and keeps it; ends with why it is no more. Interrupting it
 * drains the link: what runs on it goes on.
 */
export const keep = (options: StreamConnectionOptions): Effect.Effect<never, ListenError> =>
  Effect.callback((resume) => {
    let alive = false
    let done = false
    const endAs = (error: ListenError): void => {
      if (done) return
      done = true
      probe.clear()
      resume(Effect.fail(error))
    }
    const end = (reason: ListenError["reason"], detail: string): void =>
      endAs(new ListenError({ reason, detail }))
    const key = WebSocketWire.newKey()
    const request = options.client.request({
      method: "GET",
      path: options.basePath + streamPath + options.name,
      headers: [
        ["Host", options.client.host],
        ...requestFields(key),
        ["X-ApiKey", Redacted.value(options.apiKey)],
        ["X-PTTH-Instance", options.instance],
        ["X-PTTH-Link", `${options.link}`],
        ...(options.program === undefined ? [] : [["User-Agent", options.program] as const]),
      ],
      fresh: true,
    })
    let multiplexer: Multiplexer | undefined
    const probe = options.deadlines.set(probeMillis, () => {
      end("impossible", `no pong within ${probeMillis / 1000} s`)
      multiplexer?.close("it does not answer")
      request.destroy()
    })
    request.on("error", (error: NodeJS.ErrnoException) => end(...classify(error)))
    request.on("response", (response: IncomingMessage) => {
      response.resume()
      if (response.statusCode === 429)
        endAs(limited(response.headers, "status 429", options.deadlines.now()))
      else end(...refusal(response.statusCode ?? 0))
      request.destroy()
    })
    request.on("upgrade", (response: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (done || response.headers["sec-websocket-accept"] !== WebSocketWire.acceptOf(key)) {
        socket.on("error", () => {})
        socket.destroy()
        return end("impossible", "its answer to the upgrade is no WebSocket's")
      }
      const made: Multiplexer = new Multiplexer({
        deadlines: options.deadlines,
        heartbeatMillis: options.heartbeatMillis,
        hello: { version, maxStreams, window: initialWindow, publicUrl: "" },
        handler: options.handler,
        failed: failure,
        wire: WebSocketWire.make(socket, "client", head, {
          bytes: (chunk) => made.bytes(chunk),
          drained: () => made.drained(),
          closed: () => made.ended(),
        }),
        onPong: () => {
          if (alive) return
          alive = true
          probe.clear()
          const publicUrl = made.hello?.publicUrl
          const { openUrl } = announced(response.headers)
          options.onAlive({ publicUrl: publicUrl === "" ? undefined : publicUrl, openUrl })
        },
        onSent: BusyPoll.sent,
        onDrain: () => {
          options.onState(made, "draining")
          end("shutting down", "it drains this link")
        },
        onClosed: (reason) => {
          options.onState(made, "closed")
          end(alive ? "unreachable" : "impossible", reason)
        },
      })
      multiplexer = made
      options.onState(made, "open")
    })
    request.end()
    return Effect.sync(() => {
      done = true
      probe.clear()
      if (multiplexer === undefined) {
        request.destroy()
        return
      }
      options.onState(multiplexer, "draining")
      multiplexer.drain()
    })
  })

const classify = (error: NodeJS.ErrnoException): readonly [ListenError["reason"], string] =>
  error.code === undefined || error.code.startsWith("HPE_")
    ? ["impossible", error.message]
    : [unconnected(error.code), error.code]

const refusal = (status: number): readonly [ListenError["reason"], string] => {
  switch (status) {
    case 401:
      return ["refused", `status ${status}`]
    case 503:
      return ["shutting down", `status ${status}`]
    case 502:
    case 504:
      return ["unreachable", `status ${status}`]
    default:
      return ["impossible", `it answered ${status} to the upgrade`]
  }
}
