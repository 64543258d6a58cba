/**
 * A histogram of durations with fixed buckets: adding a value takes a few
 * comparisons, and it never grows.
 */

/** Upper bounds of the buckets in milliseconds; one more bucket takes larger values. */
export const bounds: ReadonlyArray<number> = [
  1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000,
]

/** See the file's header. */
export class Histogram {
  /** The number of values in each bucket; the last takes those above all bounds. */
  readonly counts: Array<number> = new Array<number>(bounds.length + 1).fill(0)
  count = 0
  /** The sum of all values, in milliseconds. */
  sum = 0

  add(millis: number): void {
    let i = 0
    while (i < bounds.length && millis > (bounds[i] as number)) i++
    this.counts[i] = (this.counts[i] as number) + 1
    this.count += 1
    this.sum += millis
  }

  /** Adds the values of another histogram; their sum is not known. */
  addCounts(counts: ReadonlyArray<number>): void {
    for (const [i, count] of counts.slice(0, this.counts.length).entries()) {
      this.counts[i] = (this.counts[i] as number) + count
      this.count += count
    }
  }

  /**
   * A quantile in milliseconds, interpolated linearly within its bucket;
   * values above the last bound count as that bound. `undefined` without
   * values.
   *
   * @param share from 0 to 1
   */
  quantile(share: number): number | undefined {
    if (this.count === 0) return undefined
    const rank = share * this.count
    let before = 0
    for (const [i, bound] of bounds.entries()) {
      const count = this.counts[i] as number
      if (count > 0 && before + count >= rank) {
        const lower = bounds[i - 1] ?? 0
        return lower + (bound - lower) * Math.max(0, (rank - before) / count)
      }
      before += count
    }
    return bounds.at(-1)
  }
}
