/**
 * The other workers of this machine, as their supervisor tells of them.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Member, MembershipShape } from "../Membership.ts"

/** Members, and how to replace them. */
export interface WorkerMembership {
  readonly membership: MembershipShape
  readonly set: (members: ReadonlyArray<Member>) => Effect.Effect<void>
}

/** No members until they are set. */
export const make: Effect.Effect<WorkerMembership> = Effect.map(
  SubscriptionRef.make<ReadonlyArray<Member> | undefined>(undefined),
  (members) => ({
    membership: {
      members: SubscriptionRef.changes(members).pipe(Stream.filter((now) => now !== undefined)),
      leave: Effect.void,
    },
    set: (now) => SubscriptionRef.set(members, now),
  }),
)
