/**
 * The reply to a request that Node's HTTP server has received, written through
 * Node's response object or, after a 101, to the socket.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import type { Failure } from "../../domain/Failure.ts"
import { type HeaderList, toRaw } from "../../domain/HeaderList.ts"
import type { InterimHead, ResponseHead } from "../../protocol/Message.ts"
import type { Body } from "../body/Body.ts"
import { count } from "../body/CountedBody.ts"
import { closeAfter, cutOff, makeLast } from "../net/ConnectionClose.ts"
import * as NodeBody from "../net/NodeBody.ts"
import type { Observe } from "../observe/VisitNotes.ts"
import { FrontReply, type ReplyRules } from "./FrontReply.ts"
import type { NodeUpgrade } from "./NodeUpgrade.ts"
import type { PipelineQueue } from "./PipelineQueue.ts"
import { interimText, planOf } from "./ResponsePlan.ts"
import type { UnreadSockets } from "./UnreadSockets.ts"

/** What the replies of a front share. */
export interface NodeReplyContext extends ReplyRules {
  /** The reply to the newest request of each connection. */
  readonly newest: WeakMap<Duplex, NodeReply>
  readonly pipeline: PipelineQueue
  /** Connections that speak HTTP. */
  readonly unread: UnreadSockets
  readonly isDraining: () => boolean
  readonly observe: Observe | undefined
}

/** The request that is replied to. */
export interface NodeCall {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly headers: HeaderList
  readonly hasBody: boolean
  /** Its socket, if it can be answered with 101. */
  readonly upgrade: NodeUpgrade | undefined
}

/** See the file's header. */
export class NodeReply extends FrontReply {
  private readonly context: NodeReplyContext
  private readonly request: IncomingMessage
  private readonly response: ServerResponse
  private readonly upgrade: NodeUpgrade | undefined
  private readonly hasRequestBody: boolean
  /** The reply that goes out before this one, on the same connection (RFC 9112 9.3.2). */
  private previous: NodeReply | undefined

  constructor(context: NodeReplyContext, call: NodeCall) {
    const { headers, request, response } = call
    const { method = "", socket, url = "" } = request
    const head = { method, target: url, headers }
    const notes = context.observe?.(head, socket.remoteAddress ?? "", request.httpVersion)
    super(head, context, notes)
    this.context = context
    this.request = request
    this.response = response
    this.upgrade = call.upgrade
    this.hasRequestBody = call.hasBody
    const previous = context.newest.get(socket)
    this.previous = previous?.isOpen === true ? previous : undefined
    context.newest.set(socket, this)
    request.on("error", ignore)
    response.on("error", ignore)
    response.on("close", () => this.giveUp())
  }

  protected override get canUpgrade(): boolean {
    return this.upgrade !== undefined
  }

  /** Whether the response is not written whole. */
  get isOpen(): boolean {
    return this.state !== "Over" && !this.response.writableEnded
  }

  /** Whether the next bytes on the connection belong to this request. */
  get isReceiving(): boolean {
    return this.isOpen && !this.request.complete
  }

  /** Whether a refusal of this request may be the next response on the connection. */
  get isRefusable(): boolean {
    return this.state === "Waiting" && this.isReceiving && this.previous?.isOpen !== true
  }

  /** Whether no other request may follow on the connection: the visitor sends no more, or the front drains. */
  private get isLast(): boolean {
    return this.context.isDraining() || this.request.socket.readableEnded
  }

  /** The first reply on the connection that is not written whole, up to this one. */
  get current(): NodeReply | undefined {
    return this.previous?.current ?? (this.isOpen ? this : undefined)
  }

  /** Whether no other request has come on the connection since. */
  private get isNewest(): boolean {
    const { socket } = this.request
    return this.context.newest.get(socket) === this && !this.context.pipeline.isAwaited(socket)
  }

  /** The same body, its bytes noted. */
  noted(body: Body, direction: "received" | "sent"): Body {
    const { notes } = this
    if (notes === undefined || body.whole !== undefined) return body
    return count(body, { bytes: (bytes) => notes[direction](bytes) })
  }

  /** Asks for the body of a request with `Expect: 100-continue`. */
  writeContinue(): void {
    if (this.state === "Waiting" && this.response.writable) this.response.writeContinue()
  }

  override moved(): void {
    this.previous?.moved()
    super.moved()
  }

  override giveUp(): void {
    this.previous = undefined
    this.end(this.response.writableFinished)
  }

  /** Refuses a request that no handler has got; the connection closes after the response. */
  refuse(failure: Failure): void {
    closeAfter(this.request, this.response)
    this.writeFailure(failure)
  }

  /** Not to HTTP/1.0, and not before the responses to earlier requests of the connection. */
  protected writeInterim(head: InterimHead): void {
    const { socket } = this.response
    if (this.request.httpVersion === "1.0" || socket === null || socket.writableNeedDrain) return
    socket.write(interimText(head), "latin1")
  }

  protected write(head: ResponseHead, body: Body, sent: (() => void) | undefined): void {
    if (head.status === 101) return this.writeUpgrade(head, body, sent)
    const { request, response } = this
    if (sent !== undefined) response.once("finish", sent)
    const { chunked, headers, offersUpgrade, streamed, whole } = planOf(
      request.method ?? "GET",
      head,
      body,
      request.httpVersion !== "1.0",
    )
    this.isChunked = chunked
    if (this.hasRequestBody && !request.complete) closeAfter(request, response)
    else if (this.isLast && this.isNewest) makeLast(request, response)
    const fields = toRaw(headers)
    // Node adds what else Connection says only where there is none.
    if (offersUpgrade)
      fields.push("Connection", response.shouldKeepAlive ? "Upgrade" : "Upgrade, close")
    response.writeHead(head.status, fields)
    this.notes?.answered(head.status)
    if (streamed === undefined) {
      response.end(whole)
      if (whole !== undefined) this.notes?.sent(whole.length)
      return
    }
    setImmediate(flushHead, response)
    this.flow = NodeBody.writeTo(this.noted(streamed, "sent"), response, {
      ended: ignore,
      failed: () => cutOff(request.socket),
    })
  }

  /** From here on the connection belongs to the visitor and the handler. */
  private writeUpgrade(head: ResponseHead, body: Body, sent: (() => void) | undefined): void {
    const { response, upgrade } = this
    if (upgrade === undefined) return body.discard()
    response.detachSocket(upgrade.socket as Socket)
    this.context.unread.leave(this.request.socket)
    upgrade.writeHead(head)
    this.notes?.answered(head.status)
    this.flow = NodeBody.writeTo(this.noted(body, "sent"), upgrade.socket, {
      ended: () => sent?.(),
      failed: () => cutOff(upgrade.socket),
    })
    upgrade.open()
  }
}

const ignore = (): void => {}

/** A head does not wait for a body that is slow to come. */
const flushHead = (response: ServerResponse): void => {
  if (!response.destroyed && !response.writableEnded) response.flushHeaders()
}
