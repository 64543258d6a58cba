/**
 * Rate and concurrency limits by key: a token bucket and a count of what runs.
 * Only keys in use are kept, and hardly ever more than a fixed number.
 */

/** How many requests may run at once and how often they may come: a token bucket. `Infinity` is no limit. */
export interface Quota {
  /** How many tokens the bucket gains per second. */
  readonly perSecond: number
  /** How many tokens the bucket holds. */
  readonly burst: number
  readonly atOnce: number
}

/** How much of its quota a key has used. */
export interface Usage {
  tokens: number
  /** When `tokens` was computed, in milliseconds. */
  at: number
  running: number
}

/** The wait that is reported when too many run at once, in milliseconds. */
const busyMillis = 1_000

/** See the file's header. */
export class Quotas {
  private readonly maxKeys: number
  private readonly usages = new Map<string, Usage>()

  constructor(maxKeys = 50_000) {
    this.maxKeys = maxKeys
  }

  /** How many keys are kept. */
  get size(): number {
    return this.usages.size
  }

  /** Begins a use, to be ended by `leave` or `takeBack`; a number is the wait in milliseconds until one is allowed. */
  enter(key: string, now: number, { atOnce, burst, perSecond }: Quota): Usage | number {
    let usage = this.usages.get(key)
    if (usage === undefined) {
      if (this.usages.size >= this.maxKeys) this.makeRoom(now, { atOnce, burst, perSecond })
      usage = { tokens: burst, at: now, running: 0 }
      this.usages.set(key, usage)
    } else {
      // A clock that was set back neither adds nor takes tokens.
      const passed = Math.max(0, now - usage.at)
      usage.tokens = Math.min(burst, usage.tokens + (passed * perSecond) / 1000)
      usage.at = now
    }
    if (usage.running >= atOnce) return busyMillis
    if (usage.tokens < 1) return Math.ceil(((1 - usage.tokens) / perSecond) * 1000)
    usage.tokens -= 1
    usage.running += 1
    return usage
  }

  /** Ends a use. */
  leave(usage: Usage): void {
    usage.running -= 1
  }

  /** Ends a use without counting it. */
  takeBack(usage: Usage): void {
    usage.running -= 1
    usage.tokens += 1
  }

  /** Drops keys whose bucket is full and of which nothing runs. */
  sweep(now: number, { burst, perSecond }: Quota): void {
    for (const [key, { at, running, tokens }] of this.usages) {
      if (running === 0 && tokens + ((now - at) * perSecond) / 1000 >= burst)
        this.usages.delete(key)
    }
  }

  /** Sweeps; if that is not enough, drops the oldest idle tenth, so that it happens rarely. */
  private makeRoom(now: number, quota: Quota): void {
    this.sweep(now, quota)
    if (this.usages.size < this.maxKeys) return
    let left = Math.ceil(this.maxKeys / 10)
    for (const [key, { running }] of this.usages) {
      if (running > 0) continue
      this.usages.delete(key)
      left -= 1
      if (left === 0) return
    }
  }
}
