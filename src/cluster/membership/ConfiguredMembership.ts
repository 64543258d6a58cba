/**
 * The members as a relay's `[cluster]` says: in the engine, by a name in the
 * DNS, or listed.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ListenAddress from "../../domain/ListenAddress.ts"
import type { MembershipShape } from "../Membership.ts"
import * as DnsMembership from "./DnsMembership.ts"
import * as ListMembership from "./ListMembership.ts"
import * as RedisMembership from "./RedisMembership.ts"

/** The part of `[cluster]` that says who the members are. */
export interface MembershipConfig {
  readonly engine: string | undefined
  readonly peers: ReadonlyArray<ListenAddress.ListenAddress>
}

/**
 * Follows the members while the Scope is open.
 *
 * @param id this relay's
 * @param describe what the engine has of it
 */
export const make = (
  { engine, peers }: MembershipConfig,
  id: string,
  describe: () => RedisMembership.Lease,
): Effect.Effect<MembershipShape, never, Scope.Scope> => {
  if (engine === undefined) return Effect.succeed(ListMembership.make(peers))
  const name = engine.startsWith("dns:") ? ListenAddress.parse(engine.slice(4)) : undefined
  return name === undefined ? RedisMembership.make(id, describe) : DnsMembership.make(name)
}
