/**
 * Until when a server may begin a request. The relay reports a failure to the
 * visitor no sooner than a lease after it handed the request out. So a server that
 * begins within the lease begins nothing that was reported as failed. The age of a
 * request is an upper bound: the relay sends its clock before requests and pongs,
 * and a clock that it read after a ping arrived is not older than that ping
 * (docs/protocol.md, Begin).
 */
import type * as StreamFrame from "../../protocol/StreamFrame.ts"
import type { RunningClock } from "../runtime/RunningClock.ts"

/** How old the relay's time may be when it sends something behind it, in milliseconds. */
export const clockMillis = 20

/** A request that seems to come so long before it was sent, in milliseconds, shows that this machine's clock was stopped. */
const impossibleMillis = 250

/** A moment at both ends: the relay's clock showed `relay` no earlier than this end's showed `own`. */
interface Sample {
  readonly own: number
  readonly relay: number
}

/** See the file's header. One for each link of a server. */
export class BeginLease {
  private readonly clock: RunningClock
  private pingedAt = 0
  /** The last clock of the relay; `undefined` for a relay that sends none. */
  private last: StreamFrame.Clock | undefined
  private sample: Sample | undefined

  constructor(clock: RunningClock) {
    this.clock = clock
  }

  /** Milliseconds of this end's clock. */
  now(): number {
    return this.clock.now()
  }

  /** A ping is sent. */
  pinged(): void {
    this.pingedAt = this.clock.now()
  }

  /** The relay's clock has come. */
  received(clock: StreamFrame.Clock): void {
    this.last = clock
  }

  /** The pong to the last ping has come, behind a clock. */
  ponged(): void {
    if (this.last !== undefined)
      this.sample = { own: this.pingedAt - clockMillis, relay: this.last.millis }
  }

  /** How old what comes now is, in milliseconds; 0 if that is not known. */
  age(): number {
    const at = this.handedOutAt()
    return at === undefined ? 0 : Math.max(0, this.clock.now() - at)
  }

  /** When what comes now was sent, at the earliest; `undefined` if that is not known. */
  private handedOutAt(): number | undefined {
    const { last, sample } = this
    if (last === undefined || sample === undefined) return undefined
    const at = sample.own + ((last.millis - sample.relay) | 0)
    return at - this.clock.now() > impossibleMillis ? undefined : at
  }

  /** Whether the relay sends its clock. */
  get hasRelayClock(): boolean {
    return this.last !== undefined
  }

  /** Until when the request that comes now may be begun without asking. */
  beginBy(): number {
    const { last } = this
    // A relay without a clock: only a process that was paused may have an old request before it.
    if (last === undefined)
      return this.clock.hasStoodStillSince(this.clock.now() - recentMillis)
        ? -1
        : Number.POSITIVE_INFINITY
    const at = this.handedOutAt()
    return at === undefined ? -1 : at + last.lease
  }
}

/** How long what is read after a standstill may be old, in milliseconds. */
const recentMillis = 1_000
