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
import { Engine, type EngineShape, type EngineUnavailable } from "../engine/Engine.ts"
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

/** The lease of this relay, and those of the others. */
class Leases {
  private readonly id: string
  private readonly describe: () => Lease
  private readonly engine: EngineShape
  private readonly complaints = new Complaints()
  /** The lease as it was last written. */
  private written = ""
  private hasLeft = false
  /** Ids that had no lease when they were last read. */
  private absent = new Set<string>()

  constructor(id: string, describe: () => Lease, engine: EngineShape) {
    this.id = id
    this.describe = describe
    this.engine = engine
  }

  /** Renews the lease, unless the relay has left, and gives the members with a lease. */
  readonly refresh: Effect.Effect<ReadonlyArray<Member>, EngineUnavailable> = Effect.suspend(() =>
    this.hasLeft ? this.read : Effect.andThen(this.renew, this.read),
  )

  /** Ends the lease, and renews it no more. */
  readonly leave: Effect.Effect<void> = Effect.suspend(() => {
    if (this.hasLeft) return Effect.void
    this.hasLeft = true
    const { engine, id, written } = this
    return engine
      .release(leaseOf(id), written)
      .pipe(
        Effect.andThen(engine.removeMembers(relays, [id])),
        Effect.andThen(engine.publish(relays, id)),
        Effect.ignore,
      )
  })

  private get renew(): Effect.Effect<void, EngineUnavailable> {
    return Effect.gen({ self: this }, function* () {
      const { complaints, engine, id } = this
      const lease = this.describe()
      const text = encode(lease)
      const [before] = yield* engine.values([leaseOf(id)])
      const other = before === undefined ? undefined : Result.getOrUndefined(decode(before))
      if (this.written !== "" && other !== undefined && other.run !== lease.run)
        yield* complaints.log(
          `engine: two relays have the id ${id}`,
          `the other one is at ${other.at}; give each machine its own \`id\` in [cluster]`,
        )
      yield* engine.put(leaseOf(id), text, leaseMillis)
      yield* engine.addMember(relays, id, setMillis)
      this.written = text
      if (before !== text) yield* engine.publish(relays, id)
    })
  }

  /** The members with a lease; ids without one, twice in a row, are removed from the set. */
  private get read(): Effect.Effect<ReadonlyArray<Member>, EngineUnavailable> {
    return Effect.gen({ self: this }, function* () {
      const { absent, complaints, engine } = this
      const ids = (yield* engine.members(relays)).slice(0, mostRelays).sort()
      const values = yield* engine.values(ids.map(leaseOf))
      const present: Array<Member> = []
      const missing = new Set<string>()
      for (const [i, id] of ids.entries()) {
        const value = values[i]
        if (value === undefined) {
          missing.add(id)
          continue
        }
        const lease = decode(value)
        if (Result.isSuccess(lease)) present.push({ id, at: lease.success.at })
        else yield* complaints.log(`engine: the lease of ${id} is ignored`, lease.failure.message)
      }
      this.absent = missing
      yield* engine.removeMembers(
        relays,
        [...missing].filter((id) => absent.has(id)),
      )
      return present
    })
  }
}

/**
 * Announces this relay and follows the others while the Scope is open.
 *
 * @param describe what the engine has of this relay, asked for at each renewal
 */
export const make = Effect.fn("RedisMembership.make")(function* (
  id: string,
  describe: () => Lease,
): Effect.fn.Return<MembershipShape, never, Scope.Scope> {
  const engine = yield* Engine
  const random = yield* Random.Random
  const { members, set } = yield* settable
  const { leave, refresh } = new Leases(id, describe, engine)
  const request = yield* EngineLoop.make({
    what: "announcing this relay",
    everyMillis: () => {
      const [shortest, longest] = renewMillis
      return shortest + random.nextDoubleUnsafe() * (longest - shortest)
    },
    run: Effect.flatMap(refresh, set),
  })
  const unsubscribe = engine.subscribe(relays, (sender) => {
    if (sender !== id) request()
  })
  yield* Effect.addFinalizer(() => Effect.sync(unsubscribe))
  yield* Effect.addFinalizer(() => leave)
  return { members, leave }
})
