/**
 * What relays tell each other of visitors who sign in.
 */
import * as Schema from "effect/Schema"
import { controlKind } from "./PeerControl.ts"

/** A visitor has signed out: a session is not accepted any more, although it would last until a time in milliseconds since 1970. */
export const signedOutKind = controlKind(
  "signed out",
  Schema.Struct({
    id: Schema.String.check(Schema.isMaxLength(64)),
    until: Schema.Finite,
  }),
  Schema.Null,
)
