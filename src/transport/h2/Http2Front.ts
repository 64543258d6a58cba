/**
 * HTTP/2 to visitors (RFC 9113), on TLS connections that a front has accepted:
 * their requests go to the same handler as those of HTTP/1.1.
 */
import type * as Http from "node:http"
import type * as Http2 from "node:http2"
import type { TLSSocket } from "node:tls"
import * as Result from "effect/Result"
import { first, toRaw } from "../../domain/HeaderList.ts"
import { empty } from "../body/Body.ts"
import { type FrontHandler, isServerWide, serverWide } from "../front/FrontRequest.ts"
import type { Http2Connections, Http2Context } from "../front/Http2Connections.ts"
import { serverNameOf } from "../net/TlsHandshake.ts"
import { Http2Body } from "./Http2Body.ts"
import { type Http2Call, Http2Reply } from "./Http2Reply.ts"
import * as Http2Request from "./Http2Request.ts"

/** `performServerHandshake` is not in the types. */
type Http2Module = typeof Http2 & {
  readonly performServerHandshake: (
    socket: TLSSocket,
    options: Http2.ServerSessionOptions,
  ) => Http2.ServerHttp2Session
}

/** Node's library, loaded by the first connection that needs it. */
const loadHttp2 = (): Http2Module => process.getBuiltinModule("node:http2") as Http2Module

/** How many requests of a connection may run at once. */
const maxStreams = 128

/** How much of a request's body a visitor may send ahead of its reader, in bytes. */
const streamWindow = 256 * 1024

/** The same for all requests of a connection. */
const connectionWindow = 1024 * 1024

/** How often connections are checked by default, in milliseconds. */
const usualSweepMillis = 5_000

/** RFC 9113 6.2. */
const flagEndStream = 0x1

/** What a session is created with. */
const sessionOptions = (maxHead: number): Http2.ServerSessionOptions => ({
  settings: {
    maxConcurrentStreams: maxStreams,
    initialWindowSize: streamWindow,
    maxHeaderListSize: maxHead,
    enableConnectProtocol: true,
    enablePush: false,
  },
  // Limited by the relay, which answers 431.
  maxHeaderListPairs: 4_096,
  maxSessionInvalidFrames: 32,
  maxSessionRejectedStreams: 32,
  streamResetBurst: 256,
  streamResetRate: 32,
  maxSettings: 16,
  // Bodies in memory count too; what waits of others is limited for each stream.
  maxSessionMemory: 512,
  maxOutstandingPings: 4,
  // What an application repeats is passed on as it is.
  strictSingleValueFields: false,
})

/** What Node's sockets are made on, which is not in the types. Those that are not the system's have no such method. */
interface PeerHandle {
  /** Gives a negative number when the system has closed the connection. */
  readonly getpeername?: (out: object) => number | undefined
}

/** One connection. */
class Connection {
  readonly session: Http2.ServerHttp2Session
  readonly replies = new Set<Http2Reply>()
  streams = 0
  isNew = true
  idleMillis = 0

  private readonly socket: TLSSocket

  constructor(session: Http2.ServerHttp2Session, socket: TLSSocket) {
    this.session = session
    this.socket = socket
  }

  /**
   * Whether its visitor has left. While a write is under way Node's library does
   * not read, and it goes on like that after one that failed: it would never know.
   */
  get isGone(): boolean {
    const handle = (this.socket as { readonly _handle?: PeerHandle | null })._handle
    const error = handle?.getpeername?.({})
    return error !== undefined && error < 0
  }

  /** Closes it at once, also if the visitor does not read what is still to be sent. */
  destroy(): void {
    this.session.destroy()
    this.socket.destroy()
  }
}

/** See the file's header. */
class Http2Front implements Http2Connections {
  private readonly context: Http2Context
  private readonly connections = new Set<Connection>()
  private readonly options: Http2.ServerSessionOptions
  private readonly sweepMillis: number
  /** Runs while there are connections. */
  private timer: NodeJS.Timeout | undefined

  constructor(context: Http2Context, sweepMillis: number) {
    this.context = context
    this.sweepMillis = sweepMillis
    this.options = sessionOptions(context.maxHead)
  }

  accept(socket: TLSSocket): void {
    const session = loadHttp2().performServerHandshake(socket, this.options)
    const connection = new Connection(session, socket)
    this.connections.add(connection)
    this.timer ??= setInterval(() => this.sweep(), this.sweepMillis).unref()
    session.setLocalWindowSize(connectionWindow)
    // The client has to read the reason soon.
    session.once("error", () => {
      setTimeout(() => connection.destroy(), farewellMillis).unref()
    })
    session.on("error", ignore)
    session.once("close", () => this.remove(connection))
    session.on("stream", (stream, headers, flags, raw) =>
      this.onStream(connection, socket, {
        stream,
        headers,
        flags,
        raw: raw as unknown as Array<string>,
      }),
    )
  }

  closeIdle(): void {
    for (const { session } of this.connections) session.close()
  }

  close(): void {
    for (const connection of this.connections) connection.destroy()
  }

