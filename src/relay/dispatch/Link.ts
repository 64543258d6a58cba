/**
 * A way to reach a server: what every dialect offers the rendezvous. A server
 * may have several links, of one process or of many.
 */
import type { ServerName } from "../../domain/ServerName.ts"
import type { Tripcode } from "../../domain/Tripcode.ts"
import type { TransportName } from "../../protocol/TransportName.ts"
import type { Carrier, Pending } from "./Pending.ts"

/** One link of one server. */
export interface Link extends Carrier {
  readonly name: ServerName
  /** Which of the server's keys it has shown. */
  readonly tripcode: Tripcode
  /** Which process of the server it is: a text of its own for each, where it says. */
  readonly instance: string
  readonly transport: TransportName
  /** Why it is this transport and no better one, in the server's words; empty if there is nothing to say. */
  readonly reason: string
  /** The server's program and its version, in its own words; empty if it does not say. */
  readonly program: string
  /** How many requests it takes right now; 0: none until it says `ready`. */
  capacity(): number
  /** Hands requests over, at most `capacity()` of them. The link calls `pending.offered` for each that it takes and gives back those that it does not. */
  offer(requests: ReadonlyArray<Pending>): ReadonlyArray<Pending>
  /** Ends it: its server is no longer known, or has another key. */
  revoke(): void
  /** No more requests are coming; what was handed over goes on. */
  drain(): void
}
