/**
 * How a relay passes a connection on to another process of this machine that
 * shares its listening socket.
 */
import type { Socket } from "node:net"
import * as Context from "effect/Context"

/** See the file's header. */
export interface HandOverShape {
  /** Passes a connection to the relay with this id; it is closed if that one is gone. */
  readonly give: (to: string, about: unknown, socket: Socket) => void
  /** Calls the listener with each connection that another one passes, and what it says about it. */
  readonly onGiven: (listener: (about: unknown, socket: Socket) => void) => void
}

/** `undefined` if there is no such process. */
export const HandOver: Context.Reference<HandOverShape | undefined> = Context.Reference(
  "ptth/relay/HandOver",
  { defaultValue: (): HandOverShape | undefined => undefined },
)
