/**
 * Who the other relays are, and where: from a list in the configuration, from
 * the DNS, from the workers of this machine or from the engine.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"

/** A relay that may be connected to. */
export interface Member {
  /** Its id, if that is known before it is connected to. */
  readonly id?: string | undefined
  /** `unix:/path/to.sock` or `tcp:HOST:PORT`. */
  readonly at: string
}

/** What the service {@link Membership} does. */
export interface MembershipShape {
  /** The members as they are now, then each change. This relay itself may be among them. */
  readonly members: Stream.Stream<ReadonlyArray<Member>>
  /** This relay drains: others are to find it no more. */
  readonly leave: Effect.Effect<void>
}

/** Members that never change. */
export const fixed = (members: ReadonlyArray<Member>): MembershipShape => ({
  members: Stream.concat(Stream.succeed(members), Stream.never),
  leave: Effect.void,
})

/** Members that are unknown until they are set; `set` does nothing if they are the same as before. */
export const settable: Effect.Effect<{
  readonly members: MembershipShape["members"]
  readonly set: (members: ReadonlyArray<Member>) => Effect.Effect<void>
}> = Effect.map(SubscriptionRef.make<ReadonlyArray<Member> | undefined>(undefined), (current) => ({
  members: Stream.filter(SubscriptionRef.changes(current), (members) => members !== undefined),
  set: (members) =>
    Effect.suspend(() =>
      JSON.stringify(SubscriptionRef.getUnsafe(current)) === JSON.stringify(members)
        ? Effect.void
        : SubscriptionRef.set(current, members),
    ),
}))

/** Members of several sources; `leave` leaves all. */
export const merged = (sources: ReadonlyArray<MembershipShape>): MembershipShape => ({
  members: Stream.mergeAll(
    sources.map(({ members }, i) => Stream.map(members, (now) => [i, now] as const)),
    { concurrency: "unbounded" },
  ).pipe(
    Stream.mapAccum(
      () => new Map<number, ReadonlyArray<Member>>(),
      (all, [i, now]) => {
        const next = new Map(all).set(i, now)
        return [next, [[...next.values()].flat()]] as const
      },
    ),
  ),
  leave: Effect.forEach(sources, ({ leave }) => leave, { discard: true }),
})

/** See the file's header. */
export class Membership extends Context.Service<Membership, MembershipShape>()(
  "ptth/cluster/Membership",
) {
  /** Members that never change. */
  static readonly layerFixed = (members: ReadonlyArray<Member>): Layer.Layer<Membership> =>
    Layer.succeed(Membership, Membership.of(fixed(members)))
}
