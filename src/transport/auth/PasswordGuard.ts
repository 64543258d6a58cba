/**
 * Checks the passwords of visitors, each of whom may guess only so often. A
 * password that was right is accepted without being hashed again.
 */
import { networksOf } from "../../domain/visitor/VisitorAddress.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import type { Cancel } from "../body/Handler.ts"
import { GuessLimit } from "./GuessLimit.ts"
import type { LoginChecker } from "./LoginChecker.ts"
import { PasswordQueue } from "./PasswordQueue.ts"

/** Whether a password is right, or why it is not checked. */
export type Verdict = "right" | "wrong" | ExchangeError

type Decide = (verdict: Verdict) => void

/** See the file's header. One for all rules, as they share the processor. */
export class PasswordGuard {
  private readonly queue: PasswordQueue
  private readonly guesses: GuessLimit
  /** Who waits for the same check of the same visitor. */
  private readonly checks = new Map<string, Set<Decide>>()

  /**
   * @param now in milliseconds
   * @param onLimited called when a network has no more guesses for so many milliseconds
   */
  constructor(now: () => number, onLimited: (network: string, millis: number) => void = () => {}) {
    this.queue = new PasswordQueue(now)
    this.guesses = new GuessLimit(now, onLimited)
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
    const guess = this.guesses.begin(networks)
    if (typeof guess === "number") {
      decide(tooManyWrong(guess))
      return () => {}
    }
    const waiting = new Set([decide])
    this.checks.set(id, waiting)
    const finish = (verdict: Verdict): void => {
      this.checks.delete(id)
      guess(verdict === "wrong" ? "wrong" : "not wrong")
      for (const decide of waiting) decide(verdict)
    }
    const remove = this.queue.enter(
      networks,
      (leave) =>
        checker.verify(credentials, (isRight) => {
          leave()
          if (isRight) this.queue.wasRight(networks)
          finish(isRight ? "right" : "wrong")
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
    this.guesses.limit(network)
  }

  /** Drops the counts of addresses without recent wrong passwords. */
  sweep(): void {
    this.guesses.sweep()
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
