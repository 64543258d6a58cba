/**
 * Runs password checks, two at once, because each takes tens of milliseconds
 * and tens of megabytes. Visitors from an address from which a password was right
 * go first, then those who have asked least, so that nobody waits behind somebody
 * else's guesses.
 */
import type { Networks } from "../../domain/visitor/VisitorAddress.ts"

/** How many checks run at once. */
const maxChecks = 2

/** How many checks may wait. */
export const maxWaiting = 64

/** For how long what somebody has asked counts, in milliseconds. */
const windowMillis = 60_000

/** The most networks with a count. */
const maxCounted = 10_000

/** The most addresses that are remembered because a password was right. */
const maxWelcome = 10_000

/** A check that waits. */
interface WaitingCheck {
  /** Whether a password from the same address was right before. */
  readonly isWelcome: boolean
  /** How many checks each network of the visitor had asked for before, the narrowest network first. */
  readonly before: ReadonlyArray<number>
  readonly start: () => void
  readonly drop: () => void
}

/** Which of two comes first: by the narrowest network, then by the wider ones, then in the order of arrival. */
const compare = ({ before, isWelcome }: WaitingCheck, other: WaitingCheck): number => {
  if (isWelcome !== other.isWelcome) return isWelcome ? -1 : 1
  for (const [i, count] of before.entries()) {
    const difference = count - (other.before[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** See the file's header. */
export class PasswordQueue {
  private readonly now: () => number
  private running = 0
  private readonly waiting: Array<WaitingCheck> = []
  private readonly counts = new Map<string, number>()
  /** Narrowest networks from which a password was right, the most recent last. */
  private readonly welcomed = new Set<string>()
  private windowStart = Number.NEGATIVE_INFINITY

  /** @param now in milliseconds */
  constructor(now: () => number) {
    this.now = now
  }

  /**
   * Runs a check now or later. `run` calls its argument when it is over, and
   * `drop` is called instead if too many wait that come first. The returned
   * function removes a check that still waits; whether it did.
   */
  enter(networks: Networks, run: (leave: () => void) => void, drop: () => void): () => boolean {
    const before = this.count(networks)
    const start = (): void => {
      this.running += 1
      run(() => this.leave())
    }
    if (this.running < maxChecks) {
      start()
      return () => false
    }
    const isWelcome = this.welcomed.has(networks.at(-1) as string)
    const check: WaitingCheck = { isWelcome, before, start, drop }
    const place = this.waiting.findIndex((other) => compare(check, other) < 0)
    this.waiting.splice(place < 0 ? this.waiting.length : place, 0, check)
    if (this.waiting.length > maxWaiting) this.waiting.pop()?.drop()
    return () => this.remove(check)
  }

  /** A check found the password right: it is not counted. */
  wasRight(networks: Networks): void {
    this.welcome(networks)
    for (const network of networks) {
      const count = this.counts.get(network) ?? 0
      if (count > 0) this.counts.set(network, count - 1)
    }
  }

  /** A password from there was right: the next one goes first. */
  welcome(networks: Networks): void {
    const address = networks.at(-1) as string
    this.welcomed.delete(address)
    this.welcomed.add(address)
    if (this.welcomed.size > maxWelcome) {
      const [oldest] = this.welcomed
      this.welcomed.delete(oldest as string)
    }
  }

  private leave(): void {
    this.running -= 1
    this.waiting.shift()?.start()
  }

  private remove(check: WaitingCheck): boolean {
    const at = this.waiting.indexOf(check)
    if (at >= 0) this.waiting.splice(at, 1)
    return at >= 0
  }

  private count(networks: Networks): ReadonlyArray<number> {
    const now = this.now()
    const isPast = now - this.windowStart >= windowMillis || now < this.windowStart
    if (isPast || this.counts.size > maxCounted) {
      this.windowStart = now
      this.counts.clear()
    }
    return networks.toReversed().map((network) => {
      const count = this.counts.get(network) ?? 0
      this.counts.set(network, count + 1)
      return count
    })
  }
}
