/**
 * How long a server may take to begin a request that changes something, from when
 * the relay handed it out. If the link is lost, the visitor gets the failure a
 * little after that time: a server that was paused must not begin a request after
 * its failure was reported (docs/protocol.md, Begin).
 */

/** What clocks and their readings may differ by, in milliseconds, unless `response_timeout` is short. */
const marginMillis = 1_000

/** A lease in milliseconds. */
export interface Lease {
  /** From the hand-out on, for how long the server may begin the request. */
  readonly begin: number
  /** From the hand-out on, for how long its failure is not reported to its visitor. */
  readonly silence: number
  /** What a server may take besides, where it is another relay that hands the request to it. */
  readonly extra: number
}

/** No lease: the server does not keep to one. */
export const none: Lease = { begin: 0, silence: 0, extra: 0 }

const marginOf = (responseMillis: number): number => Math.min(marginMillis, responseMillis / 3)

/** For how long the failure of a request is not reported to its visitor, if a server begins it within `begin` milliseconds. */
export const silenceOf = (begin: number, responseMillis: number): number =>
  begin + marginOf(responseMillis)

/**
 * The lease of a request.
 *
 * @param most the longest time to begin it, in milliseconds
 * @param responseMillis how long the server has for the head of its response; after that the visitor gets the failure anyway
 * @param mostExtra the longest time that the server may take besides, in milliseconds
 */
export const leaseOf = (most: number, responseMillis: number, mostExtra = 0): Lease => {
  const margin = marginOf(responseMillis)
  const extra = Math.min(mostExtra, responseMillis / 3)
  const begin = Math.max(0, Math.min(most, responseMillis - margin - extra))
  return { begin, silence: silenceOf(begin + extra, responseMillis), extra }
}

/**
 * The lease of a request that took `age` milliseconds to arrive, because the link
 * is full: long enough that the permission to begin it arrives in time.
 *
 * @param first its lease at the hand-out
 * @param left how much of the time for its response is left, in milliseconds
 */
export const renewed = (first: Lease, age: number, left: number): Lease =>
  leaseOf(first.begin + 2 * age, Math.max(0, left), first.extra)
