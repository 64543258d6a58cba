/**
 * A visitor's request as a front gives it to its handler, whichever way it was
 * read.
 */
import type { RequestHead } from "../../protocol/Message.ts"
import { type Body, empty } from "../body/Body.ts"
import type { Cancel, Reply } from "../body/Handler.ts"
import type { VisitNotes } from "../observe/VisitNotes.ts"

/** A request and the connection that it came on. */
export interface FrontRequest {
  readonly head: RequestHead
  readonly body: Body
  /** The address of the other end of the socket, as Node writes it. */
  readonly address: string
  /** Whether this socket is TLS. */
  readonly secure: boolean
  /** The host that the visitor named in the TLS handshake, in lower case; `undefined` if it named none. */
  readonly serverName?: string | undefined
  /** Whether it asks for another protocol, and can be answered with 101. */
  readonly upgrade: boolean
  /** Records the outcome of the request, if somebody observes it. */
  readonly notes: VisitNotes | undefined
}

/**
 * Whether a request asks about the server as a whole, not about a resource (RFC 9110
 * 9.3.7). Fronts answer it by {@link serverWide}: no handler has such a target.
 */
export const isServerWide = (method: string, target: string): boolean =>
  method === "OPTIONS" && target === "*"

/** Answers `OPTIONS *`, by which clients find out whether the server is there. */
export const serverWide: FrontHandler = ({ body }, reply) => {
  body.discard()
  reply.respond({ status: 200, headers: [] }, empty)
  return () => {}
}

/** Answers a request; see `Handler`. What it returns is called when the exchange is over, however it ended. */
export type FrontHandler = (request: FrontRequest, reply: Reply) => Cancel
