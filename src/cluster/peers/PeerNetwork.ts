/**
 * How relays connect to each other: over sockets (`PeerSockets.ts`), in tests in
 * memory.
 */

import type { Duplex } from "node:stream"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** A connection could not be made, or an address not be listened on. */
export class PeerNetworkError extends Data.TaggedError("PeerNetworkError")<{
  readonly at: string
  readonly detail: string
}> {
  override get message(): string {
    return `${this.at}: ${this.detail}`
  }
}

/** An accepted connection, and the address from which it came; empty if it has none. */
export interface AcceptedPeer {
  readonly socket: Duplex
  readonly host: string
}

/** See the file's header. */
export interface PeerNetwork {
  /** Connects to an address as in `Member.at`, for `ReadBuffer.receive` to read from; calls `done` once, unless the returned function was called before. */
  connect(at: string, done: (socket: Duplex | PeerNetworkError) => void): () => void
  /** Accepts connections while the Scope is open; the address, with the port that was taken. */
  listen(
    at: string,
    accept: (peer: AcceptedPeer) => void,
  ): Effect.Effect<string, PeerNetworkError, Scope.Scope>
}
