/**
 * The supervisor with workers whose processes are simulated: each starts, serves, hangs or ends
 * when the test says so.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import {
  longestPause,
  pauseAfter,
  readyMillis,
  type StopReason,
  Supervisor,
  type SupervisorOptions,
  steadyMillis,
  stepMillis,
  type WorkerEnd,
  type WorkerProcess,
} from "../../../src/cli/workers/Supervisor.ts"

/** A worker's process that does only what the test has it do. */
class FakeWorker implements WorkerProcess {
  readonly number: number
  readonly pid: number
  readonly stops: Array<StopReason> = []
  kills = 0
  /** Whether it goes on when all are asked to stop. */
  isStuck = false
  private readonly isReady = Deferred.makeUnsafe<void>()
  private readonly end = Deferred.makeUnsafe<WorkerEnd>()
  readonly ready = Deferred.await(this.isReady)
  readonly ended = Deferred.await(this.end)

  constructor(number: number, pid: number) {
    this.number = number
    this.pid = pid
  }

  serve(): void {
    Deferred.doneUnsafe(this.isReady, Effect.void)
  }

  die(end: Partial<WorkerEnd> = { signal: "SIGKILL" }): void {
    Deferred.doneUnsafe(this.end, Effect.succeed({ code: undefined, signal: undefined, ...end }))
  }

  stop(reason: StopReason): void {
    this.stops.push(reason)
    if (reason === "stop" && !this.isStuck) this.die({ code: 0 })
  }

  kill(): void {
    this.kills += 1
    this.die()
  }
}

/** Lets everything run that does not wait for time. */
const settle = TestClock.adjust(0)

const grace = 35_000

/** A supervisor of workers that serve at once unless `isSlow`, with all workers that were ever started. */
const makeOptions = (count: number) => {
  const workers: Array<FakeWorker> = []
  const state = { isSlow: false, isFailing: false }
  const options: SupervisorOptions = {
    count,
    graceMillis: () => grace,
    onChange: () => {},
    spawn: (number) => {
      const worker = new FakeWorker(number, workers.length + 1)
      workers.push(worker)
      if (state.isFailing) worker.die({ code: 1 })
      else if (!state.isSlow) worker.serve()
      return worker
    },
  }
  const worker = (index: number): FakeWorker => {
    const one = workers[index]
    if (one === undefined) throw new Error(`worker ${index} was not started`)
    return one
  }
  return { options, state, worker, workers }
}

const supervisorOf = (count: number) => {
  const fake = makeOptions(count)
  return Effect.map(Supervisor.start(fake.options), (supervisor) => ({ ...fake, supervisor }))
}

const numbers = (supervisor: Supervisor): ReadonlyArray<number> =>
  supervisor.list().map(({ number }) => number)

describe("a supervisor that starts", () => {
  it.effect("returns once all workers serve", () =>
    Effect.gen(function* () {
      const { options, state, worker, workers } = makeOptions(3)
      state.isSlow = true
      const starting = yield* Effect.forkScoped(Supervisor.start(options))
      yield* settle
      assert.deepStrictEqual(
        workers.map(({ number }) => number),
        [0, 1, 2],
      )
      worker(0).serve()
      worker(2).serve()
      yield* settle
      assert.isUndefined(starting.pollUnsafe())
      worker(1).serve()
      const supervisor = yield* Fiber.join(starting)
      assert.deepStrictEqual(
        supervisor.list().map(({ state }) => state),
        ["ready", "ready", "ready"],
      )
    }).pipe(Effect.scoped),
  )

  it.effect("fails if a worker ends before it serves, and stops the others", () =>
    Effect.gen(function* () {
      const { options, state, worker } = makeOptions(2)
      state.isSlow = true
      const starting = yield* Effect.forkScoped(
        Effect.exit(Effect.scoped(Supervisor.start(options))),
      )
      yield* settle
      worker(0).die({ code: 3 })
      yield* settle
      assert.deepStrictEqual(worker(1).stops, ["stop"])
      const exit = yield* Fiber.join(starting)
      assert.match(
        `${Exit.isFailure(exit) && exit.cause}`,
        /PTTH_WORKER_ENDED: worker 0 ended with exit code 3/,
      )
    }).pipe(Effect.scoped),
  )

  it.effect("fails if a worker does not serve in time, and kills it", () =>
    Effect.gen(function* () {
      const { options, state, worker } = makeOptions(1)
      state.isSlow = true
      const starting = yield* Effect.forkScoped(
        Effect.exit(Effect.scoped(Supervisor.start(options))),
      )
      yield* TestClock.adjust(readyMillis)
      assert.isTrue(Exit.isFailure(yield* Fiber.join(starting)))
      assert.strictEqual(worker(0).kills, 1)
    }).pipe(Effect.scoped),
  )
})

