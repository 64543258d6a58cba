/**
 * Checks the passwords of visitors, each of whom may guess only so often. A
 * password that was right is accepted without being hashed again.
 */
import { type Networks, networksOf } from "../../domain/visitor/VisitorAddress.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import type { Cancel } from "../body/Handler.ts"
import { type Quota, Quotas, type Usage } from "../runtime/Quotas.ts"
import type { LoginChecker } from "./LoginChecker.ts"
import { PasswordQueue } from "./PasswordQueue.ts"

/** Whether a password is right, or why it is not checked. */
export type Verdict = "right" | "wrong" | ExchangeError

type Decide = (verdict: Verdict) => void

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

/** Guesses that are counted, to be ended. */
interface Attempt {
  readonly network: string
  readonly quotas: Quotas
  readonly usage: Usage
}

/** See the file's header. One for all rules, as they share the processor. */
export class PasswordGuard {
  private readonly now: () => number
  private readonly onLimited: (network: string, millis: number) => void
  private readonly queue: PasswordQueue
  /** By quota, since each may only be swept by its own rate. */
  private readonly attempts = new Map<Quota, Quotas>()
  /** Who waits for the same check of the same visitor. */
  private readonly checks = new Map<string, Set<Decide>>()

  /**
   * @param now in milliseconds
   * @param onLimited called when a network has no more guesses for so many milliseconds
   */
  constructor(now: () => number, onLimited: (network: string, millis: number) => void = () => {}) {
    this.now = now
    this.onLimited = onLimited
    this.queue = new PasswordQueue(now)
  }

  /**
   * Checks credentials that came from an address, now or later. The returned
   * function is called when nobody wants to know any more.
   */
  check(checker: LoginChecker, credentials: string, address: string, decide: Decide): Cancel {
    const networks = networksOf(address)
    if (checker.isKnown(credentials)) {
      this.queue.welcome(networks)
      decide("right")
      return () => {}
    }
    const id = `${networks.at(-1)} ${checker.idOf(credentials)}`
    const others = this.checks.get(id)
    if (others !== undefined) {
      others.add(decide)
      return () => others.delete(decide)
    }
    const attempts = this.count(networks)
    if (typeof attempts === "number") {
      decide(tooManyWrong(attempts))
      return () => {}
    }
    const waiting = new Set([decide])
    this.checks.set(id, waiting)
    const finish = (verdict: Verdict): void => {
      this.checks.delete(id)
      for (const { network, quotas, usage } of attempts) {
        if (verdict !== "wrong") quotas.takeBack(usage)
        else {
          quotas.leave(usage)
          if (usage.tokens < 1) this.onLimited(network, windowMillis)
        }
      }
      for (const one of waiting) one(verdict)
    }
    const remove = this.queue.enter(
      networks,
      (leave) =>
        checker.verify(credentials, (right) => {
          leave()
          if (right) this.queue.wasRight(networks)
          finish(right ? "right" : "wrong")
        }),
      () => finish(busy),
    )
    return () => {
      waiting.delete(decide)
      if (waiting.size === 0 && remove()) finish(busy)
    }
  }

  /** A network has no more guesses, as another relay has found. */
  limit(network: string): void {
    for (const quota of [ofAddress, ...ofSites])
      this.quotasOf(quota).empty(network, this.now(), quota)
  }

  /** Drops the counts of addresses without recent wrong passwords. */
  sweep(): void {
    for (const [quota, quotas] of this.attempts) quotas.sweep(this.now(), quota)
  }

  /** Counts a guess in each network; a number is the wait in milliseconds until one is allowed. */
  private count(networks: Networks): ReadonlyArray<Attempt> | number {
    const counted: Array<Attempt> = []
    for (const [network, quota] of limitsOf(networks)) {
      const quotas = this.quotasOf(quota)
      const usage = quotas.enter(network, this.now(), quota)
      if (typeof usage === "number") {
        for (const attempt of counted) attempt.quotas.takeBack(attempt.usage)
        return usage
      }
      counted.push({ network, quotas, usage })
    }
    return counted
  }

  private quotasOf(quota: Quota): Quotas {
    const quotas = this.attempts.get(quota) ?? new Quotas()
    this.attempts.set(quota, quotas)
    return quotas
  }
}

const tooManyWrong = (waitMillis: number): ExchangeError =>
  new ExchangeError({
    code: "PTTH_TOO_MANY_REQUESTS",
    detail: "too many passwords from your network were wrong",
    retryAfter: Math.ceil(waitMillis / 1000),
  })

/** Too many checks wait that come first. */
const busy = new ExchangeError({
  code: "PTTH_QUEUE_FULL",
  detail: "too many sign-ins are being checked",
  retryAfter: 2,
})
