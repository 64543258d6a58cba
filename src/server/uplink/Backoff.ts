/**
 * How long to wait before the relay is tried again: full jitter below a
 * ceiling that doubles, and that stays low while the outage is young, so that
 * a relay that was only restarted is found at once.
 */

/** The first ceiling, in milliseconds. */
export const firstMillis = 250

/** The last ceiling, in milliseconds. */
export const lastMillis = 30_000

const youngMillis = 1_500
const outageShare = 30

/**
 * The ceiling of the wait, in milliseconds.
 *
 * @param failures how many tries in a row have failed, from 1
 * @param outageMillis how long ago the first of them was
 */
export const ceiling = (failures: number, outageMillis: number): number =>
  Math.min(
    lastMillis,
    firstMillis * 2 ** Math.min(failures - 1, 20),
    Math.max(youngMillis, outageMillis / outageShare),
  )

/**
 * The wait before the next try, in milliseconds.
 *
 * @param random a number from 0 to 1, uniformly
 */
export const wait = (failures: number, outageMillis: number, random: number): number =>
  Math.round(ceiling(failures, outageMillis) * random)
