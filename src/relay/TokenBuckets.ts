/**
 * How often something may happen, for each of many: buckets that fill with time
 * and from which each time takes a token. Only those that are not full are
 * kept, and never more than a number of them.
 */

/** How fast a bucket fills, and how much goes into it. */
export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

interface Bucket {
  tokens: number
  at: number
}

/** See the file's header. */
export class TokenBuckets {
  private readonly rate: Rate
  private readonly most: number
  private readonly buckets = new Map<string, Bucket>()

  constructor(rate: Rate, most = 50_000) {
    this.rate = rate
    this.most = most
  }

  /** How many are not full, as far as is known. */
  get size(): number {
    return this.buckets.size
  }

  /** Takes a token: 0, or milliseconds until there will be one. */
  take(key: string, now: number): number {
    const { burst, perSecond } = this.rate
    let bucket = this.buckets.get(key)
    if (bucket === undefined) {
      if (this.buckets.size >= this.most) this.makeRoom(now)
      bucket = { tokens: burst, at: now }
      this.buckets.set(key, bucket)
    } else {
      bucket.tokens = Math.min(
        burst,
        bucket.tokens + (Math.max(0, now - bucket.at) * perSecond) / 1000,
      )
      bucket.at = now
    }
    if (bucket.tokens < 1) return Math.ceil(((1 - bucket.tokens) / perSecond) * 1000)
    bucket.tokens -= 1
    return 0
  }

  /** Gives a token back. */
  give(key: string): void {
    const bucket = this.buckets.get(key)
    if (bucket !== undefined) bucket.tokens += 1
  }

  /** Forgets all that are full again. */
  sweep(now: number): void {
    const { burst, perSecond } = this.rate
    for (const [key, { at, tokens }] of this.buckets) {
      if (tokens + ((now - at) * perSecond) / 1000 >= burst) this.buckets.delete(key)
    }
  }

  /** Sweeps, and if that is not enough forgets the eldest: a tenth, so that it is seldom. */
  private makeRoom(now: number): void {
    this.sweep(now)
    if (this.buckets.size < this.most) return
    let left = Math.ceil(this.most / 10)
    for (const key of this.buckets.keys()) {
      if (left-- === 0) return
      this.buckets.delete(key)
    }
  }
}
