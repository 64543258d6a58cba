/**
 * What the relay seals (`Seal.ts`) while a visitor signs in, and afterwards.
 * Times are in milliseconds since 1970.
 */
import * as Schema from "effect/Schema"
import type { Sealed } from "./Seal.ts"

/** The visitor is signed in until a time; in a cookie. */
export const Session = Schema.Struct({
  /** The same on all hosts to which the visitor was taken from one sign-in. */
  id: Schema.String,
  user: Schema.String,
  email: Schema.optionalKey(Schema.String),
  groups: Schema.Array(Schema.String),
  until: Schema.Number,
})
/** See the schema. */
export type Session = typeof Session.Type

/** Where the visitor wanted to go. */
const Wanted = {
  /** The whole address. */
  to: Schema.String,
  /** If that is at a server's own host: the hash of the cookie which shows there that the same browser has asked. */
  asker: Schema.optionalKey(Schema.String),
  until: Schema.Number,
}

/** A visitor of a server's own host is to sign in; in the address of the relay's host. */
export const Ask = Schema.Struct(Wanted)
/** See the schema. */
export type Ask = typeof Ask.Type

/** The visitor is at the provider; in a cookie. */
const Attempt = Schema.Struct({
  ...Wanted,
  state: Schema.String,
  nonce: Schema.String,
  /** Of PKCE (RFC 7636). */
  verifier: Schema.String,
})

/** The visitor has signed in, and goes on to a server's own host; in the address there. */
const Ticket = Schema.Struct({ ...Wanted, session: Session })

/** The visitor has signed out at a server's own host; in the address of the relay's host. */
const Leave = Schema.Struct({ id: Schema.String, until: Schema.Number })

/** See {@link Session}. */
export const session: Sealed<Session> = { purpose: "session", schema: Session }
/** See {@link Ask}. */
export const ask: Sealed<Ask> = { purpose: "ask", schema: Ask }
/** See the schema. */
export const attempt: Sealed<typeof Attempt.Type> = { purpose: "attempt", schema: Attempt }
/** See the schema. */
export const ticket: Sealed<typeof Ticket.Type> = { purpose: "ticket", schema: Ticket }
/** See the schema. */
export const leave: Sealed<typeof Leave.Type> = { purpose: "leave", schema: Leave }