describe("a worker that ends unexpectedly", () => {
  it.effect("is started again at once, with its number", () =>
    Effect.gen(function* () {
      const { supervisor, worker, workers } = yield* supervisorOf(2)
      worker(1).die()
      yield* settle
      assert.strictEqual(workers.length, 3)
      assert.strictEqual(worker(2).number, 1)
      assert.deepStrictEqual(numbers(supervisor), [0, 1])
    }).pipe(Effect.scoped),
  )

  it.effect("is started again after growing pauses if it keeps ending", () =>
    Effect.gen(function* () {
      const { state, worker, workers } = yield* supervisorOf(1)
      state.isFailing = true
      worker(0).die()
      yield* settle
      assert.strictEqual(workers.length, 2)
      for (const pause of [250, 500, 1_000, 2_000]) {
        const before = workers.length
        yield* TestClock.adjust(pause - 1)
        assert.strictEqual(workers.length, before)
        yield* TestClock.adjust(1)
        assert.strictEqual(workers.length, before + 1)
      }
      state.isFailing = false
    }).pipe(Effect.scoped),
  )

  it.effect("is started again at once if it has served for a while", () =>
    Effect.gen(function* () {
      const { worker, workers } = yield* supervisorOf(1)
      worker(0).die()
      yield* settle
      worker(1).die()
      yield* settle
      assert.strictEqual(workers.length, 2)
      yield* TestClock.adjust(250)
      assert.strictEqual(workers.length, 3)
      yield* TestClock.adjust(steadyMillis)
      worker(2).die()
      yield* settle
      assert.strictEqual(workers.length, 4)
    }).pipe(Effect.scoped),
  )

  it("waits at most half a minute", () => {
    assert.deepStrictEqual([pauseAfter(0), pauseAfter(1), pauseAfter(2)], [0, 0, 250])
    assert.strictEqual(pauseAfter(20), longestPause)
    assert.strictEqual(pauseAfter(2_000), longestPause)
  })
})

describe("a supervisor that replaces its workers", () => {
  it.effect("has the new one serve before the old one drains, one after the other", () =>
    Effect.gen(function* () {
      const { state, supervisor, worker, workers } = yield* supervisorOf(2)
      state.isSlow = true
      const rolling = yield* Effect.forkScoped(supervisor.roll)
      yield* settle
      assert.deepStrictEqual(numbers(supervisor), [0, 1, 2])
      assert.deepStrictEqual(worker(0).stops, [])
      worker(2).serve()
      yield* settle
      assert.deepStrictEqual(worker(0).stops, ["replaced"])
      assert.strictEqual(workers.length, 3)
      worker(0).die({ code: 0 })
      yield* settle
      assert.strictEqual(worker(3).number, 0)
      assert.deepStrictEqual(worker(1).stops, [])
      worker(3).serve()
      yield* settle
      assert.deepStrictEqual(worker(1).stops, ["replaced"])
      assert.isUndefined(rolling.pollUnsafe())
      worker(1).die({ code: 0 })
      assert.strictEqual(yield* Fiber.join(rolling), 2)
      assert.deepStrictEqual(numbers(supervisor), [0, 2])
      assert.strictEqual(workers.length, 4)
    }).pipe(Effect.scoped),
  )

  it.effect(
    "does not wait long for an old one whose requests take long, and kills it in the end",
    () =>
      Effect.gen(function* () {
        const { supervisor, worker, workers } = yield* supervisorOf(2)
        const rolling = yield* Effect.forkScoped(supervisor.roll)
        yield* TestClock.adjust(stepMillis - 1)
        assert.strictEqual(workers.length, 3)
        yield* TestClock.adjust(1)
        assert.strictEqual(workers.length, 4)
        worker(1).die({ code: 0 })
        yield* TestClock.adjust(grace - stepMillis)
        assert.strictEqual(worker(0).kills, 1)
        assert.strictEqual(yield* Fiber.join(rolling), 2)
      }).pipe(Effect.scoped),
  )

  it.effect("keeps the old ones if a new one does not serve", () =>
    Effect.gen(function* () {
      const { state, supervisor, worker } = yield* supervisorOf(2)
      state.isFailing = true
      const error = yield* Effect.flip(supervisor.roll)
      assert.match(
        error.message,
        /^PTTH_ROLL_FAILED: 0 of 2 workers were replaced; the new worker 2 ended with exit code 1 /,
      )
      assert.deepStrictEqual([worker(0).stops, worker(1).stops], [[], []])
      assert.deepStrictEqual(numbers(supervisor), [0, 1])
    }).pipe(Effect.scoped),
  )

  it.effect("does so once at a time", () =>
    Effect.gen(function* () {
      const { state, supervisor } = yield* supervisorOf(1)
      state.isSlow = true
      yield* Effect.forkScoped(supervisor.roll)
      yield* settle
      const error = yield* Effect.flip(supervisor.roll)
      assert.match(error.message, /already being replaced/)
    }).pipe(Effect.scoped),
  )

  it.effect("starts no third one for a worker that ends while its successor starts", () =>
    Effect.gen(function* () {
      const { state, supervisor, worker, workers } = yield* supervisorOf(1)
      state.isSlow = true
      const rolling = yield* Effect.forkScoped(supervisor.roll)
      yield* settle
      worker(0).die()
      yield* settle
      assert.strictEqual(workers.length, 2)
      worker(1).serve()
      assert.strictEqual(yield* Fiber.join(rolling), 1)
      yield* TestClock.adjust(longestPause)
      assert.strictEqual(workers.length, 2)
      assert.deepStrictEqual(numbers(supervisor), [1])
    }).pipe(Effect.scoped),
  )
})

describe("a supervisor that stops", () => {
  it.effect("asks all workers to stop, starts none again, and kills those that do not end", () =>
    Effect.gen(function* () {
      const { options, worker, workers } = makeOptions(2)
      const scope = yield* Scope.make()
      yield* Supervisor.start(options).pipe(Scope.provide(scope))
      worker(1).isStuck = true
      const closing = yield* Effect.forkScoped(Scope.close(scope, Exit.void))
      yield* settle
      assert.deepStrictEqual([worker(0).stops, worker(1).stops], [["stop"], ["stop"]])
      yield* TestClock.adjust(grace - 1)
      assert.strictEqual(worker(1).kills, 0)
      yield* TestClock.adjust(1)
      assert.strictEqual(worker(1).kills, 1)
      yield* Fiber.join(closing)
      assert.strictEqual(workers.length, 2)
    }).pipe(Effect.scoped),
  )
})
