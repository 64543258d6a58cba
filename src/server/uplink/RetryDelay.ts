/**
 * How long a server waits before it connects to its relay again: longer the
 * longer the relay is away (`Backoff.ts`), and as long as the relay asks for.
 */
import type * as Clock from "effect/Clock"
import { elapsedMillis } from "../../transport/runtime/Deadlines.ts"
import * as Backoff from "./Backoff.ts"
import type { Outage } from "./FailureLog.ts"
import type { ListenError } from "./ListenError.ts"

/** A wait in milliseconds, given a random number from 0 to 1. */
export type Delay = (random: number) => number

/** The first wait of a server whose key is not known yet, in milliseconds; each further one is twice as long. */
const firstRefused = 1_000

/** The longest of these waits, in milliseconds: somebody may be about to approve it. */
const longestRefused = 4_000

/**
 * The wait of a server whose key is not known. Less of it is random than after a
 * lost connection: only this server waits, and each try counts at the relay.
 */
const refusedWait = (failures: number, random: number): number =>
  (Math.min(firstRefused * 2 ** Math.min(failures - 1, 10), longestRefused) * (1 + random)) / 2

/** The first wait of a link beyond the relay's limit, if the relay does not ask for another; in milliseconds. */
const firstCrowded = 5_000

/** The longest wait of a link beyond the relay's limit, in milliseconds. */
const longestCrowded = 120_000

/** After so long without such a refusal the next one counts as the first, in milliseconds. */
const crowdedSpan = 600_000

/** A connection that lasted so long, in milliseconds, ends a series of failures. */
const steadyMillis = 5_000

/** See the file's header. */
export class RetryDelay {
  private readonly clock: Clock.Clock
  /** Failures in a row, and when the first of them was; in monotonic milliseconds. */
  private failures = 0
  private failingSince = 0
  /** When the relay was connected to; `undefined` while it is not. */
  private connectedSince: number | undefined
  /** How often in a row a link was beyond the relay's limit, and when last. */
  private crowdings = 0
  private lastCrowded = 0

  constructor(clock: Clock.Clock) {
    this.clock = clock
  }

  /** The relay was connected to. */
  connected(): void {
    this.connectedSince ??= elapsedMillis(this.clock)
  }

  /** The wait after a failure to connect, or the loss of a connection. */
  afterFailure({ reason, retryMillis }: ListenError): Delay {
    const now = elapsedMillis(this.clock)
    const { connectedSince } = this
    if (connectedSince !== undefined && now - connectedSince >= steadyMillis) this.failures = 0
    this.connectedSince = undefined
    if (this.failures === 0) this.failingSince = now
    this.failures += 1
    const { failures } = this
    const outage = now - this.failingSince
    return (random) => {
      if (reason === "refused") return refusedWait(failures, random)
      const millis = Backoff.wait(failures, outage, random)
      return reason === "limited" ? (retryMillis ?? 0) + millis : millis
    }
  }

  /** The series of failures so far. */
  get outage(): Outage {
    return { failures: this.failures, millis: elapsedMillis(this.clock) - this.failingSince }
  }

  /** The wait after the relay refused one link of several, and whether that is the first time in a while. */
  afterCrowding({ retryMillis }: ListenError): {
    readonly delay: Delay
    readonly isFirst: boolean
  } {
    const now = elapsedMillis(this.clock)
    const isFirst = this.crowdings === 0 || now - this.lastCrowded > crowdedSpan
    this.crowdings = isFirst ? 1 : this.crowdings + 1
    this.lastCrowded = now
    const first = retryMillis ?? firstCrowded
    const most = Math.min(first * 2 ** Math.min(this.crowdings - 1, 10), longestCrowded)
    return { isFirst, delay: (random) => first + most * random }
  }
}
