/**
 * Messages between relays that are sent seldom: JSON, each of a kind with a
 * schema. A relay that does not know a kind ignores its messages; fields that a
 * schema does not have are dropped, so a kind may get more of them.
 */
import * as Schema from "effect/Schema"
import { RelayId } from "../RelayId.ts"

/** A kind of message, and of the reply to it. */
export interface ControlKind<A, R> {
  readonly kind: string
  readonly message: Schema.Codec<A, unknown>
  readonly reply: Schema.Codec<R, unknown>
}

/** A kind of message; its name is the same at both ends. */
export const controlKind = <A, I, R, J>(
  kind: string,
  message: Schema.Codec<A, I>,
  reply: Schema.Codec<R, J>,
): ControlKind<A, R> => ({ kind, message: asUnknown(message), reply: asUnknown(reply) })

const asUnknown = <A, I>(schema: Schema.Codec<A, I>): Schema.Codec<A, unknown> =>
  schema as unknown as Schema.Codec<A, unknown>

/** A message as it is sent. */
export const Envelope = Schema.Struct({ kind: Schema.String, body: Schema.Unknown })

/** A reply as it is sent: what was asked for, or why there is no such answer. */
export const ReplyEnvelope = Schema.Union([
  Schema.Struct({ body: Schema.Unknown }),
  Schema.Struct({ error: Schema.String }),
])

/**
 * The oldest and the newest version of hops that this relay speaks. From version 2
 * on, the time of a request that may change something within which it is handed out
 * unasked includes that in which its server may begin it.
 */
export const hopVersions = [1, 2] as const

/** See {@link hopVersions}. */
export const boundedVersion = 2

/** The most workers of a machine, twice as many as a relay has while they are replaced. */
const maxWorkers = 512

/** The first message in each direction: who the sender is. */
export const PeerHello = Schema.Struct({
  id: RelayId,
  /** Of the process; another one with the same id is a restart, or a second machine of that name. */
  incarnation: Schema.String,
  /** Where others reach it, as in `Member.at`; empty if it is not known. */
  at: Schema.String,
  /** The machine's name. */
  machine: Schema.String,
  /** The number of the worker, where there are several. */
  worker: Schema.optionalKey(Schema.Natural),
  /** The version of the program. */
  program: Schema.String,
  /** The oldest and the newest version of hops that it speaks. */
  hop: Schema.Tuple([Schema.Natural, Schema.Natural]),
  /** A digest of the configuration that visitors notice. */
  digest: Schema.String,
  /** Its slot: what ids of requests of its visitors begin with. */
  slot: Schema.Natural,
  /** Whether it accepts no more links of servers. */
  draining: Schema.optionalKey(Schema.Boolean),
  /** Where the other workers of its machine are reached, as in `at`: no membership names those of other machines. */
  workers: Schema.optionalKey(Schema.Array(Schema.String).check(Schema.isMaxLength(maxWorkers))),
})
/** See the schema. */
export type PeerHello = typeof PeerHello.Type

/** The kind of {@link PeerHello}; sent again when any of it changes. */
export const helloKind = controlKind("hello", PeerHello, Schema.Null)

/** The version of hops that two relays speak with each other; `undefined` if there is none. */
export const commonVersion = (
  [oldest, newest]: readonly [number, number],
  [otherOldest, otherNewest]: readonly [number, number],
): number | undefined => {
  const common = Math.min(newest, otherNewest)
  return common >= Math.max(oldest, otherOldest) ? common : undefined
}
