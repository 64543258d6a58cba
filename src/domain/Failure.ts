/**
 * A failure as a visitor is told of it, and as the response that tells it.
 */
import type { VisitorErrorCode } from "./ErrorRegistry.ts"
import type { HeaderList } from "./HeaderList.ts"

/** A failure to be shown. */
export interface Failure {
  readonly code: VisitorErrorCode
  readonly status: number
  /** What happened this time: whole sentences that name nothing secret. */
  readonly detail: string
  /** Seconds after which a further try makes sense. */
  readonly retryAfter?: number
  /** Further fields, such as `Allow`. */
  readonly headers?: HeaderList
}

/** A failure as a response. For HEAD only the body is left out. */
export interface RenderedFailure {
  readonly status: number
  readonly headers: HeaderList
  readonly body: Uint8Array
}
