/**
 * Why a server is not connected, for its log and for what it tries next.
 */
import * as Data from "effect/Data"

/**
 * `impossible`: something answers, but does not speak this transport; the
 * other reasons say what they mean.
 */
export class ListenError extends Data.TaggedError("ListenError")<{
  readonly reason: "unreachable" | "refused" | "shutting down" | "unexpected" | "impossible"
  readonly detail: string
}> {
  override get message(): string {
    return `${this.reason}: ${this.detail}`
  }
}
