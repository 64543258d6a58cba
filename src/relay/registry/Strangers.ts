/**
 * Servers that tried to connect with a name or a key that is not registered,
 * for an administrator to approve or ignore. Bounded as a whole, per address
 * and per network, so that neither an address nor a customer with a whole IPv6
 * network can push out the others.
 */
import type { ServerName } from "../../domain/ServerName.ts"
import type { Tripcode } from "../../domain/Tripcode.ts"
import { type Networks, networksOf } from "../../domain/visitor/VisitorAddress.ts"

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

/** The most strangers altogether. Beyond that the network that has the most loses the least recently seen of its own. */
export const maxStrangers = 1_000

/** The most strangers of one address. */
export const maxOfAddress = 50

/** The most new strangers of one address within {@link windowMillis}. */
export const maxNew = 10

/** The most new strangers of an IPv6 /48 and of a /56 within {@link windowMillis}: what one customer has (RFC 6177). */
const maxNewOfSites = [4 * maxNew, 2 * maxNew] as const

/** The window in which new strangers are counted, in milliseconds. */
export const windowMillis = 60_000

/** The most networks with a count; beyond that the one that was counted first is forgotten. */
const maxCounted = 10_000

/** Result of recording a refused attempt: already recorded, newly recorded, or over the limit of its address (the first time in the window, or again). */
export type Remembered = "again" | "new" | "too many" | "far too many"

const keyOf = (name: string, tripcode: string): string => `${name} ${tripcode}`

/** The networks whose new strangers are limited, with their limits, the widest first. */
const limitsOf = ([, ...narrower]: Networks): ReadonlyArray<
  readonly [network: string, most: number]
> => {
  const sites = narrower.length > 2 ? narrower.slice(0, 2) : []
  return [
    ...sites.map((site, i) => [site, maxNewOfSites[i] as number] as const),
    [narrower.at(-1) as string, maxNew],
  ]
}

/** See the file's header. */
export class Strangers {
  private readonly strangers = new Map<string, Stranger>()
  /** The networks of each stranger's first attempt, by the same keys. */
  private readonly networks = new Map<string, Networks>()
  /** The keys of the strangers of each network; the least recently seen is first. */
  private readonly members = new Map<string, Set<string>>()
  private readonly counts = new Map<string, number>()
  private windowStart = Number.NEGATIVE_INFINITY
  /** Networks that other relays have found over their limit, and until when they are. */
  private readonly limitedElsewhere = new Map<string, number>()
  /** Ignored on another relay, seen here or not. */
  private readonly ignored = new Set<string>()

  /** A server with a valid name was refused. */
  remember(name: ServerName, tripcode: Tripcode, address: string, at: number): Remembered {
    const key = keyOf(name, tripcode)
    const before = this.strangers.get(key)
    const networks = this.networks.get(key) ?? networksOf(address)
    if (before === undefined) {
      const over = this.count(networks, at)
      if (over !== undefined) return over
      this.makeRoom(networks)
    }
    this.drop(key)
    this.add(key, networks, {
      name,
      tripcode,
      address,
      firstSeen: before?.firstSeen ?? at,
      lastSeen: at,
      ignored: before?.ignored ?? this.ignored.has(key),
    })
    return before === undefined ? "new" : "again"
  }

  /** Whether an address is over its limit of new strangers, as one that guesses keys is. */
  isLimited(address: string, at: number): boolean {
    const isOver = !this.isPast(at)
    return limitsOf(networksOf(address)).some(
      ([network, most]) =>
        (isOver && (this.counts.get(network) ?? 0) > most) ||
        (this.limitedElsewhere.get(network) ?? 0) > at,
    )
  }

  /** The network of an address that is over its limit here. */
  limitedNetwork(address: string): string | undefined {
    return limitsOf(networksOf(address)).find(
      ([network, most]) => (this.counts.get(network) ?? 0) > most,
    )?.[0]
  }

  /** Another relay has found a network over its limit; it is limited here for so many milliseconds. */
  limit(network: string, at: number, millis: number): void {
    for (const [other, until] of this.limitedElsewhere)
      if (until <= at || this.limitedElsewhere.size >= maxCounted)
        this.limitedElsewhere.delete(other)
    this.limitedElsewhere.set(network, at + Math.min(millis, windowMillis))
  }

  /** How long until the window ends, in milliseconds. */
  millisLeft(at: number): number {
    return this.isPast(at) ? windowMillis : this.windowStart + windowMillis - at
  }

  /** Hides a stranger; `false` if there is none. */
  ignore(name: string, tripcode: string): boolean {
    const key = keyOf(name, tripcode)
    const before = this.strangers.get(key)
    if (before !== undefined) this.strangers.set(key, { ...before, ignored: true })
    return before !== undefined
  }

  /** Hides a stranger, also one that is yet to come. */
  ignoreAlways(name: string, tripcode: string): void {
    this.ignored.add(keyOf(name, tripcode))
    this.ignore(name, tripcode)
  }

  /** Drops a stranger that is registered by now. */
  forget(name: string, tripcode: string): void {
    this.drop(keyOf(name, tripcode))
  }

  /** All strangers; the last seen is last. */
  all(): ReadonlyArray<Stranger> {
    return [...this.strangers.values()]
  }

  /** Counts a new stranger, from the widest network to the narrowest, up to the first that is over its limit. */
  private count(networks: Networks, at: number): "too many" | "far too many" | undefined {
    if (this.isPast(at)) {
      this.windowStart = at
      this.counts.clear()
    }
    for (const [network, most] of limitsOf(networks)) {
      const count = (this.counts.get(network) ?? 0) + 1
      if (count === 1 && this.counts.size >= maxCounted)
        this.counts.delete(this.counts.keys().next().value as string)
      this.counts.set(network, count)
      if (count > most) return count === most + 1 ? "too many" : "far too many"
    }
    return undefined
  }

  /** Whether the window is over, or the clock was set back. */
  private isPast(at: number): boolean {
    return at < this.windowStart || at - this.windowStart >= windowMillis
  }

  private makeRoom(networks: Networks): void {
    const ofAddress = this.members.get(networks.at(-1) as string)
    if (ofAddress !== undefined && ofAddress.size >= maxOfAddress) this.dropFirst(ofAddress)
    if (this.strangers.size >= maxStrangers) this.dropFirst(this.largest())
  }

  /** The strangers of the network that has the most, in it of the narrower one that has the most, and so on. */
  private largest(): ReadonlySet<string> {
    let members: ReadonlySet<string> = new Set(this.strangers.keys())
    for (let level = 0; ; level++) {
      let largest: ReadonlySet<string> | undefined
      for (const key of members) {
        const network = this.networks.get(key)?.[level]
        const ofNetwork = network === undefined ? undefined : this.members.get(network)
        if (ofNetwork !== undefined && ofNetwork.size > (largest?.size ?? 0)) largest = ofNetwork
      }
      if (largest === undefined) return members
      members = largest
    }
  }

  private dropFirst(members: ReadonlySet<string>): void {
    const [first] = members
    if (first !== undefined) this.drop(first)
  }

  private add(key: string, networks: Networks, stranger: Stranger): void {
    this.strangers.set(key, stranger)
    this.networks.set(key, networks)
    for (const network of networks) {
      const members = this.members.get(network)
      if (members === undefined) this.members.set(network, new Set([key]))
      else members.add(key)
    }
  }

  private drop(key: string): void {
    this.strangers.delete(key)
    for (const network of this.networks.get(key) ?? []) {
      const members = this.members.get(network)
      members?.delete(key)
      if (members?.size === 0) this.members.delete(network)
    }
    this.networks.delete(key)
  }
}
