/**
 * Who knocked without being known: servers with a name or a key that the
 * configuration does not have, until an administrator decides. Bounded as a
 * whole and for each address, so that nobody can fill it for the others.
 */
import type { ServerName } from "../../domain/ServerName.ts"
import type { Tripcode } from "../../domain/Tripcode.ts"
import { bucketOf } from "../../domain/VisitorAddress.ts"

/** A server that was refused. */
export interface Stranger {
  readonly name: ServerName
  readonly tripcode: Tripcode
  /** Where it came from last. */
  readonly address: string
  /** Milliseconds since 1970. */
  readonly firstSeen: number
  /** Milliseconds since 1970. */
  readonly lastSeen: number
  /** Whether an administrator does not want to see it. */
  readonly ignored: boolean
}

/** The most of them altogether; who has not been seen for the longest time goes first. */
export const maxStrangers = 1_000

/** The most of them from one address. */
export const maxOfAddress = 50

/** The most new ones from one address within {@link windowMillis}. */
export const maxNew = 10

/** Over how long new ones are counted, in milliseconds. */
export const windowMillis = 60_000

/** The most addresses that are counted at once; further ones are counted together. */
const maxCounted = 10_000

/** What has become of a knock: it was known, is remembered from now on, or is one too many of its address, the first such of the minute or not. */
export type Remembered = "again" | "new" | "too many" | "far too many"

const keyOf = (name: string, tripcode: string): string => `${name} ${tripcode}`

/** See the file's header. */
export class Unregistered {
  private readonly strangers = new Map<string, Stranger>()
  /** The groups of the addresses that they first came from, by the same keys. */
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

  /** Whether an address has brought more new ones than it may: then it is guessing. */
  isLimited(address: string, at: number): boolean {
    if (this.isPast(at)) return false
    return (this.counts.get(this.counted(bucketOf(address))) ?? 0) > maxNew
  }

  /** How long it is until all may bring new ones again, in milliseconds. */
  millisLeft(at: number): number {
    return this.isPast(at) ? 0 : this.windowStart + windowMillis - at
  }

  /** Hides one that is there; whether it is. */
  ignore(name: string, tripcode: string): boolean {
    const key = keyOf(name, tripcode)
    const before = this.strangers.get(key)
    if (before !== undefined) this.strangers.set(key, { ...before, ignored: true })
    return before !== undefined
  }

  /** Drops one that is known by now. */
  forget(name: string, tripcode: string): void {
    this.drop(keyOf(name, tripcode))
  }

  /** All of them; who was seen last is last. */
  all(): ReadonlyArray<Stranger> {
    return [...this.strangers.values()]
  }

  private count(group: string, at: number): number {
    if (this.isPast(at)) {
      this.windowStart = at
      this.counts.clear()
    }
    const counted = this.counted(group)
    const count = (this.counts.get(counted) ?? 0) + 1
    this.counts.set(counted, count)
    return count
  }

  /** Whether the window is over, or the clock was put back. */
  private isPast(at: number): boolean {
    return at < this.windowStart || at - this.windowStart >= windowMillis
  }

  private counted(group: string): string {
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
