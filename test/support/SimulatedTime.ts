/**
 * A simulated clock for the whole process: Node's timers, `performance.now` and
 * Effect's Clock follow it, and only the test moves it. It knows when the next
 * timer is due, so that a test can jump there, and counts pending immediates, so
 * that a test knows when the event loop is idle.
 *
 *     const time = new SimulatedTime()
 *     time.up()
 *     time.advance(time.next - time.now)
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/** One of Node's timers. */
class Timer {
  readonly run: () => void
  readonly at: number

  constructor(run: () => void, at: number) {
    this.run = run
    this.at = at
  }

  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
}

const real = { setImmediate, clearImmediate, setTimeout, clearTimeout, now: performance.now }

/** See the file's header. */
export class SimulatedTime {
  /** Milliseconds since it began. */
  now = 0
  private readonly timers = new Set<Timer>()
  private readonly immediates = new Set<NodeJS.Immediate>()

  /** Replaces the timers and immediates of the process. */
  up(): void {
    const { immediates } = this
    const set = (
      run: (...given: ReadonlyArray<unknown>) => void,
      millis = 0,
      ...given: ReadonlyArray<unknown>
    ) => this.timer(given.length === 0 ? run : () => run(...given), millis)
    const clear = (timer: Timer | undefined): void => {
      if (timer !== undefined) this.timers.delete(timer)
    }
    const soon = (
      run: (...given: ReadonlyArray<unknown>) => void,
      ...given: ReadonlyArray<unknown>
    ): NodeJS.Immediate => {
      const immediate = real.setImmediate(() => {
        immediates.delete(immediate)
        run(...given)
      })
      immediates.add(immediate)
      return immediate
    }
    const never = (immediate: NodeJS.Immediate): void => {
      immediates.delete(immediate)
      real.clearImmediate(immediate)
    }
    globalThis.setTimeout = set as unknown as typeof setTimeout
    globalThis.clearTimeout = clear as unknown as typeof clearTimeout
    globalThis.setImmediate = soon as unknown as typeof setImmediate
    globalThis.clearImmediate = never as unknown as typeof clearImmediate
    performance.now = () => this.now
  }

  /** Restores them. */
  down(): void {
    globalThis.setTimeout = real.setTimeout
    globalThis.clearTimeout = real.clearTimeout
    globalThis.setImmediate = real.setImmediate
    globalThis.clearImmediate = real.clearImmediate
    performance.now = real.now
  }

  /** Sets a timer. */
  timer(run: () => void, millis: number): Timer {
    const timer = new Timer(run, this.now + Math.max(0, millis))
    this.timers.add(timer)
    return timer
  }

  /** Clears a timer; returns whether it was still set. */
  clear(timer: Timer): boolean {
    return this.timers.delete(timer)
  }

  /** When the next timer is due; Infinity if there is none. */
  get next(): number {
    let next = Number.POSITIVE_INFINITY
    for (const { at } of this.timers) if (at < next) next = at
    return next
  }

  /** An immediate is pending. */
  get isBusy(): boolean {
    return this.immediates.size > 0
  }

  /** Runs what is queued with `process.nextTick` now. */
  tick(): Promise<void> {
    return new Promise((resolve) => process.nextTick(resolve))
  }

  /** One turn of the event loop. */
  turn(): Promise<void> {
    return new Promise((resolve) => real.setImmediate(resolve))
  }

  /** Moves the clock and runs the timers that are due, in order. */
  advance(millis: number): void {
    this.now += millis
    const due = [...this.timers].filter(({ at }) => at <= this.now).sort((a, b) => a.at - b.at)
    for (const timer of due) if (this.timers.delete(timer)) timer.run()
  }

  /** The same clock for Effect. */
  readonly clock: Clock.Clock = {
    currentTimeMillisUnsafe: () => this.now,
    currentTimeMillis: Effect.sync(() => this.now),
    currentTimeNanosUnsafe: () => this.nanos,
    currentTimeNanos: Effect.sync(() => this.nanos),
    monotonicTimeNanosUnsafe: () => this.nanos,
    monotonicTimeNanos: Effect.sync(() => this.nanos),
    sleep: (duration) => {
      const millis = Duration.toMillis(duration)
      if (millis <= 0) return Effect.yieldNow
      return Effect.callback<void>((resume) => {
        const timer = this.timer(() => resume(Effect.void), millis)
        return Effect.sync(() => {
          this.clear(timer)
        })
      })
    },
  }

  private get nanos(): bigint {
    return BigInt(Math.floor(this.now * 1e6))
  }
}
