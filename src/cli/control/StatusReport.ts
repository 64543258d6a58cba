/**
 * What a running relay, server or file server tells `ptth status` of itself.
 */
import * as Schema from "effect/Schema"

const Failure = Schema.Struct({
  /** In milliseconds since 1970. */
  at: Schema.Finite,
  message: Schema.String,
})

/** A name that a server serves. */
const Service = Schema.Struct({
  name: Schema.String,
  /** What is served, such as `To http://localhost:3000`. */
  serves: Schema.Array(Schema.String),
  /** Who has to sign in. */
  signIn: Schema.optionalKey(Schema.String),
  relay: Schema.String,
  /** The address for visitors, once the relay was reached. */
  url: Schema.optionalKey(Schema.String),
  state: Schema.Literals(["connected", "connecting", "waiting for approval"]),
  transport: Schema.optionalKey(Schema.String),
  /** How many WebSockets are open. */
  links: Schema.Int,
  /** In milliseconds. */
  roundTrip: Schema.optionalKey(Schema.Finite),
  /** How many requests run now. */
  requests: Schema.Int,
  lastFailure: Schema.optionalKey(Failure),
})
/** See the schema. */
export type Service = typeof Service.Type

/** A relay. */
const Relay = Schema.Struct({
  address: Schema.String,
  publicUrl: Schema.optionalKey(Schema.String),
  /** The administrator's address. */
  admin: Schema.optionalKey(Schema.String),
  /** How many servers are registered, and how many of them are connected. */
  registered: Schema.Int,
  connected: Schema.Int,
  links: Schema.Int,
  /** How many requests run now. */
  requests: Schema.Int,
  lastFailure: Schema.optionalKey(Failure),
})
/** See the schema. */
export type Relay = typeof Relay.Type

/** One process. */
export const Status = Schema.Struct({
  kind: Schema.Literals(["relay", "server", "fileserver", "dev"]),
  pid: Schema.Int,
  version: Schema.String,
  /** When it started, in milliseconds since 1970. */
  since: Schema.Finite,
  /** The arguments that it was started with, without a ticket, and in which folder. */
  args: Schema.Array(Schema.String),
  folder: Schema.String,
  /** The absolute path of its configuration. */
  config: Schema.optionalKey(Schema.String),
  relay: Schema.optionalKey(Relay),
  /** The names that a server serves. */
  services: Schema.optionalKey(Schema.Array(Service)),
  /** Where `fileserver` and `dev` are opened. */
  address: Schema.optionalKey(Schema.String),
  /** What they serve. */
  serves: Schema.optionalKey(Schema.Array(Schema.String)),
  signIn: Schema.optionalKey(Schema.String),
})
/** See the schema. */
export type Status = typeof Status.Type
