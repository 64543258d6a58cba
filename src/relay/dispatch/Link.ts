/**
 * A connection of a server process over which requests reach it. Each
 * transport implements it; a server may have several, of one process or of many.
 */
import type { ServerName } from "../../domain/ServerName.ts"
import type { Tripcode } from "../../domain/Tripcode.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import type { TransportName } from "../../protocol/TransportName.ts"
import type { Carrier, Pending } from "./Pending.ts"
import type { Refusal } from "./TransportRefusal.ts"

/** The links that one peer has of a server, which are used when none of this relay takes the request. */
export interface PeerLinks extends Link {
  /** The rendezvous waits for room: `ready` is to be called once there may be some. */
  awaitRoom(): void
}

/** One link of one server. */
export interface Link extends Carrier {
  readonly name: ServerName
  /** Which of the server's keys it was opened with. */
  readonly tripcode: Tripcode
  /** An id of the server process, chosen by it; empty if it sends none. */
  readonly instance: string
  readonly transport: TransportName
  /** Why no better transport is used, in the server's words; empty if it gives no reason. */
  readonly reason: string
  /** The server's program and its version, in its own words; empty if it sends none. */
  readonly program: string
  /** Its number among those of its process, in the server's notation. */
  readonly number: string
  /** How many requests it takes right now; 0 until the link calls `Rendezvous.ready`. */
  capacity(): number
  /** How many more requests its server has places for, however busy the connection is; `undefined` if it takes no requests. */
  places(): number | undefined
  /** Why it cannot carry a request, which other links of the server may; `undefined` if it can. */
  refusal(head: RequestHead): Refusal | undefined
  /** For how long its server may begin a request that it is handed now, in milliseconds, as far as other relays do not count with that anyway. */
  beginMillis(): number
  /** Sends requests to the server, at most `capacity()` of them. The link calls `pending.offered` for each that it takes and returns the others. */
  offer(requests: ReadonlyArray<Pending>): ReadonlyArray<Pending>
  /** Ends it: its server is no longer registered, or has another key. */
  revoke(): void
  /** Ends it; its server may open another one. */
  disconnect(reason: string): void
  /** It takes no more requests; those that run continue. */
  drain(): void
}
