/**
 * Why a server is not connected, for its log and for what it tries next.
 */
import type { IncomingHttpHeaders } from "node:http"
import * as Data from "effect/Data"
import { header } from "../../protocol/Wire.ts"

/**
 * `untrusted`: TLS does not take the relay's certificate; `impossible`: something answers, but does not speak this transport;
 * `limited`: 429, too much has come from this address; `crowded`: 429, this server has too many links; the other reasons say
 * what they mean.
 */
export class ListenError extends Data.TaggedError("ListenError")<{
  readonly reason:
    | "unreachable"
    | "untrusted"
    | "refused"
    | "limited"
    | "crowded"
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

/** Node's codes for certificates that do not verify, which OpenSSL and Node itself name. */
const untrustedCode =
  /(?:^|_)CERT(?:_|$)|^UNABLE_TO_VERIFY_LEAF_SIGNATURE$|^INVALID_(?:CA|PURPOSE)$|^HOSTNAME_MISMATCH$/

/** Why there is no connection, by the code of Node's error. */
export const unconnected = (code: string): "untrusted" | "unreachable" =>
  untrustedCode.test(code) ? "untrusted" : "unreachable"

/** The longest wait that is asked for and kept, in milliseconds. */
const longestRetry = 300_000

/** What a 429 says, by its `Retry-After` (RFC 9110 10.2.3). */
export const limited = (headers: IncomingHttpHeaders, detail: string, now: number): ListenError => {
  const field = headers["retry-after"] ?? ""
  const millis = /^\d+$/.test(field) ? Number(field) * 1000 : Date.parse(field) - now
  return new ListenError({
    reason: headers[header.code] === "PTTH_TOO_MANY_LINKS" ? "crowded" : "limited",
    detail,
    retryMillis: millis > 0 ? Math.min(millis, longestRetry) : undefined,
  })
}
