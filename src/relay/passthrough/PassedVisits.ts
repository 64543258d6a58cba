/**
 * Connections of visitors whose TLS does not end at the relay: it reads the name
 * of the host only, and passes all bytes on to that server.
 */
import type { Socket } from "node:net"
import { headFor } from "../../protocol/PassedConnection.ts"
import type { FrontRequest } from "../../transport/front/FrontRequest.ts"
import { cutOff } from "../../transport/net/ConnectionClose.ts"
import type { Observe } from "../../transport/observe/VisitNotes.ts"
import { bodyOf, PassedSocket } from "../../transport/tls/PassedSocket.ts"
import type { ServerNameRoutes } from "../../transport/tls/ServerNameRouter.ts"
import type { DerivedConfig } from "../settings/DerivedConfig.ts"
import type { VisitorFront } from "../visitors/VisitorFront.ts"

/** What is needed of the relay. */
export interface PassedContext {
  readonly derived: () => DerivedConfig
  readonly visitors: VisitorFront
  readonly observe: Observe
}

/** See the file's header. */
export class PassedVisits implements ServerNameRoutes {
  private readonly context: PassedContext
  private readonly open = new Set<Socket>()

  constructor(context: PassedContext) {
    this.context = context
  }

  isWanted(): boolean {
    return this.context.derived().hasPassthrough
  }

  take(serverName: string, socket: Socket): boolean {
    const { observe, visitors } = this.context
    const name = visitors.passedThrough(serverName)
    if (name === undefined) return false
    this.open.add(socket)
    const address = socket.remoteAddress ?? ""
    const head = headFor(serverName)
    const notes = observe(head, address, "1.1")
    const request: FrontRequest = {
      head,
      body: bodyOf(socket, notes),
      address,
      secure: true,
      upgrade: false,
      notes,
    }
    const reply = new PassedSocket(socket, notes)
    const cancel = visitors.pass(name, request, reply)
    socket.once("close", () => {
      this.open.delete(socket)
      reply.close()
      cancel()
    })
    return true
  }

  /** Closes all connections. */
  close(): void {
    for (const socket of this.open) cutOff(socket)
  }
}
