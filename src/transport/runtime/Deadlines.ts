/**
 * Deadlines for tens of thousands of connections and requests: one timer for
 * all of them instead of a fiber or timer each. It is set for the earliest one,
 * so that an idle process sleeps. They fire up to one sweep late, never early,
 * and use the Effect Clock, so tests move them with TestClock.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"

/** A deadline that has been set. */
export interface Deadline {
  /** Cancels it. Idempotent. */
  clear(): void
  /** Restarts its time from now; does nothing once it has passed or was cancelled. */
  touch(): void
}

/** When a deadline may be called instead, in milliseconds. */
export interface Leeway {
  /** How much later. */
  readonly late?: number
  /** How much earlier, if another one with the same duration and leeway passes. */
  readonly early?: number
}

/** Sets deadlines. */
export interface Deadlines {
  /**
   * Calls `onPassed` after `millis` milliseconds.
   *
   * @param leeway when it may be called instead, so that deadlines that are set
   * at different times wake the process together; never by default
   */
  set(millis: number, onPassed: () => void, leeway?: Leeway): Deadline
  /** Wall-clock time in milliseconds since 1970. */
  now(): number
  /** Monotonic milliseconds, to measure durations; see {@link elapsedMillis}. */
  elapsed(): number
}

/** How many deadlines pass together in a sweep at most if some of them pass early. */
export const mostTogether = 256

/** The least time between two sweeps that find passed deadlines, in milliseconds. */
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

/** Deadlines with the same duration and leeway, linked in the order in which they were set, which is that in which they pass. */
class DeadlineList {
  private head: ListedDeadline | undefined
  private tail: ListedDeadline | undefined
  private readonly now: () => number
  private readonly millis: number
  private readonly late: number
  private readonly early: number

  constructor(millis: number, { early = 0, late = 0 }: Leeway, now: () => number) {
    this.millis = millis
    this.late = late
    this.early = early
    this.now = now
  }

  append(entry: ListedDeadline): void {
    const at = this.now() + this.millis
    entry.at = this.late === 0 ? at : Math.ceil(at / this.late) * this.late
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
    for (let count = 0; this.head !== undefined; count++) {
      const entry = this.head
      const early = count === 0 || count >= mostTogether ? 0 : this.early
      if (entry.at - early > now) return
      this.remove(entry)
      entry.onPassed()
    }
  }

  /** When the first of them passes; infinite if there is none. */
  get next(): number {
    return this.head?.at ?? Number.POSITIVE_INFINITY
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
  const lists = new Map<string | number, DeadlineList>()
  /** When the next sweep is due. */
  let due = Number.POSITIVE_INFINITY
  let sweptAt = Number.NEGATIVE_INFINITY
  /** Opened when a deadline is set that passes before the next sweep. */
  const isEarlier = Latch.makeUnsafe(false)
  const sweep = Effect.sync(() => {
    const at = elapsed()
    if (at < due) return
    sweptAt = at
    for (const [key, list] of lists) {
      list.sweep(at)
      if (list.next === Number.POSITIVE_INFINITY) lists.delete(key)
    }
  }).pipe(
    // A callback that throws must not stop the sweeps.
    Effect.catchCause((cause) => Effect.logError("the callback of a deadline failed", cause)),
  )
  const pause = Effect.suspend(() => {
    isEarlier.closeUnsafe()
    let next = Number.POSITIVE_INFINITY
    for (const list of lists.values()) next = Math.min(next, list.next)
    due = Math.max(sweptAt + sweepMillis, next)
    return due === Number.POSITIVE_INFINITY
      ? isEarlier.await
      : Effect.raceFirst(Effect.sleep(Math.ceil(due - elapsed())), isEarlier.await)
  })
  yield* pause.pipe(Effect.andThen(sweep), Effect.forever, Effect.forkScoped)
  const listOf = (millis: number, leeway: Leeway | undefined): DeadlineList => {
    const key = leeway === undefined ? millis : `${millis} ${leeway.late} ${leeway.early}`
    let list = lists.get(key)
    if (list === undefined) {
      list = new DeadlineList(millis, leeway ?? {}, elapsed)
      lists.set(key, list)
    }
    return list
  }
  return {
    now: () => clock.currentTimeMillisUnsafe(),
    elapsed,
    set: (millis, onPassed, leeway) => {
      const list = listOf(millis, leeway)
      const entry = new ListedDeadline(list, 0, onPassed)
      list.append(entry)
      if (entry.at < due) isEarlier.openUnsafe()
      return entry
    },
  }
})
