/**
 * Why a server is not connected. Decides what is logged, how long the server
 * waits, and whether it tries another transport.
 */
import type { IncomingHttpHeaders } from "node:http"
import * as Data from "effect/Data"
import type { ErrorCode } from "../../domain/ErrorRegistry.ts"
import { header } from "../../protocol/Wire.ts"

/** The codes of what may be wrong with the relay or its address. */
export type RelayFaultCode = Extract<
  ErrorCode,
  | `PTTH_RELAY_${string}`
  | "PTTH_NOT_A_RELAY"
  | "PTTH_NO_WEBSOCKETS"
  | "PTTH_PROXY_REFUSED"
  | "PTTH_NEEDS_STREAM"
  | "PTTH_TICKET_REFUSED"
>

/**
 * - `unreachable`: there is no connection, or it broke.
 * - `untrusted`: the certificate of the relay is not accepted.
 * - `refused`: the relay does not know the key.
 * - `limited`: 429, this address has sent too much.
 * - `crowded`: 429, this server has too many links.
 * - `shutting down`: the relay drains.
 * - `elsewhere`: 409, the relay is one of those that were not to accept the link.
 * - `needs stream`: 426, the relay passes on connections, which classic does not carry.
 * - `unexpected`: the response is not that of a relay.
 * - `impossible`: something answers, but does not speak this transport.
 */
export class ListenError extends Data.TaggedError("ListenError")<{
  readonly reason:
    | "unreachable"
    | "untrusted"
    | "refused"
    | "limited"
    | "crowded"
    | "shutting down"
    | "elsewhere"
    | "needs stream"
    | "unexpected"
    | "impossible"
  /** What happened, as the rest of a sentence about the relay or its address. */
  readonly detail: string
  /** The code of `ErrorRegistry.ts`, where the reason alone does not give it. */
  readonly code?: RelayFaultCode | undefined
  /** What to do this time, as a sentence; the registry's remedy by default. */
  readonly remedy?: string | undefined
  /** How long the relay asks to wait, in milliseconds. */
  readonly retryMillis?: number | undefined
}> {
  override get message(): string {
    return `${this.reason}: ${this.detail}`
  }
}

/** The longest wait that a relay may ask for, in milliseconds. */
const longestRetry = 300_000

/** The error for a 429 response, with the wait of its `Retry-After` (RFC 9110 10.2.3). */
export const limited = (headers: IncomingHttpHeaders, detail: string, now: number): ListenError => {
  const field = headers["retry-after"] ?? ""
  const millis = /^\d+$/.test(field) ? Number(field) * 1000 : Date.parse(field) - now
  return new ListenError({
    reason: headers[header.code] === "PTTH_TOO_MANY_LINKS" ? "crowded" : "limited",
    detail,
    retryMillis: millis > 0 ? Math.min(millis, longestRetry) : undefined,
  })
}
