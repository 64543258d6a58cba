/**
 * A visitor's connection for as long as its requests are plain: read and
 * answered on the socket itself, one after the other, at a fraction of what
 * Node's parser and response object cost. The first request that is anything
 * else takes the connection to Node's HTTP server, where it stays.
 */
import type { Socket } from "node:net"
import type { Failure, RenderedFailure } from "../../domain/Failure.ts"
import { type PlainRequest, recognise } from "../../protocol/http/PlainRequest.ts"
import { empty, fromBytes } from "../body/Body.ts"
import type { Observe } from "../observe/VisitNotes.ts"
import type { FrontHandler } from "./FrontRequest.ts"
import { PlainAnswer } from "./PlainAnswer.ts"

/** What the plain connections of a front have in common. */
export interface PlainContext {
  readonly handler: FrontHandler
  /** Renders a failure in the form that the visitor's Accept field asks for. */
  readonly failure: (failure: Failure, accept: string | undefined) => RenderedFailure
  readonly observe: Observe | undefined
  /** Whether a target is for somebody who needs Node's own request. */
  readonly isForeign: (target: string) => boolean
  /** Gives a connection to Node's HTTP server; what was read of it has been put back. */
  readonly handOver: (socket: Socket) => void
  readonly isDraining: () => boolean
  /** A request with a larger head, in bytes, is left to Node's HTTP server to refuse. */
  readonly maxHead: number
  /** How long the first request may take to come, in milliseconds. */
  readonly headMillis: number
  /** How long a connection may be without a request after that, in milliseconds. */
  readonly keepAliveMillis: number
}

/** What comes during an answer is kept up to here; then the visitor has to wait. */
const maxAhead = 64 * 1024

const sweepMillis = 5_000

/** The plain connections of one front. */
export class PlainConnections {
  private readonly open = new Map<Socket, PlainConnection>()
  private readonly context: PlainContext
  private readonly timer: NodeJS.Timeout

  constructor(context: PlainContext) {
    this.context = context
    this.timer = setInterval(() => this.sweep(), sweepMillis)
    this.timer.unref()
  }

  /** Takes a connection that has just been accepted. */
  accept(socket: Socket): void {
    const connection = new PlainConnection(this.context, socket, () => this.open.delete(socket))
    this.open.set(socket, connection)
  }

  /** Whoever is at the other end reads, if only slowly. */
  moved(socket: Socket): void {
    this.open.get(socket)?.moved()
  }

  /** Closes the connections that wait for another request. */
  closeIdle(): void {
    for (const connection of this.open.values()) connection.closeIfIdle()
  }

  /** Closes all of them, whatever runs. */
  close(): void {
    clearInterval(this.timer)
    for (const connection of this.open.values()) connection.destroy()
  }

  private sweep(): void {
    for (const connection of this.open.values()) connection.age(sweepMillis)
  }
}

/** See the file's header. */
class PlainConnection {
  private readonly context: PlainContext
  private readonly socket: Socket
  private readonly onLeft: () => void
  private answer: PlainAnswer | undefined
  /** A request is being answered, or the next one is about to be looked at. */
  private busy = false
  /** What has come behind the request that is being answered. */
  private ahead: Buffer | undefined
  private idleFor = 0
  private served = false
  private last = false

  constructor(context: PlainContext, socket: Socket, onLeft: () => void) {
    this.context = context
    this.socket = socket
    this.onLeft = onLeft
    socket.on("data", this.onData)
    socket.on("end", this.onEnd)
    socket.on("close", this.onClose)
    socket.on("drain", this.onDrain)
    socket.on("error", ignore)
  }

  destroy(): void {
    this.socket.destroy()
  }

  moved(): void {
    this.answer?.moved()
  }

  /** A visitor who has only just connected may still ask. */
  closeIfIdle(): void {
    if (!this.busy && this.served) this.socket.destroy()
  }

  /** It is closed if it has waited for a request for too long. */
  age(millis: number): void {
    if (this.busy) return
    this.idleFor += millis
    const { headMillis, keepAliveMillis } = this.context
    if (this.idleFor > (this.served ? keepAliveMillis : headMillis)) this.socket.destroy()
  }

  private readonly onData = (chunk: Buffer): void => {
    if (!this.busy) return this.take(chunk)
    this.ahead = this.ahead === undefined ? chunk : Buffer.concat([this.ahead, chunk])
    if (this.ahead.length > maxAhead) this.socket.pause()
  }

  private readonly onDrain = (): void => this.answer?.resume()

  private readonly onEnd = (): void => {
    this.last = true
    this.answer?.giveUp()
    this.socket.end()
  }

  private readonly onClose = (): void => {
    this.answer?.giveUp()
    this.onLeft()
  }

  private take(bytes: Buffer): void {
    const request = recognise(bytes)
    // Several in one go are answered side by side, which is not plain.
    if (
      request?.end !== bytes.length ||
      request.bodyAt > this.context.maxHead ||
      this.context.isForeign(request.target)
    )
      return this.handOver(bytes)
    this.busy = true
    this.idleFor = 0
    this.served = true
    const { context, socket } = this
    const address = socket.remoteAddress ?? ""
    const notes = context.observe?.(request, address, "1.1")
    const answer = new PlainAnswer(socket, request, context.failure, notes, this)
    this.answer = answer
    if (request.end > request.bodyAt) notes?.received(request.end - request.bodyAt)
    answer.start(
      context.handler(
        {
          head: request,
          body: bodyOf(request, bytes),
          address,
          secure: "encrypted" in socket,
          upgrade: false,
          notes,
        },
        answer,
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
    this.onLeft()
    socket.unshift(bytes)
    this.context.handOver(socket)
    if (socket.isPaused()) socket.resume()
  }

  /** Whether the answer that is about to be written is the connection's last. */
  isLast(): boolean {
    if (this.context.isDraining() && this.ahead === undefined) this.last = true
    return this.last
  }

  /** The answer has been given to the network. */
  next(): void {
    this.answer = undefined
    if (this.isLast()) this.socket.end()
    else if (this.ahead === undefined) this.busy = false
    else setImmediate(this.takeAhead)
  }

  private readonly takeAhead = (): void => {
    const bytes = this.ahead
    this.busy = false
    this.ahead = undefined
    if (bytes === undefined || this.socket.destroyed) return
    this.take(bytes)
    if (this.ahead === undefined && this.socket.isPaused()) this.socket.resume()
  }
}

const bodyOf = ({ bodyAt, end }: PlainRequest, bytes: Buffer) =>
  bodyAt === end ? empty : fromBytes(bytes.subarray(bodyAt, end))

const ignore = (): void => {}
