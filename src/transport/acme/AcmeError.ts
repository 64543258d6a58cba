/**
 * Why there is no certificate.
 */
import * as Data from "effect/Data"
import { entry } from "../../domain/ErrorRegistry.ts"

/** The codes of {@link AcmeError}. */
export const acmeErrorCodes = [
  "PTTH_ACME_UNREACHABLE",
  "PTTH_ACME_REFUSED",
  "PTTH_ACME_CHALLENGE",
  "PTTH_ACME_LIMIT",
  "PTTH_ACME_CLOCK",
  "PTTH_STATE_UNUSABLE",
] as const

/** The codes of {@link AcmeError}. */
export type AcmeErrorCode = (typeof acmeErrorCodes)[number]

/** See the file's header. */
export class AcmeError extends Data.TaggedError("AcmeError")<{
  readonly code: AcmeErrorCode
  /** A text without a full stop at its end. */
  readonly detail: string
  /** The type of a problem document of the authority (RFC 8555 6.7), without its prefix. */
  readonly type?: string | undefined
  /** How long the authority asks to wait, in milliseconds. */
  readonly retryAfter?: number | undefined
}> {
  override get message(): string {
    return `${this.code}: ${this.detail}. ${entry(this.code).remedy}`
  }
}

/**
 * How long a field `Retry-After` asks to wait from `now`, both in milliseconds;
 * it has seconds or a date (RFC 9110 10.2.3). `undefined` if it has neither.
 */
export const retryAfterOf = (field: string | undefined, now: number): number | undefined => {
  if (field === undefined) return undefined
  if (/^\s*\d{1,9}\s*$/.test(field)) return Number(field) * 1000
  const date = Date.parse(field)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
