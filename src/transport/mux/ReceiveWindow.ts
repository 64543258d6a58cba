/**
 * How much of one stream's body the other end may send. The window doubles
 * while credit is used up within two round trips, as far as the link's budget
 * goes, so that a fast sender does not wait for credit.
 */

/** What a window uses of its link. */
export interface WindowBudget {
  /** Round trip of the last ping, in milliseconds. */
  readonly roundTrip: number
  /** Monotonic milliseconds. */
  now(): number
  /** The size up to `to` that a window of `from` bytes may have. */
  grow(from: number, to: number): number
  /** The window is given up. */
  shrink(size: number): void
}

/** See the file's header. */
export class ReceiveWindow {
  private readonly budget: WindowBudget
  /** In bytes; 0 until a held body is read. */
  private size: number
  /** What the other end may still send, in bytes. */
  private allowed: number
  /** What was consumed since the last credit, in bytes. */
  private unacknowledged = 0
  /** When credit was last given. */
  private creditAt: number | undefined

  constructor(budget: WindowBudget, size: number) {
    this.budget = budget
    this.size = size
    this.allowed = size
  }

  /** Whether the sender has to wait for its first credit. */
  get isHeld(): boolean {
    return this.size === 0
  }

  /** Whether so many bytes may come. */
  allows(count: number): boolean {
    return count <= this.allowed
  }

  /** So many bytes have come. `false`: more than allowed. */
  receive(count: number): boolean {
    this.allowed -= count
    return this.allowed >= 0
  }

  /** Ends the wait of a held body; its first credit. */
  open(size: number): number {
    this.size = size
    this.allowed = size
    return size
  }

  /** So many bytes have been read; the credit to give for that, 0 for none yet. */
  consumed(count: number): number {
    this.unacknowledged += count
    if (this.unacknowledged < this.size / 2) return 0
    const now = this.budget.now()
    const isFast = this.creditAt !== undefined && now - this.creditAt < 2 * this.budget.roundTrip
    const size = isFast ? this.budget.grow(this.size, this.size * 2) : this.size
    const credit = this.unacknowledged + size - this.size
    this.size = size
    this.creditAt = now
    this.unacknowledged = 0
    this.allowed += credit
    return credit
  }

  /** No more bytes come. */
  release(): void {
    this.budget.shrink(this.size)
  }
}
