/**
 * Time that passes only when the test says so, for a whole process: Node's
 * timers, `performance.now` and Effect's Clock all follow it. Since it knows
 * what is due next, a test can go there at once; and since it counts what waits
 * for the next turn of the event loop, it knows when nothing can happen any more.
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

  /** Takes timers and immediates to itself. */
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

  /** Gives them back. */
  down(): void {
    globalThis.setTimeout = real.setTimeout
    globalThis.clearTimeout = real.clearTimeout
    globalThis.setImmediate = real.setImmediate
    globalThis.clearImmediate = real.clearImmediate
    performance.now = real.now
  }

  /** Something that happens in so many milliseconds. */
  timer(run: () => void, millis: number): Timer {
    const timer = new Timer(run, this.now + Math.max(0, millis))
    this.timers.add(timer)
    return timer
  }

  /** It does not happen. */
  clear(timer: Timer): boolean {
    return this.timers.delete(timer)
  }

  /** When the next timer is due; never if there is none. */
  get next(): number {
    let next = Number.POSITIVE_INFINITY
    for (const { at } of this.timers) if (at < next) next = at
    return next
  }

  /** Whether something waits for the next turn of the event loop. */
  get isBusy(): boolean {
    return this.immediates.size > 0
  }

  /** What is to be done before anything else happens, but for what that puts behind itself. */
  tick(): Promise<void> {
    return new Promise((resolve) => process.nextTick(resolve))
  }

  /** One turn of the event loop. */
  turn(): Promise<void> {
    return new Promise((resolve) => real.setImmediate(resolve))
  }

  /** Moves it, and does what is due then, in the order in which it is due. */
  advance(millis: number): void {
    this.now += millis
    const due = [...this.timers].filter(({ at }) => at <= this.now).sort((a, b) => a.at - b.at)
    for (const timer of due) if (this.timers.delete(timer)) timer.run()
  }

  /** It as Effect's Clock. */
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