  private remove(connection: Connection): void {
    this.connections.delete(connection)
    if (this.connections.size > 0) return
    clearInterval(this.timer)
    this.timer = undefined
  }

  private onStream(connection: Connection, socket: TLSSocket, opened: OpenedStream): void {
    const { stream } = opened
    connection.isNew = false
    connection.idleMillis = 0
    connection.streams += 1
    stream.on("error", ignore)
    stream.once("close", () => {
      connection.streams -= 1
      connection.idleMillis = 0
      if (this.context.isDraining()) connection.session.close()
    })
    const isOver = (opened.flags & flagEndStream) !== 0
    const request = Http2Request.read(opened.raw, isOver)
    if (Result.isFailure(request)) return this.refuse(socket, stream, request.failure)
    const { head } = request.success
    if (this.context.needsNode(head.target) && this.intercept(socket, opened, head.headers)) return
    this.handle(connection, socket, stream, request.success)
  }

  private handle(
    connection: Connection,
    socket: TLSSocket,
    stream: Http2.ServerHttp2Stream,
    { framing, head, webSocketKey }: Http2Request.Http2Head,
  ): void {
    const { context } = this
    const address = socket.remoteAddress ?? ""
    const notes = context.observe?.(head, address, "2.0")
    const call: Http2Call = { stream, head, webSocketKey }
    const reply = new Http2Reply(call, context, notes)
    connection.replies.add(reply)
    stream.once("close", () => connection.replies.delete(reply))
    const length = framing._tag === "Length" ? framing.length : undefined
    const continues = first(head.headers, "expect")?.toLowerCase() === "100-continue"
    const hasBody = framing._tag !== "None" || webSocketKey !== undefined
    const body = hasBody
      ? new Http2Body(stream, length, {
          onRead: () => {
            if (continues) reply.writeContinue()
          },
          received: (bytes) => notes?.received(bytes),
          abandoned: () => reply.abandonRequest(),
        }).body
      : empty
    if (!hasBody) stream.resume()
    const upgrade = webSocketKey !== undefined
    const request: Parameters<FrontHandler>[0] = {
      head,
      body,
      address,
      secure: true,
      serverName: serverNameOf(socket),
      upgrade,
      notes,
    }
    const handler = isServerWide(head.method, head.target) ? serverWide : context.handler
    reply.start(handler(request, reply))
  }

  /** Gives a request to a handler that needs Node's objects; `true` if it took it. */
  private intercept(
    socket: TLSSocket,
    { headers, raw, stream }: OpenedStream,
    fields: Http2Request.Http2Head["head"]["headers"],
  ): boolean {
    const { Http2ServerRequest, Http2ServerResponse } = loadHttp2()
    const host = first(fields, "host")
    const request = new Http2ServerRequest(stream, { ...headers, host }, {}, raw)
    const response = new Http2ServerResponse(stream)
    Object.defineProperty(request, "rawHeaders", { value: toRaw(fields) })
    Object.defineProperty(request, "socket", { value: socket })
    return this.context.intercept(
      request as unknown as Http.IncomingMessage,
      response as unknown as Http.ServerResponse,
    )
  }

  private refuse(
    socket: TLSSocket,
    stream: Http2.ServerHttp2Stream,
    { detail, status }: Http2Request.Http2Refusal,
  ): void {
    const head = { method: "-", target: "-", headers: [] }
    const notes = this.context.observe?.(head, socket.remoteAddress ?? "", "2.0")
    const reply = new Http2Reply({ stream, head, webSocketKey: undefined }, this.context, notes)
    stream.resume()
    reply.refuse({ code: refusalCodes[status], status, detail })
  }

  private sweep(): void {
    const { headMillis, idleMillis, keepAliveMillis } = this.context
    const { sweepMillis } = this
    const limit = idleMillis()
    for (const connection of this.connections) {
      for (const reply of connection.replies) reply.addUnread(sweepMillis, limit)
      if (connection.streams > 0) {
        if (connection.isGone) connection.destroy()
        continue
      }
      connection.idleMillis += sweepMillis
      const most = connection.isNew ? headMillis : keepAliveMillis
      if (connection.idleMillis > most + lateMillis) connection.destroy()
      else if (connection.idleMillis > most) connection.session.close()
    }
  }
}

/** How long the last frames of a connection that has failed may take, in milliseconds. */
const farewellMillis = 500

/** How long a connection that was asked to end may take, in milliseconds. */
const lateMillis = 10_000

const refusalCodes = {
  400: "PTTH_BAD_REQUEST",
  405: "PTTH_METHOD_NOT_ALLOWED",
} as const

/** A stream with its head. */
interface OpenedStream {
  readonly stream: Http2.ServerHttp2Stream
  readonly headers: Http2.IncomingHttpHeaders
  readonly flags: number
  readonly raw: ReadonlyArray<string>
}

const ignore = (): void => {}

/**
 * Speaks HTTP/2 for a front.
 *
 * @param sweepMillis how often its connections are looked at, in milliseconds
 */
export const make = (context: Http2Context, sweepMillis = usualSweepMillis): Http2Connections =>
  new Http2Front(context, sweepMillis)
