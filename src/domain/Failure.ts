/**
 * A failure, and its response to a visitor.
 */
import type { VisitorErrorCode } from "./ErrorRegistry.ts"
import type { HeaderList } from "./HeaderList.ts"

/** One occurrence of an error. */
export interface Failure {
  readonly code: VisitorErrorCode
  readonly status: number
  /** What happened this time, without secrets. */
  readonly detail: string
  /** Seconds after which to try again; sent as `Retry-After`. */
  readonly retryAfter?: number
  /** What identifies it; by default it gets a new id when it is rendered. */
  readonly id?: string
  /** Further header fields, such as `Allow`. */
  readonly headers?: HeaderList
}

/** The response to a failure. HEAD gets the same without the body. */
export interface RenderedFailure {
  readonly status: number
  readonly headers: HeaderList
  readonly body: Uint8Array
  /** Identifies the failure on its page, in the response's `X-Request-Id` and in logs. */
  readonly id: string
}
