/**
 * How long something took, counted in fixed buckets: adding to it costs
 * nothing but a few comparisons, and it never grows.
 */

/** Upper bounds of the buckets in milliseconds; above the last there is one more. */
export const bounds: ReadonlyArray<number> = [
  1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000,
]

/** See the file's header. */
export class Histogram {
  /** How many fell into each bucket, and into that above the last bound. */
  readonly counts: Array<number> = new Array<number>(bounds.length + 1).fill(0)
  count = 0
  /** Of all that was added, in milliseconds. */
  sum = 0

  add(millis: number): void {
    let i = 0
    while (i < bounds.length && millis > (bounds[i] as number)) i++
    this.counts[i] = (this.counts[i] as number) + 1
    this.count += 1
    this.sum += millis
  }

  /**
   * What `share` (0 to 1) of all stay below, in milliseconds: exact to the
   * bucket, even within it. `undefined` where nothing was added; what is above
   * the last bound counts as that bound.
   */
  quantile(share: number): number | undefined {
    if (this.count === 0) return undefined
    const rank = share * this.count
    let before = 0
    for (const [i, bound] of bounds.entries()) {
      const here = this.counts[i] as number
      if (here > 0 && before + here >= rank) {
        const lower = bounds[i - 1] ?? 0
        return lower + (bound - lower) * Math.max(0, (rank - before) / here)
      }
      before += here
    }
    return bounds.at(-1)
  }
}
