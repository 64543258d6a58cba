/**
 * For how long a request that hops may be begun, after the visitor's relay has
 * sent it. A server that speaks stream begins it within the lease, or else the
 * visitor's relay is asked before it is handed out. One that speaks classic, or
 * has its link at an older relay, may begin it for some time after the lease. For
 * so long, and a little more, a visitor whose request was lost is not told so
 * (docs/protocol.md, Begin).
 */
import { hopLeaseMillis } from "../../cluster/Peers.ts"
import * as Lease from "../dispatch/Lease.ts"

/** The longest time that a server may take to begin a request that it was handed, by transport, in milliseconds. */
const longestStream = 2_000
const longestClassic = 4_000

/**
 * The lease of a request that hops; both relays compute the same.
 *
 * @param millis how long the server has for the head of its response
 */
export const hopLease = (millis: number, hasClassic: boolean): Lease.Lease =>
  Lease.leaseOf(hopLeaseMillis, millis, hasClassic ? longestClassic : longestStream)

/** The same where the server begins it within the lease, unless this relay is asked. */
export const boundedLease = (millis: number): Lease.Lease => {
  const lease = hopLease(millis, true)
  return { ...lease, silence: Lease.silenceOf(lease.begin, millis) }
}

/** By how much less than the connection's lease a request may be handed out, in milliseconds. */
export const shortening = (millis: number): number => hopLeaseMillis - hopLease(millis, true).begin
