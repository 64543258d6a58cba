/**
 * The interface between the tunnel and applications: a request goes in, a
 * response comes out, both as a head and a stream of bytes. Both ends of every
 * tunnel have this interface (protocol.md, Exchange).
 *
 * The transports use the same interface with callbacks
 * (`transport/body/Handler.ts`).
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
 * An exchange ended without a response head.
 *
 * `code` selects the answer to the visitor, `detail` says what happened, and
 * `retryAfter` is a time in seconds. `headers` are further fields of the answer,
 * such as `Allow` of a 405. `ownerRemedy` is what the server's owner can do about
 * it, and is not shown to visitors. `id` identifies this occurrence.
 */
export class ExchangeError extends Data.TaggedError("ExchangeError")<{
  readonly code: VisitorErrorCode
  readonly detail: string
  readonly retryAfter?: number
  readonly headers?: HeaderList
  readonly ownerRemedy?: string
  readonly id?: string
}> {
  override get message(): string {
    return `${this.code}: ${this.detail}`
  }

  /** The same error as an occurrence with this id. */
  withId(id: string): ExchangeError {
    return new ExchangeError({ ...this, id })
  }

  /** The answer to the visitor. */
  get failure(): Failure {
    const { code, detail, headers, id, retryAfter } = this
    return {
      code,
      status: statusOf(code),
      detail,
      ...(retryAfter === undefined ? {} : { retryAfter }),
      ...(headers === undefined ? {} : { headers }),
      ...(id === undefined ? {} : { id }),
    }
  }
}

/**
 * A body ended before it was complete. The receiver must not end its own output
 * cleanly: an incomplete body is never passed on as a complete one.
 *
 * `reason`: `cut` the connection of the sender ended, `short` fewer and `long`
 * more bytes than declared, `cancelled` by the receiver, `idle` no byte for too
 * long, `limit` more bytes than allowed.
 */
export class BodyError extends Data.TaggedError("BodyError")<{
  readonly reason: "cut" | "short" | "long" | "cancelled" | "idle" | "limit"
  readonly detail: string
}> {
  override get message(): string {
    return `body ${this.reason}: ${this.detail}`
  }
}

/** The response of an exchange. */
export interface ExchangeResponse {
  readonly head: ResponseHead
  /** The body; after status 101 the bytes from the peer of the upgraded connection. */
  readonly body: Stream.Stream<Uint8Array, BodyError>
  /** The trailers, available when the body has ended; empty if there are none. */
  readonly trailers: Effect.Effect<HeaderList>
}

/**
 * Sends one request and returns its response. The first pull of the request body
 * triggers "100-continue". Closing the Scope cancels both directions. After
 * status 101 the two bodies are the upgraded connection.
 */
export type Exchange = (
  head: RequestHead,
  body: Stream.Stream<Uint8Array, BodyError>,
) => Effect.Effect<ExchangeResponse, ExchangeError, Scope.Scope>
