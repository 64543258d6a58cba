/**
 * The members that the configuration lists.
 */
import * as ListenAddress from "../../domain/ListenAddress.ts"
import { fixed, type MembershipShape } from "../Membership.ts"

/** Relays at these addresses. */
export const make = (addresses: ReadonlyArray<ListenAddress.ListenAddress>): MembershipShape =>
  fixed(addresses.map((address) => ({ at: `tcp:${ListenAddress.format(address)}` })))
