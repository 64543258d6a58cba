/**
 * Limits frames without an effect, such as pings and empty ones: each costs
 * nearly as much processor time as a useful one, and only a few bytes.
 */

/** How many may come at once: four for each stream that a link may have. */
export const burst = 4096

/** How many may come in a second besides. */
const perSecond = 100

/** So many received bytes pay for one. */
const bytesPerFrame = 256

/** See the file's header. One for each direction of a connection. */
export class FrameBudget {
  private readonly now: () => number
  private left = burst
  private refilledAt: number

  /** @param now a monotonic clock in milliseconds */
  constructor(now: () => number) {
    this.now = now
    this.refilledAt = now()
  }

  /** So many bytes have come. */
  received(bytes: number): void {
    this.add(bytes / bytesPerFrame)
  }

  /** A frame with an effect has come, which pays for one without. */
  useful(): void {
    this.add(1)
  }

  /** A frame without an effect has come; `false` if there are too many. */
  useless(): boolean {
    this.left -= 1
    if (this.left >= 0) return true
    const now = this.now()
    this.add(((now - this.refilledAt) * perSecond) / 1000)
    this.refilledAt = now
    return this.left >= 0
  }

  private add(frames: number): void {
    this.left = Math.min(burst, this.left + frames)
  }
}
