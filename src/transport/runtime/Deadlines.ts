/**
 * Deadlines for things that exist by the ten thousand: one timer for all of
 * them instead of a fiber or timer each. They fire up to one sweep late,
 * never early, and follow the Effect Clock, so tests move them with TestClock.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** One deadline that has been set. */
export interface Deadline {
  /** It is not needed any more. Idempotent. */
  clear(): void
  /** Starts the same span of time anew from now. */
  touch(): void
}

/** Sets deadlines. */
export interface Deadlines {
  /** Calls `onPassed` once `millis` milliseconds have gone by. */
  set(millis: number, onPassed: () => void): Deadline
  /** Milliseconds since 1970 by the Clock. */
  now(): number
  /** Milliseconds by a clock that is never put, for how long something lasts; see {@link elapsedMillis}. */
  elapsed(): number
}

/** How often passed deadlines are looked for, in milliseconds. */
export const sweepMillis = 100

class Entry implements Deadline {
  previous: Entry | undefined
  next: Entry | undefined
  at: number
  readonly line: Line
  readonly onPassed: () => void

  constructor(line: Line, at: number, onPassed: () => void) {
    this.line = line
    this.at = at
    this.onPassed = onPassed
  }

  clear(): void {
    this.line.remove(this)
  }

  touch(): void {
    if (this.line.remove(this)) this.line.append(this)
  }
}

/** Deadlines of one span: set in order, so they pass in order. */
class Line {
  private head: Entry | undefined
  private tail: Entry | undefined
  private readonly now: () => number
  readonly millis: number

  constructor(millis: number, now: () => number) {
    this.millis = millis
    this.now = now
  }

  append(entry: Entry): void {
    entry.at = this.now() + this.millis
    entry.previous = this.tail
    entry.next = undefined
    if (this.tail === undefined) this.head = entry
    else this.tail.next = entry
    this.tail = entry
  }

  remove(entry: Entry): boolean {
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

/** Milliseconds by a clock that is never put forward or back; since when, nobody knows. */
export const elapsedMillis = (clock: Clock.Clock): number =>
  Number(clock.monotonicTimeNanosUnsafe()) / 1e6

/** Deadlines that are swept for as long as the Scope is open. */
export const make: Effect.Effect<Deadlines, never, Scope.Scope> = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  // A wall clock that is put forward or back must neither pass nor stop a deadline.
  const elapsed = () => elapsedMillis(clock)
  const lines = new Map<number, Line>()
  const sweep = Effect.sync(() => {
    const at = elapsed()
    for (const [millis, line] of lines) {
      line.sweep(at)
      if (line.isEmpty) lines.delete(millis)
    }
  }).pipe(
    // Whatever fails is not to stop the deadlines of everybody else.
    Effect.catchCause((cause) => Effect.logError("what a deadline was to do has failed", cause)),
  )
  yield* Effect.sleep(sweepMillis).pipe(Effect.andThen(sweep), Effect.forever, Effect.forkScoped)
  return {
    now: () => clock.currentTimeMillisUnsafe(),
    elapsed,
    set: (millis, onPassed) => {
      let line = lines.get(millis)
      if (line === undefined) {
        line = new Line(millis, elapsed)
        lines.set(millis, line)
      }
      const entry = new Entry(line, 0, onPassed)
      line.append(entry)
      return entry
    },
  }
})
