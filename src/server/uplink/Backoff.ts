/**
 * Exponential back-off with full jitter. The ceiling stays low while the outage
 * is short, so that a relay that only restarts is found again soon.
 */

/** The first ceiling, in milliseconds. */
export const firstMillis = 250

/** The last ceiling, in milliseconds. */
export const lastMillis = 30_000

/** The ceiling of a short outage, in milliseconds. */
const shortMillis = 1_500

/** The ceiling of a longer outage is this part of its length. */
const outageShare = 30

/**
 * The ceiling of the wait, in milliseconds.
 *
 * @param failures how many attempts in a row have failed, from 1
 * @param outageMillis how long ago the first of them was
 */
export const ceiling = (failures: number, outageMillis: number): number =>
  Math.min(
    lastMillis,
    firstMillis * 2 ** Math.min(failures - 1, 20),
    Math.max(shortMillis, outageMillis / outageShare),
  )

/**
 * The wait before the next attempt, in milliseconds.
 *
 * @param random a number from 0 to 1, uniformly
 */
export const wait = (failures: number, outageMillis: number, random: number): number =>
  Math.round(ceiling(failures, outageMillis) * random)
