/**
 * The one contract of the whole system: a request goes in, a response comes
 * out, both as a head and a stream of bytes. The relay's end of every tunnel
 * and the server's end of it are both of this type, and each transport
 * implements it (protocol.md, exchange).
 *
 * The transports do their work below this, on callbacks
 * (`transport/Handler.ts`); this is the form that applications see.
 */
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { statusOf, type VisitorErrorCode } from "../domain/ErrorRegistry.ts"
import type { Failure } from "../domain/Failure.ts"
import type { HeaderList } from "../domain/HeaderList.ts"
import type { RequestHead, ResponseHead } from "./Message.ts"

/**
 * An exchange that ended without a response head.
 *
 * `code` is what the visitor is told, `detail` what happened this time,
 * `retryAfter` seconds after which a further try makes sense, `headers` further
 * fields for the visitor (`Allow` of a 405).
 */
export class ExchangeError extends Data.TaggedError("ExchangeError")<{
  readonly code: VisitorErrorCode
  readonly detail: string
  readonly retryAfter?: number
  readonly headers?: HeaderList
}> {
  override get message(): string {
    return `${this.code}: ${this.detail}`
  }

  /** What the visitor is told. */
  get failure(): Failure {
    const { code, detail, headers, retryAfter } = this
    return {
      code,
      status: statusOf(code),
      detail,
      ...(retryAfter === undefined ? {} : { retryAfter }),
      ...(headers === undefined ? {} : { headers }),
    }
  }
}

/**
 * A body that ended before it was whole. Whoever receives it must not end its
 * own side cleanly: half a body is never passed on as a whole one.
 *
 * `reason`: `cut` the sender went away, `short` fewer and `long` more bytes
 * than promised, `cancelled` the receiver asked for no more, `idle` no byte
 * for too long, `limit` more than is allowed.
 */
export class BodyError extends Data.TaggedError("BodyError")<{
  readonly reason: "cut" | "short" | "long" | "cancelled" | "idle" | "limit"
  readonly detail: string
}> {
  override get message(): string {
    return `body ${this.reason}: ${this.detail}`
  }
}

/** What comes back from an exchange. */
export interface ExchangeResponse {
  readonly head: ResponseHead
  /** The body; after status 101 the bytes from the other side of the connection. */
  readonly body: Stream.Stream<Uint8Array, BodyError>
  /** The trailer fields; known once the body has ended, empty if there are none. */
  readonly trailers: Effect.Effect<HeaderList>
}

/**
 * Sends one request and gives its response. The first pull of the request
 * body means "100-continue". Closing the Scope cancels both directions. After
 * status 101 the two bodies are the connection.
 */
export type Exchange = (
  head: RequestHead,
  body: Stream.Stream<Uint8Array, BodyError>,
) => Effect.Effect<ExchangeResponse, ExchangeError, Scope.Scope>
