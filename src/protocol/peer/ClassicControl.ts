/**
 * What relays tell each other of servers that speak classic, whose requests may
 * come to any of them.
 */
import * as Schema from "effect/Schema"
import { RequestId } from "../../domain/RequestId.ts"
import { ServerName } from "../../domain/ServerName.ts"
import { controlKind } from "./PeerControl.ts"

/** A server has these requests, which the receiver gave out. */
export const acknowledgeKind = controlKind(
  "classic acknowledge",
  Schema.Struct({ name: ServerName, ids: Schema.Array(RequestId) }),
  Schema.Null,
)

/** A process is to cancel a request that the sender gave out, by a listen at any relay. */
export const cancelKind = controlKind(
  "classic cancel",
  Schema.Struct({ process: Schema.String, id: RequestId }),
  Schema.Null,
)

/** A process takes no more requests, or is gone. */
export const departKind = controlKind(
  "classic depart",
  Schema.Struct({
    /** Name, instance and tripcode. */
    process: Schema.String,
    isGone: Schema.Boolean,
  }),
  Schema.Null,
)
