/**
 * A map of bounded size: if there are too many entries, or they are too large
 * together, those that were set first are dropped.
 */

/** The limits of a map. */
export interface Bounds<A> {
  /** The size of a value, which does not change while it is in the map. */
  readonly sizeOf: (value: A) => number
  /** The most that the sizes of all values may be together. */
  readonly maxSize: number
  /** The most entries. Default: any number. */
  readonly maxCount?: number
}

/** See the head of this file. */
export class BoundedMap<K, A> {
  private readonly values = new Map<K, A>()
  private readonly bounds: Bounds<A>
  private size = 0

  constructor(bounds: Bounds<A>) {
    this.bounds = bounds
  }

  has(key: K): boolean {
    return this.values.has(key)
  }

  get(key: K): A | undefined {
    return this.values.get(key)
  }

  /** Sets an entry, which is the newest then. */
  set(key: K, value: A): void {
    const { maxCount = Number.POSITIVE_INFINITY, maxSize, sizeOf } = this.bounds
    this.delete(key)
    this.values.set(key, value)
    this.size += sizeOf(value)
    for (const oldest of this.values.keys()) {
      if (this.size <= maxSize && this.values.size <= maxCount) return
      this.delete(oldest)
    }
  }

  delete(key: K): void {
    if (!this.values.has(key)) return
    this.size -= this.bounds.sizeOf(this.values.get(key) as A)
    this.values.delete(key)
  }

  /** Drops the entries with such a value. */
  deleteAll(isDropped: (value: A) => boolean): void {
    for (const [key, value] of this.values) if (isDropped(value)) this.delete(key)
  }
}
