/**
 * Busy-polls the event loop for up to 1 ms while small messages follow each
 * other closely, as they do when one visitor sends one request after another.
 * Putting an idle processor to sleep and waking it costs more than all of
 * PTTH's work on a request, above all in a virtual machine (docs/performance.md
 * has the figures). A loop that has other work, or whose messages are large or
 * rare, sleeps as usual. The configuration decides whether it is allowed.
 */
import { availableParallelism } from "node:os"

/** How long to poll for the next message, in milliseconds. */
export const windowMillis = 1

/** The score from which it polls: so many small messages in close succession. */
const threshold = 4
/** The highest score. */
const maxScore = 16
/** So many close messages are ignored after the loop was found to have other work. */
const backOff = 64
/** A loop with fewer iterations than this between two messages has other work. */
const idleTurns = 8

/** The event loop, as far as it is used here. */
export interface Loop {
  /** In milliseconds. */
  readonly now: () => number
  /** Calls back in the next iteration, which starts without waiting for events: `setImmediate`. */
  readonly turn: (call: () => void) => void
}

/** See the file's header. */
export class BusyPoll {
  private readonly loop: Loop
  /** Rises with each small message that follows closely; polling starts at {@link threshold}. */
  private score = 0
  private last = Number.NEGATIVE_INFINITY
  private until = 0
  /** Iterations since the last message. */
  private turns = 0
  private awake = false

  constructor(loop: Loop) {
    this.loop = loop
  }

  /** Whether the loop is kept awake. */
  get isAwake(): boolean {
    return this.awake
  }

  /** A message was sent; `isLight` if it and what was received before it are small. */
  sent(isLight: boolean): void {
    const now = this.loop.now()
    const isClose = now - this.last < 2 * windowMillis
    const hadWork = this.awake && this.turns < idleTurns
    this.last = now
    this.turns = 0
    if (!(isLight && isClose))
      this.score = Math.min(this.score, Math.max(0, this.score - threshold))
    else if (hadWork) this.score = -backOff
    else if (this.score < maxScore) this.score++
    this.until = this.score < threshold ? 0 : now + windowMillis
    if (this.until === 0 || this.awake) return
    this.awake = true
    this.loop.turn(this.next)
  }

  private readonly next = (): void => {
    this.turns++
    if (this.loop.now() < this.until) this.loop.turn(this.next)
    else this.awake = false
  }
}

const ofProcess = new BusyPoll({ now: () => performance.now(), turn: setImmediate })
let isAllowed = false

/** Allows or forbids it for this process; it is never done on a single processor. */
export const allow = (wanted: boolean): void => {
  isAllowed = wanted && availableParallelism() > 1
}

/** A link of this process has sent a message; see {@link BusyPoll.sent}. */
export const sent = (isLight: boolean): void => {
  if (isAllowed) ofProcess.sent(isLight)
}
