/**
 * A visitor's connection while its requests are plain (`PlainRequest.ts`):
 * they are read and answered on the socket directly, one after the other, which
 * costs a fraction of Node's parser and response object. With the first request
 * that is not plain, the connection goes to Node's HTTP server and stays there.
 */
import type { Socket } from "node:net"
import {
  type PlainRequest,
  recognise,
  withEncodedTarget,
} from "../../protocol/http/PlainRequest.ts"
import { empty, fromBytes } from "../body/Body.ts"
import { endSoon } from "../net/ConnectionClose.ts"
import { serverNameOf } from "../net/TlsHandshake.ts"
import type { Observe } from "../observe/VisitNotes.ts"
import type { ReplyRules } from "./FrontReply.ts"
import type { FrontHandler } from "./FrontRequest.ts"
import * as HalfClosed from "./HalfClosed.ts"
import { PlainReply, type PlainTurn } from "./PlainReply.ts"

/** What the plain connections of a front have in common. */
export interface PlainContext extends ReplyRules {
  readonly handler: FrontHandler
  readonly observe: Observe | undefined
  /** Whether a target is for a handler that needs Node's request object. */
  readonly needsNode: (target: string) => boolean
  /** Gives a connection to Node's HTTP server, after the bytes that were read were put back. */
  readonly handOver: (socket: Socket) => void
  readonly isDraining: () => boolean
  /** The largest head of a plain request, in bytes; Node's HTTP server refuses a larger one. */
  readonly maxHead: number
  /** How long a new connection may take to send a request, in milliseconds. */
  readonly headMillis: number
  /** How long a connection may be idle after a response, in milliseconds. */
  readonly keepAliveMillis: number
}

const sweepMillis = 5_000

/** How long the other end of an idle connection has to close it when the front stops, in milliseconds: no response can be lost. */
export const idleLingerMillis = 200

/** The plain connections of one front. */
export class PlainConnections {
  private readonly open = new Map<Socket, PlainConnection>()
  private readonly context: PlainContext
  /** Runs while there are connections. */
  private timer: NodeJS.Timeout | undefined

  constructor(context: PlainContext) {
    this.context = context
  }

  /** Takes a new connection. */
  accept(socket: Socket): void {
    const connection = new PlainConnection(this.context, socket, () => this.open.delete(socket))
    this.open.set(socket, connection)
    this.timer ??= setInterval(() => this.sweep(), sweepMillis).unref()
  }

  /** The other end reads, if slowly. */
  moved(socket: Socket): void {
    this.open.get(socket)?.moved()
  }

  /** Closes the connections that wait for another request. */
  closeIdle(): void {
    for (const connection of this.open.values()) connection.closeIfIdle()
  }

  /** Whether a connection has sent no request yet. */
  get hasNew(): boolean {
    for (const connection of this.open.values()) if (connection.isNew) return true
    return false
  }

  /** Closes the connections that have sent no request yet. */
  closeNew(): void {
    for (const connection of this.open.values()) if (connection.isNew) connection.destroy()
  }

  /** Closes all connections at once. */
  close(): void {
    clearInterval(this.timer)
    for (const connection of this.open.values()) connection.destroy()
  }

  private sweep(): void {
    for (const connection of this.open.values()) connection.addIdle(sweepMillis)
    if (this.open.size > 0) return
    clearInterval(this.timer)
    this.timer = undefined
  }
}

/** See the file's header. */
class PlainConnection implements PlainTurn {
  private readonly context: PlainContext
  private readonly socket: Socket
  private readonly onGone: () => void
  /** The host in the handshake, which is over. */
  private readonly serverName: string | undefined
  private reply: PlainReply | undefined
  /** `New`: no request yet; `Busy`: one is being answered, or about to be read; `Idle`: between two; `Ending`: no more is read. */
  private state: "New" | "Busy" | "Idle" | "Ending" = "New"
  /** Bytes behind the request that is being answered. */
  private ahead: Buffer | undefined
  private idleMillis = 0
  private closing = false

  constructor(context: PlainContext, socket: Socket, onGone: () => void) {
    this.context = context
    this.socket = socket
    this.onGone = onGone
    this.serverName = serverNameOf(socket)
    socket.on("data", this.onData)
    socket.on("end", this.onEnd)
    socket.on("close", this.onClose)
    socket.on("drain", this.onDrain)
    socket.on("error", ignore)
  }

