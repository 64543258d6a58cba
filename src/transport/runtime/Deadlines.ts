/**
 * Deadlines for tens of thousands of connections and requests: one timer for
 * all of them instead of a fiber or timer each. They fire up to one sweep
 * late, never early, and use the Effect Clock, so tests move them with
 * TestClock.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** A deadline that has been set. */
export interface Deadline {
  /** Cancels it. Idempotent. */
  clear(): void
  /** Restarts its time from now; does nothing once it has passed or was cancelled. */
  touch(): void
}

/** Sets deadlines. */
export interface Deadlines {
  /** Calls `onPassed` after `millis` milliseconds. */
  set(millis: number, onPassed: () => void): Deadline
  /** Wall-clock time in milliseconds since 1970. */
  now(): number
  /** Monotonic milliseconds, to measure durations; see {@link elapsedMillis}. */
  elapsed(): number
}

/** The time between two sweeps for passed deadlines, in milliseconds. */
export const sweepMillis = 100

class ListedDeadline implements Deadline {
  previous: ListedDeadline | undefined
  next: ListedDeadline | undefined
  at: number
  readonly list: DeadlineList
  readonly onPassed: () => void

  constructor(list: DeadlineList, at: number, onPassed: () => void) {
    this.list = list
    this.at = at
    this.onPassed = onPassed
  }

  clear(): void {
    this.list.remove(this)
  }

  touch(): void {
    if (this.list.remove(this)) this.list.append(this)
  }
}

/** Deadlines with the same duration, linked in the order in which they were set, which is that in which they pass. */
class DeadlineList {
  private head: ListedDeadline | undefined
  private tail: ListedDeadline | undefined
  private readonly now: () => number
  readonly millis: number

  constructor(millis: number, now: () => number) {
    this.millis = millis
    this.now = now
  }

  append(entry: ListedDeadline): void {
    entry.at = this.now() + this.millis
    entry.previous = this.tail
    entry.next = undefined
    if (this.tail === undefined) this.head = entry
    else this.tail.next = entry
    this.tail = entry
  }

  remove(entry: ListedDeadline): boolean {
    if (entry !== this.head && entry.previous === undefined) return false
    if (entry.previous === undefined) this.head = entry.next
    else entry.previous.next = entry.next
    if (entry.next === undefined) this.tail = entry.previous
    else entry.next.previous = entry.previous
    entry.previous = undefined
    entry.next = undefined
    return true
  }

  sweep(now: number): void {
    while (this.head !== undefined && this.head.at <= now) {
      const entry = this.head
      this.remove(entry)
      entry.onPassed()
    }
  }

  get isEmpty(): boolean {
    return this.head === undefined
  }
}

/** Monotonic milliseconds with an arbitrary origin. */
export const elapsedMillis = (clock: Clock.Clock): number =>
  Number(clock.monotonicTimeNanosUnsafe()) / 1e6

/** Deadlines that are swept while the Scope is open. */
export const make: Effect.Effect<Deadlines, never, Scope.Scope> = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  // A change of the wall clock must neither pass nor delay a deadline.
  const elapsed = () => elapsedMillis(clock)
  const lists = new Map<number, DeadlineList>()
  const sweep = Effect.sync(() => {
    const at = elapsed()
    for (const [millis, list] of lists) {
      list.sweep(at)
      if (list.isEmpty) lists.delete(millis)
    }
  }).pipe(
    // A callback that throws must not stop the sweeps.
    Effect.catchCause((cause) => Effect.logError("the callback of a deadline failed", cause)),
  )
  yield* Effect.sleep(sweepMillis).pipe(Effect.andThen(sweep), Effect.forever, Effect.forkScoped)
  return {
    now: () => clock.currentTimeMillisUnsafe(),
    elapsed,
    set: (millis, onPassed) => {
      let list = lists.get(millis)
      if (list === undefined) {
        list = new DeadlineList(millis, elapsed)
        lists.set(millis, list)
      }
      const entry = new ListedDeadline(list, 0, onPassed)
      list.append(entry)
      return entry
    },
  }
})
