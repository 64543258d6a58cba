/**
 * Why a server is not connected, for its log and for what it tries next.
 */
import type { IncomingHttpHeaders } from "node:http"
import * as Data from "effect/Data"

/**
 * `impossible`: something answers, but does not speak this transport;
 * `limited`: 429, too much has come from this address; the other reasons say
 * what they mean.
 */
export class ListenError extends Data.TaggedError("ListenError")<{
  readonly reason:
    | "unreachable"
    | "refused"
    | "limited"
    | "shutting down"
    | "unexpected"
    | "impossible"
  readonly detail: string
  /** How long the relay asks to be left alone, in milliseconds. */
  readonly retryMillis?: number | undefined
}> {
  override get message(): string {
    return `${this.reason}: ${this.detail}`
  }
}

/** The longest wait that is asked for and kept, in milliseconds. */
const longestRetry = 300_000

/** What a 429 says, by its `Retry-After` (RFC 9110 10.2.3). */
export const limited = (headers: IncomingHttpHeaders, detail: string, now: number): ListenError => {
  const field = headers["retry-after"] ?? ""
  const millis = /^\d+$/.test(field) ? Number(field) * 1000 : Date.parse(field) - now
  return new ListenError({
    reason: "limited",
    detail,
    retryMillis: millis > 0 ? Math.min(millis, longestRetry) : undefined,
  })
}
