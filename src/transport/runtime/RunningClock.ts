/**
 * A monotonic clock that continues while the machine is suspended, as far as the
 * wall clock shows it. It notices when the process was paused: it was stopped, the
 * machine was suspended, or the event loop was blocked.
 */
import type { Deadline, Deadlines } from "./Deadlines.ts"

/** What the wall clock is ahead of the monotonic one at one reading if the machine was suspended, in milliseconds. */
const suspendedMillis = 1_000

/** How often the clock looks whether the process runs, in milliseconds. */
const tickMillis = 250

/** A tick that is late by so much means that the process was paused, in milliseconds. */
const standstillMillis = 1_000

/** See the file's header. */
export class RunningClock {
  private readonly deadlines: Deadlines
  private next: Deadline | undefined
  private elapsed: number
  private wall: number
  private total = 0
  private tickedAt = 0
  private stoodStillAt = Number.NEGATIVE_INFINITY

  constructor(deadlines: Deadlines) {
    this.deadlines = deadlines
    this.elapsed = deadlines.elapsed()
    this.wall = deadlines.now()
    this.tick()
  }

  /** Milliseconds with an arbitrary origin. A wall clock that is put forward counts as time that has passed. */
  now(): number {
    const elapsed = this.deadlines.elapsed()
    const wall = this.deadlines.now()
    const byElapsed = elapsed - this.elapsed
    const byWall = wall - this.wall
    this.elapsed = elapsed
    this.wall = wall
    this.total += byWall - byElapsed > suspendedMillis ? byWall : byElapsed
    return this.total
  }

  /** Whether the process was paused at any time since `at`, in milliseconds of {@link now}. */
  hasStoodStillSince(at: number): boolean {
    this.look()
    return this.stoodStillAt >= at
  }

  /** Looks no longer whether the process runs. */
  close(): void {
    this.next?.clear()
  }

  private look(): void {
    const now = this.now()
    if (now - this.tickedAt > tickMillis + standstillMillis) this.stoodStillAt = now
  }

  private tick(): void {
    this.look()
    this.tickedAt = this.total
    this.next = this.deadlines.set(tickMillis, () => this.tick())
  }
}
