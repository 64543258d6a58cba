/**
 * The members that the configuration lists.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ListenAddress from "../../domain/ListenAddress.ts"
import type { MembershipShape } from "../Membership.ts"

/** Members that never change. */
export const make = (addresses: ReadonlyArray<ListenAddress.ListenAddress>): MembershipShape => ({
  members: Stream.concat(
    Stream.succeed(addresses.map((address) => ({ at: `tcp:${ListenAddress.format(address)}` }))),
    Stream.never,
  ),
  leave: Effect.void,
})
