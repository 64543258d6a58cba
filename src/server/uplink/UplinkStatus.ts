/**
 * What is known of a server's connection to its relay at one moment, for those
 * who look at a server that runs.
 */
import type { ListenError } from "./ListenError.ts"
import type { UplinkState } from "./UplinkState.ts"

/** The failure that was last. */
export interface LastFailure {
  /** In milliseconds since 1970. */
  readonly at: number
  readonly error: ListenError
}

/** See the file's header. */
export interface UplinkStatus {
  readonly state: UplinkState
  /** The address for visitors, once the relay was reached. */
  readonly url: string | undefined
  /** How many requests run. */
  readonly requests: number
  /** The last failure, if the server has not connected since. */
  readonly lastFailure: LastFailure | undefined
}
