/**
 * Whether another process has taken this relay's place: it shares the listening
 * socket, so that this one stops accepting connections as soon as it drains.
 */
import * as Context from "effect/Context"

/** Asked when the relay begins to drain; never by default. */
export const Successor: Context.Reference<() => boolean> = Context.Reference(
  "ptth/relay/Successor",
  { defaultValue: (): (() => boolean) => () => false },
)
