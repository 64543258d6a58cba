/**
 * The other workers of this machine, as their supervisor tells of them.
 */
import * as Effect from "effect/Effect"
import { type Member, type MembershipShape, settable } from "../Membership.ts"

/** Members, and how to replace them. */
export interface WorkerMembership {
  readonly membership: MembershipShape
  readonly set: (members: ReadonlyArray<Member>) => Effect.Effect<void>
}

/** No members until they are set. */
export const make: Effect.Effect<WorkerMembership> = Effect.map(settable, ({ members, set }) => ({
  membership: { members, leave: Effect.void },
  set,
}))
