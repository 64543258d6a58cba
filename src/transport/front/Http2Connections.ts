/**
 * What a front expects of HTTP/2: it hands on connections whose visitors have
 * chosen it, and what it knows for its own requests. `transport/h2` has it.
 */
import type * as Http from "node:http"
import type { TLSSocket } from "node:tls"
import type { Observe } from "../observe/VisitNotes.ts"
import type { ReplyRules } from "./FrontReply.ts"
import type { FrontHandler } from "./FrontRequest.ts"

/** What the front gives. */
export interface Http2Context extends ReplyRules {
  readonly handler: FrontHandler
  readonly observe: Observe | undefined
  /** Whether a target may be for `intercept`, which needs Node's request object. */
  readonly needsNode: (target: string) => boolean
  /** Takes a request instead of the handler; `true` means taken. */
  readonly intercept: (request: Http.IncomingMessage, response: Http.ServerResponse) => boolean
  readonly isDraining: () => boolean
  /** The largest head of a request, in bytes. */
  readonly maxHead: number
  /** How long a new connection may take to send a request, in milliseconds. */
  readonly headMillis: number
  /** How long a connection may be idle after a response, in milliseconds. */
  readonly keepAliveMillis: number
  /** How long a visitor may read nothing of a response, in milliseconds. */
  readonly idleMillis: () => number
}

/** The connections of a front that speak HTTP/2. */
export interface Http2Connections {
  /** Takes a connection after its handshake. */
  readonly accept: (socket: TLSSocket) => void
  /** Tells all visitors to send no more requests on these connections, which close after their responses. */
  readonly closeIdle: () => void
  /** Closes all connections at once. */
  readonly close: () => void
}

/** Makes them for a front. */
export type MakeHttp2 = (context: Http2Context) => Http2Connections
