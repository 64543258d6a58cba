/**
 * Waits awake for the next message of a link while small ones follow each
 * other closely, as they do when one visitor asks again and again. To put an
 * idle processor to sleep and wake it costs more than the whole of PTTH's own
 * work on a request, above all in a virtual machine (docs/performance.md has
 * the figures). A loop that has other work, or whose messages are large or
 * rare, sleeps as usual. Whoever runs the process decides whether it may.
 */
import { availableParallelism } from "node:os"

/** How long it is waited for the next message, in milliseconds. */
export const windowMillis = 1

/** Messages in close succession, before it is worth while to wait for the next one. */
const enough = 4
const most = 16
/** After work for a loop that had some anyway: so many close ones are ignored. */
const backOff = 64
/** A loop that turns less often between two messages has other work. */
const idleTurns = 8

/** What it needs of the event loop. */
export interface Loop {
  /** In milliseconds. */
  readonly now: () => number
  /** Calls back after the loop has looked for events, without sleep. */
  readonly turn: (call: () => void) => void
}

/** See the file's header. */
export class BusyPoll {
  private readonly loop: Loop
  private score = 0
  private last = Number.NEGATIVE_INFINITY
  private until = 0
  private turns = 0
  private awake = false

  constructor(loop: Loop) {
    this.loop = loop
  }

  /** Whether the loop is kept from sleep. */
  get isAwake(): boolean {
    return this.awake
  }

  /** A message has left that is small, with what came before it; or is not. */
  sent(isLight: boolean): void {
    const now = this.loop.now()
    const isClose = now - this.last < 2 * windowMillis
    const hadWork = this.awake && this.turns < idleTurns
    this.last = now
    this.turns = 0
    if (!(isLight && isClose)) this.score = Math.min(this.score, Math.max(0, this.score - enough))
    else if (hadWork) this.score = -backOff
    else if (this.score < most) this.score++
    this.until = this.score < enough ? 0 : now + windowMillis
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

/** Says whether this process may; a single processor is never kept busy. */
export const allow = (wanted: boolean): void => {
  isAllowed = wanted && availableParallelism() > 1
}

/** A link of this process has sent a message; see {@link BusyPoll.sent}. */
export const sent = (isLight: boolean): void => {
  if (isAllowed) ofProcess.sent(isLight)
}
