/**
 * What relays of several machines ask each other about tickets, so that one is
 * good at all of them, wherever it was made.
 */
import * as Schema from "effect/Schema"
import { controlKind } from "./PeerControl.ts"

const Registration = Schema.Struct({
  name: Schema.String,
  tripcode: Schema.String,
  /** Whether the tripcode takes the place of the one that is registered. */
  replaces: Schema.Boolean,
})

/** Asks a relay to redeem a ticket by its digest. The reply: the registration it made, or null if it has no such invitation. */
export const redeem = controlKind(
  "ticket/redeem",
  Schema.Struct({ name: Schema.String, digest: Schema.String, tripcode: Schema.String }),
  Schema.NullOr(Registration),
)

/** Has a relay register a server whose ticket was redeemed elsewhere. */
export const register = controlKind("ticket/register", Registration, Schema.Null)
