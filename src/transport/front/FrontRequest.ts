/**
 * What a front hands to whoever answers its visitors, whichever way the
 * request was read.
 */
import type { RequestHead } from "../../protocol/Message.ts"
import type { Body } from "../body/Body.ts"
import type { Cancel, Reply } from "../body/Handler.ts"
import type { VisitNotes } from "../observe/VisitNotes.ts"

/** A visitor's request and what is known of the connection it came on. */
export interface FrontRequest {
  readonly head: RequestHead
  readonly body: Body
  /** The address of the other end of the socket, as Node writes it. */
  readonly address: string
  /** Whether this socket is TLS. */
  readonly secure: boolean
  /** Whether it asks for another protocol, and can be answered with 101. */
  readonly upgrade: boolean
  /** Where what becomes of it is noted, if anybody does. */
  readonly notes: VisitNotes | undefined
}

/** Answers a visitor; see `Handler`. What it returns is called when the exchange is over, however it has ended. */
export type FrontHandler = (request: FrontRequest, reply: Reply) => Cancel
