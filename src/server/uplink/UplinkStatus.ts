/**
 * What is known of a server's connection to its relay at one moment, for those
 * who look at a server that runs.
 */
import type { ListenError } from "./ListenError.ts"

/** How a server is connected. */
export type Transport = "classic 1" | "classic 2" | "stream"

/** The failure that was last. */
export interface LastFailure {
  /** In milliseconds since 1970. */
  readonly at: number
  readonly reason: ListenError["reason"]
  /** What happened, as the rest of a sentence about the relay. */
  readonly detail: string
  readonly code: string | undefined
}

/** See the file's header. */
export interface UplinkStatus {
  /** `undefined` while it is not connected. */
  readonly transport: Transport | undefined
  /** The address for visitors, once the relay was reached. */
  readonly url: string | undefined
  /** How many WebSockets are open; 0 with classic. */
  readonly links: number
  /** The shortest round trip of a link in milliseconds, where there is one. */
  readonly roundTrip: number | undefined
  /** How many requests run. */
  readonly requests: number
  /** The last failure, if the server has not connected since. */
  readonly lastFailure: LastFailure | undefined
}
