/**
 * What a decoder says of bytes that are not a message.
 */
import * as Data from "effect/Data"

/** Bytes from the other end that are no message of the dialect; `detail` says where they fail. */
export class WireError extends Data.TaggedError("WireError")<{ readonly detail: string }> {
  override get message(): string {
    return `not a message: ${this.detail}`
  }
}
