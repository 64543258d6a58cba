/**
 * Limits how often visitors may be wrong, by address and by the networks that
 * one customer may have.
 */
import type { Networks } from "../../domain/visitor/VisitorAddress.ts"
import { type Quota, Quotas, type Usage } from "../runtime/Quotas.ts"

/** In which as many guesses come back as a network may make at once, in milliseconds. */
const windowMillis = 60_000

/** So many wrong passwords at once, then as many each minute. */
const guesses = (count: number): Quota => ({
  perSecond: count / 60,
  burst: count,
  atOnce: Number.POSITIVE_INFINITY,
})

/** How many wrong passwords an address, and an IPv6 /64, may send. */
const ofAddress = guesses(10)

/** The same for an IPv6 /48 and a /56, which one customer may have (RFC 6177). */
const ofSites = [guesses(40), guesses(20)] as const

const limitsOf = ([, ...narrower]: Networks): ReadonlyArray<readonly [string, Quota]> => [
  ...ofSites.flatMap((quota, i): ReadonlyArray<readonly [string, Quota]> => {
    const site = narrower.length > ofSites.length ? narrower[i] : undefined
    return site === undefined ? [] : [[site, quota]]
  }),
  [narrower.at(-1) as string, ofAddress],
]

/** What a guess takes of one quota. */
interface Share {
  readonly network: string
  readonly quotas: Quotas
  readonly usage: Usage
}

/** Ends a guess; one that was not wrong does not count. */
type End = (outcome: "wrong" | "not wrong") => void

/** See the file's header. */
export class GuessLimit {
  private readonly now: () => number
  private readonly onLimited: (network: string, millis: number) => void
  /** By quota, since each may only be swept by its own rate. */
  private readonly guesses = new Map<Quota, Quotas>()

  /**
   * @param now in milliseconds
   * @param onLimited called when a network has no more guesses for so many milliseconds
   */
  constructor(now: () => number, onLimited: (network: string, millis: number) => void = () => {}) {
    this.now = now
    this.onLimited = onLimited
  }

  /** Begins a guess, which has to be ended; a number is the wait in milliseconds until one is allowed. */
  begin(networks: Networks): End | number {
    const shares: Array<Share> = []
    for (const [network, quota] of limitsOf(networks)) {
      const quotas = this.quotasOf(quota)
      const usage = quotas.enter(network, this.now(), quota)
      if (typeof usage === "number") {
        for (const share of shares) share.quotas.takeBack(share.usage)
        return usage
      }
      shares.push({ network, quotas, usage })
    }
    return (outcome) => {
      for (const { network, quotas, usage } of shares) {
        if (outcome === "not wrong") quotas.takeBack(usage)
        else {
          quotas.leave(usage)
          if (usage.tokens < 1) this.onLimited(network, windowMillis)
        }
      }
    }
  }

  /** A network has no more guesses, as another process has found. */
  limit(network: string): void {
    for (const quota of [ofAddress, ...ofSites])
      this.quotasOf(quota).empty(network, this.now(), quota)
  }

  /** Drops the counts of addresses that were not wrong recently. */
  sweep(): void {
    for (const [quota, quotas] of this.guesses) quotas.sweep(this.now(), quota)
  }

  private quotasOf(quota: Quota): Quotas {
    const quotas = this.guesses.get(quota) ?? new Quotas()
    this.guesses.set(quota, quotas)
    return quotas
  }
}
