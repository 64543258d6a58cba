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
  /** What runs of this key in other processes, as they have reported. */
  elsewhere: number
  /** Tokens taken since the last {@link Quotas.report}. */
  taken: number
}

/** What one process reports of its usages, by keys. */
export interface UsageCounts {
  /** Tokens taken since the last report; negative if some were given back. */
  readonly taken: ReadonlyMap<string, number>
  /** What runs now, all of it. */
  readonly running: ReadonlyMap<string, number>
}

/** The most keys of a report: those with the most usage. */
const maxReported = 1_000

/** The wait that is reported when too many run at once, in milliseconds. */
const busyMillis = 1_000

/** See the file's header. */
export class Quotas {
  private readonly maxKeys: number
  private readonly usages = new Map<string, Usage>()
  /** Used since the last report, or running; `undefined` if nobody wants reports. */
  private active: Map<string, Usage> | undefined
  /** What runs in other processes, by their names. */
  private readonly reports = new Map<string, ReadonlyMap<string, number>>()

  constructor(maxKeys = 50_000) {
    this.maxKeys = maxKeys
  }

  /** How many keys are kept. */
  get size(): number {
    return this.usages.size
  }

  /** Begins a use, to be ended by `leave` or `takeBack`; a number is the wait in milliseconds until one is allowed. */
  enter(key: string, now: number, { atOnce, burst, perSecond }: Quota): Usage | number {
    const usage = this.usageOf(key, now, { atOnce, burst, perSecond })
    if (usage.running + usage.elsewhere >= atOnce) return busyMillis
    if (usage.tokens < 1) return Math.ceil(((1 - usage.tokens) / perSecond) * 1000)
    usage.tokens -= 1
    usage.running += 1
    if (this.active !== undefined) {
      usage.taken += 1
      this.active.set(key, usage)
    }
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
    if (this.active !== undefined) usage.taken -= 1
  }

  /** Leaves a key no tokens, as if they had been taken. */
  empty(key: string, now: number, quota: Quota): void {
    const usage = this.usageOf(key, now, quota)
    usage.tokens = Math.min(usage.tokens, 0)
  }

  /** What to tell other processes. Only usage after the first call is reported. */
  report(): UsageCounts {
    this.active ??= new Map()
    const [taken, running] = [new Map<string, number>(), new Map<string, number>()]
    let entries = [...this.active]
    if (entries.length > maxReported)
      entries = entries
        .sort(([, one], [, other]) => other.taken + other.running - one.taken - one.running)
        .slice(0, maxReported)
    for (const [key, usage] of entries) {
      if (usage.taken !== 0) taken.set(key, usage.taken)
      if (usage.running > 0) running.set(key, usage.running)
      else this.active.delete(key)
      usage.taken = 0
    }
    return { taken, running }
  }

  /** Counts what another process reports; `running` replaces that of its last report. Keys without a quota are ignored. */
  count(
    from: string,
    { running, taken }: UsageCounts,
    now: number,
    quotaOf: (key: string) => Quota | undefined,
  ): void {
    for (const [key, tokens] of taken) {
      const quota = quotaOf(key)
      if (quota === undefined) continue
      const usage = this.usageOf(key, now, quota)
      // A debt is paid off after as long as a full bucket takes at most.
      usage.tokens = Math.min(quota.burst, Math.max(-quota.burst, usage.tokens - tokens))
    }
    for (const [key, count] of this.reports.get(from) ?? []) {
      const usage = this.usages.get(key)
      if (usage !== undefined) usage.elsewhere = Math.max(0, usage.elsewhere - count)
    }
    for (const [key, count] of running) {
      const quota = quotaOf(key)
      if (quota !== undefined) this.usageOf(key, now, quota).elsewhere += count
    }
    if (running.size === 0) this.reports.delete(from)
    else this.reports.set(from, running)
  }

  /** The usage of a key, with the tokens that it has gained by now. */
  private usageOf(key: string, now: number, quota: Quota): Usage {
    let usage = this.usages.get(key)
    if (usage === undefined) {
      if (this.usages.size >= this.maxKeys) this.makeRoom(now, quota)
      usage = { tokens: quota.burst, at: now, running: 0, elsewhere: 0, taken: 0 }
      this.usages.set(key, usage)
      return usage
    }
    // A clock that was set back neither adds nor takes tokens.
    const passed = Math.max(0, now - usage.at)
    usage.tokens = Math.min(quota.burst, usage.tokens + (passed * quota.perSecond) / 1000)
    usage.at = now
    return usage
  }

  /** Drops keys whose bucket is full and of which nothing runs. */
  sweep(now: number, { burst, perSecond }: Quota): void {
    for (const [key, { at, elsewhere, running, tokens }] of this.usages) {
      if (running + elsewhere === 0 && tokens + ((now - at) * perSecond) / 1000 >= burst)
        this.usages.delete(key)
    }
  }

  /** Sweeps; if that is not enough, drops the oldest idle tenth, so that it happens rarely. */
  private makeRoom(now: number, quota: Quota): void {
    this.sweep(now, quota)
    if (this.usages.size < this.maxKeys) return
    let remaining = Math.ceil(this.maxKeys / 10)
    for (const [key, { running }] of this.usages) {
      if (running > 0) continue
      this.usages.delete(key)
      remaining -= 1
      if (remaining === 0) return
    }
  }
}
