/**
 * A visitor's connection at the relay that is passed on unread: its bytes as the
 * body of a request, and the reply to that on the connection.
 */
import type { Socket } from "node:net"
import type { ExchangeError } from "../../protocol/Exchange.ts"
import type { ResponseHead } from "../../protocol/Message.ts"
import type { Body, BodyFlow } from "../body/Body.ts"
import * as CountedBody from "../body/CountedBody.ts"
import type { Reply } from "../body/Handler.ts"
import { cutOff, endWith } from "../net/ConnectionClose.ts"
import * as NodeBody from "../net/NodeBody.ts"
import type { VisitNotes } from "../observe/VisitNotes.ts"
import * as ProxyHead from "./ProxyHead.ts"

/** After how long without traffic the kernel asks whether the visitor is there, in milliseconds. */
const keepAliveMillis = 60_000

/** Fatal alert "internal_error" before any handshake (RFC 8446 6). */
const alert = Buffer.from([21, 3, 3, 0, 2, 2, 80])

/** The bytes of a connection, behind the head that says where it comes from. */
export const bodyOf = (socket: Socket, notes: VisitNotes | undefined): Body =>
  CountedBody.count(
    {
      length: undefined,
      whole: undefined,
      discard: () => {},
      read: (sink) => {
        socket.unshift(
          ProxyHead.write({
            address: socket.remoteAddress ?? "",
            port: socket.remotePort ?? 0,
            localAddress: socket.localAddress ?? "",
            localPort: socket.localPort ?? 0,
          }),
        )
        return NodeBody.readDuplex(socket, sink)
      },
    },
    { bytes: (count) => notes?.received(count) },
  )

/** Answers on the connection. A refusal is an alert of TLS, since nothing else can be said before a handshake. */
export class PassedSocket implements Reply {
  private readonly socket: Socket
  private readonly notes: VisitNotes | undefined
  private flow: BodyFlow | undefined
  private isAnswered = false

  constructor(socket: Socket, notes: VisitNotes | undefined) {
    this.socket = socket
    this.notes = notes
    socket.allowHalfOpen = true
    socket.setNoDelay(true)
    socket.setKeepAlive(true, keepAliveMillis)
    socket.on("error", () => {})
  }

  respond(head: ResponseHead, body: Body, sent?: () => void): void {
    if (this.isAnswered || this.socket.destroyed) return body.discard()
    this.isAnswered = true
    this.notes?.answered(head.status)
    if (head.status !== 200) {
      body.discard()
      return this.refuse()
    }
    const counted = CountedBody.count(body, { bytes: (count) => this.notes?.sent(count) })
    this.flow = NodeBody.writeTo(counted, this.socket, {
      ended: () => {
        this.notes?.over(true)
        sent?.()
      },
      failed: () => cutOff(this.socket),
    })
  }

  fail(error: ExchangeError): void {
    if (this.isAnswered || this.socket.destroyed) return
    this.isAnswered = true
    this.notes?.failed(error.code)
    this.notes?.answered(error.failure.status)
    this.refuse()
  }

  /** The connection is closed. Which end closed it first does not matter: TLS tells the ends whether all has come. */
  close(): void {
    this.flow?.cancel()
    this.notes?.over(this.isAnswered)
  }

  private refuse(): void {
    this.notes?.over(true)
    endWith(this.socket, alert)
  }
}
