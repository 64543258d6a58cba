/**
 * Members that announce themselves in the engine: each relay has a lease there,
 * which it renews about every two seconds and which ends after six. While the
 * engine is away the members stay as they were; once it is back, empty or not,
 * the leases are there within one renewal.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { Complaints } from "../engine/Complaints.ts"
import { Engine, type EngineUnavailable } from "../engine/Engine.ts"
import * as EngineLoop from "../engine/EngineLoop.ts"
import { type Member, type MembershipShape, settable } from "../Membership.ts"

/** What a relay tells of itself in the engine. */
export const Lease = Schema.Struct({
  /** Where it is reached, as in `Member.at`. */
  at: Schema.String.check(Schema.isPattern(/^(?:tcp|unix):\S{1,255}$/)),
  /** Of its program. */
  version: Schema.String,
  /** The oldest and the newest version of hops that it speaks. */
  hop: Schema.Tuple([Schema.Natural, Schema.Natural]),
  /** The digest of its configuration. */
  config: Schema.String,
  slot: Schema.Natural,
  /** What only this process of the id has. */
  run: Schema.String,
})
/** See the schema. */
export type Lease = typeof Lease.Type

const StoredLease = Schema.fromJsonString(Lease)
const decode = Schema.decodeUnknownResult(StoredLease)
const encode = Schema.encodeSync(StoredLease)

/** After how many milliseconds without a renewal a lease ends. */
export const leaseMillis = 6_000

/** The shortest and the longest time between two renewals, in milliseconds. */
const renewMillis = [1_500, 2_500] as const

/** After how many milliseconds without an addition the set of ids is dropped. */
const setMillis = 86_400_000

/** The most relays that are read. */
const mostRelays = 1_024

/** The set of ids, and the channel on which a relay says that it has come or goes. */
const relays = "relays"

const leaseOf = (id: string): string => `relay:${id}`

/**
 * Announces this relay and follows the others while the Scope is open.
 *
 * @param describe what is told of this relay, asked at each renewal
 */
export const make = Effect.fn("RedisMembership.make")(function* (
  id: string,
  describe: () => Lease,
): Effect.fn.Return<MembershipShape, never, Scope.Scope> {
  const engine = yield* Engine
  const random = yield* Random.Random
  const complaints = new Complaints()
  const { members, set } = yield* settable
  /** The lease as it was last written. */
  let written = ""
  let hasLeft = false
  /** Ids that had no lease when they were last read. */
  let absent = new Set<string>()

  const renew: Effect.Effect<void, EngineUnavailable> = Effect.gen(function* () {
    const lease = describe()
    const text = encode(lease)
    const [before] = yield* engine.values([leaseOf(id)])
    const other = before === undefined ? undefined : Result.getOrUndefined(decode(before))
    if (written !== "" && other !== undefined && other.run !== lease.run)
      yield* complaints.log(
        `engine: two relays have the id ${id}`,
        `the other one is at ${other.at}; give each machine its own \`id\` in [cluster]`,
      )
    yield* engine.put(leaseOf(id), text, leaseMillis)
    yield* engine.addMember(relays, id, setMillis)
    written = text
    if (before !== text) yield* engine.publish(relays, id)
  })

  /** The members with a lease; ids without one, twice in a row, are removed from the set. */
  const read: Effect.Effect<void, EngineUnavailable> = Effect.gen(function* () {
    const ids = (yield* engine.members(relays)).slice(0, mostRelays).sort()
    const values = yield* engine.values(ids.map(leaseOf))
    const present: Array<Member> = []
    const missing = new Set<string>()
    for (const [i, one] of ids.entries()) {
      const value = values[i]
      if (value === undefined) {
        missing.add(one)
        continue
      }
      const lease = decode(value)
      if (Result.isSuccess(lease)) present.push({ id: one, at: lease.success.at })
      else yield* complaints.log(`engine: the lease of ${one} is ignored`, lease.failure.message)
    }
    const gone = [...missing].filter((one) => absent.has(one))
    absent = missing
    yield* engine.removeMembers(relays, gone)
    yield* set(present)
  })

  const request = yield* EngineLoop.make({
    what: "announcing this relay",
    everyMillis: () => {
      const [shortest, longest] = renewMillis
      return shortest + random.nextDoubleUnsafe() * (longest - shortest)
    },
    run: Effect.suspend(() => (hasLeft ? read : Effect.andThen(renew, read))),
  })
  const unsubscribe = engine.subscribe(relays, (sender) => {
    if (sender !== id) request()
  })
  yield* Effect.addFinalizer(() => Effect.sync(unsubscribe))

  const leave = Effect.suspend(() => {
    if (hasLeft) return Effect.void
    hasLeft = true
    return engine
      .release(leaseOf(id), written)
      .pipe(
        Effect.andThen(engine.removeMembers(relays, [id])),
        Effect.andThen(engine.publish(relays, id)),
        Effect.ignore,
      )
  })
  yield* Effect.addFinalizer(() => leave)

  return { members, leave }
})