  destroy(): void {
    this.socket.destroy()
  }

  /** Whether no byte of a request has come. */
  get isNew(): boolean {
    return this.state === "New"
  }

  moved(): void {
    this.reply?.moved()
  }

  /** A new connection stays: its first request may be under way. */
  closeIfIdle(): void {
    if (this.state === "Idle") this.end(idleLingerMillis)
  }

  /** Adds to the time without a request; closes the connection when that is too long. */
  addIdle(millis: number): void {
    if (this.state === "Busy") return
    this.idleMillis += millis
    const { headMillis, keepAliveMillis } = this.context
    if (this.state === "Idle" && this.idleMillis > keepAliveMillis) this.end()
    if (this.state === "New" && this.idleMillis > headMillis) this.socket.destroy()
  }

  /** Bytes behind the request that is being answered are the last that are read until then. */
  private readonly onData = (chunk: Buffer): void => {
    if (this.state !== "Busy") return this.take(chunk)
    this.ahead = chunk
    this.socket.pause()
  }

  private readonly onDrain = (): void => this.reply?.resume()

  /** The visitor sends no more, but may still read. */
  private readonly onEnd = (): void => {
    this.closing = true
    if (this.reply === undefined) this.socket.end()
    else HalfClosed.watch(this.socket, () => this.reply?.nextWrite ?? "Nothing")
  }

  private readonly onClose = (): void => {
    this.reply?.giveUp()
    this.onGone()
  }

  private take(bytes: Buffer): void {
    const request = recognise(bytes)
    // Requests that come together are pipelined, which is left to Node's server.
    if (
      request?.end !== bytes.length ||
      request.bodyAt > this.context.maxHead ||
      this.context.needsNode(request.target)
    )
      return this.handOver(bytes)
    this.state = "Busy"
    this.idleMillis = 0
    if (request.closes) this.closing = true
    const { context, socket } = this
    const address = socket.remoteAddress ?? ""
    const notes = context.observe?.(request, address, "1.1")
    const reply = new PlainReply(socket, request, context, notes, this)
    this.reply = reply
    if (request.end > request.bodyAt) notes?.received(request.end - request.bodyAt)
    reply.start(
      context.handler(
        {
          head: request,
          body: bodyOf(request, bytes),
          address,
          secure: "encrypted" in socket,
          serverName: this.serverName,
          upgrade: false,
          notes,
        },
        reply,
      ),
    )
  }

  private handOver(bytes: Buffer): void {
    const { socket } = this
    socket.off("data", this.onData)
    socket.off("end", this.onEnd)
    socket.off("close", this.onClose)
    socket.off("drain", this.onDrain)
    socket.off("error", ignore)
    this.onGone()
    socket.unshift(withEncodedTarget(bytes))
    this.context.handOver(socket)
    if (socket.isPaused()) socket.resume()
  }

  /** See {@link PlainTurn}. */
  isLast(): boolean {
    if (this.context.isDraining() && this.ahead === undefined) this.closing = true
    return this.closing
  }

  /** See {@link PlainTurn}. */
  next(): void {
    this.reply = undefined
    if (this.isLast()) this.end()
    else if (this.ahead === undefined) this.state = "Idle"
    else setImmediate(this.takeAhead)
  }

  /** Closes the connection; what still comes on it is thrown away, for `millis` milliseconds if that is given. */
  private end(millis?: number): void {
    const { socket } = this
    this.state = "Ending"
    socket.off("data", this.onData)
    endSoon(socket, millis)
  }

  private readonly takeAhead = (): void => {
    const bytes = this.ahead
    this.state = "Idle"
    this.ahead = undefined
    if (bytes === undefined || this.socket.destroyed) return
    this.take(bytes)
    if (this.ahead === undefined && this.socket.isPaused()) this.socket.resume()
  }
}

const bodyOf = ({ bodyAt, end }: PlainRequest, bytes: Buffer) =>
  bodyAt === end ? empty : fromBytes(bytes.subarray(bodyAt, end))

const ignore = (): void => {}
