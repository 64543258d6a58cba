/**
 * Servers that tried to connect with a name or a key that is not registered,
 * for an administrator to approve or ignore. Bounded as a whole and per
 * address, so that one address cannot push out the others.
 */
import type { ServerName } from "../../domain/ServerName.ts"
import type { Tripcode } from "../../domain/Tripcode.ts"
import { bucketOf } from "../../domain/VisitorAddress.ts"

/** A server that was refused. */
export interface Stranger {
  readonly name: ServerName
  readonly tripcode: Tripcode
  /** From which it was refused last. */
  readonly address: string
  /** Milliseconds since 1970. */
  readonly firstSeen: number
  /** Milliseconds since 1970. */
  readonly lastSeen: number
  /** Whether an administrator has hidden it. */
  readonly ignored: boolean
}

/** The most strangers altogether; the least recently seen is dropped first. */
export const maxStrangers = 1_000

/** The most strangers of one address. */
export const maxOfAddress = 50

/** The most new strangers of one address within {@link windowMillis}. */
export const maxNew = 10

/** The window in which new strangers are counted, in milliseconds. */
export const windowMillis = 60_000

/** The most addresses with a count of their own; further ones share one. */
const maxCounted = 10_000

/** Result of recording a refused attempt: already recorded, newly recorded, or over the limit of its address (the first time in the window, or again). */
export type Remembered = "again" | "new" | "too many" | "far too many"

const keyOf = (name: string, tripcode: string): string => `${name} ${tripcode}`

/** See the file's header. */
export class Strangers {
  private readonly strangers = new Map<string, Stranger>()
  /** The address group of each stranger's first attempt, by the same keys. */
  private readonly groups = new Map<string, string>()
  private readonly counts = new Map<string, number>()
  private windowStart = Number.NEGATIVE_INFINITY

  /** A server with a valid name was refused. */
  remember(name: ServerName, tripcode: Tripcode, address: string, at: number): Remembered {
    const key = keyOf(name, tripcode)
    const before = this.strangers.get(key)
    if (before === undefined) {
      const group = bucketOf(address)
      const count = this.count(group, at)
      if (count > maxNew) return count === maxNew + 1 ? "too many" : "far too many"
      this.makeRoom(group)
      this.groups.set(key, group)
    }
    this.strangers.delete(key)
    this.strangers.set(key, {
      name,
      tripcode,
      address,
      firstSeen: before?.firstSeen ?? at,
      lastSeen: at,
      ignored: before?.ignored ?? false,
    })
    return before === undefined ? "new" : "again"
  }

  /** Whether an address is over its limit of new strangers, as one that guesses keys is. */
  isLimited(address: string, at: number): boolean {
    if (this.isPast(at)) return false
    return (this.counts.get(this.countedAs(bucketOf(address))) ?? 0) > maxNew
  }

  /** How long until the window ends, in milliseconds. */
  millisLeft(at: number): number {
    return this.isPast(at) ? 0 : this.windowStart + windowMillis - at
  }

  /** Hides a stranger; `false` if there is none. */
  ignore(name: string, tripcode: string): boolean {
    const key = keyOf(name, tripcode)
    const before = this.strangers.get(key)
    if (before !== undefined) this.strangers.set(key, { ...before, ignored: true })
    return before !== undefined
  }

  /** Drops a stranger that is registered by now. */
  forget(name: string, tripcode: string): void {
    this.drop(keyOf(name, tripcode))
  }

  /** All strangers; the last seen is last. */
  all(): ReadonlyArray<Stranger> {
    return [...this.strangers.values()]
  }

  private count(group: string, at: number): number {
    if (this.isPast(at)) {
      this.windowStart = at
      this.counts.clear()
    }
    const key = this.countedAs(group)
    const count = (this.counts.get(key) ?? 0) + 1
    this.counts.set(key, count)
    return count
  }

  /** Whether the window is over, or the clock was set back. */
  private isPast(at: number): boolean {
    return at < this.windowStart || at - this.windowStart >= windowMillis
  }

  private countedAs(group: string): string {
    return this.counts.size < maxCounted || this.counts.has(group) ? group : "others"
  }

  private makeRoom(group: string): void {
    const oldest = this.strangers.keys().next().value
    if (this.strangers.size >= maxStrangers && oldest !== undefined) this.drop(oldest)
    let ofGroup = 0
    let first: string | undefined
    for (const key of this.strangers.keys()) {
      if (this.groups.get(key) !== group) continue
      ofGroup += 1
      first ??= key
    }
    if (ofGroup >= maxOfAddress && first !== undefined) this.drop(first)
  }

  private drop(key: string): void {
    this.strangers.delete(key)
    this.groups.delete(key)
  }
}
