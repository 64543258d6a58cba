/**
 * The error of every decoder of the protocol.
 */
import * as Data from "effect/Data"

/** The peer sent bytes that are not a legal message of the dialect; `detail` says why. */
export class WireError extends Data.TaggedError("WireError")<{ readonly detail: string }> {
  override get message(): string {
    return `not a message: ${this.detail}`
  }
}
