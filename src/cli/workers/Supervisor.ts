/**
 * Keeps a fixed number of workers running: starts them, starts another one for
 * each that ends unexpectedly, replaces them one by one on request, and stops
 * them all. What a worker is, is up to `spawn`; nothing here does IO.
 */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { entry } from "../../domain/ErrorRegistry.ts"

/** How a worker's process ended. */
export interface WorkerEnd {
  /** `undefined` if a signal ended it. */
  readonly code: number | undefined
  readonly signal: string | undefined
}

/** How a worker is asked to stop: with all others, or because another one takes its place. */
export type StopReason = "stop" | "replaced"

/** A worker's process. */
export interface WorkerProcess {
  readonly pid: number
  /** Succeeds once the worker serves. */
  readonly ready: Effect.Effect<void>
  /** Succeeds once the process is gone. */
  readonly ended: Effect.Effect<WorkerEnd>
  /** Asks it to drain and to end. */
  readonly stop: (reason: StopReason) => void
  /** Ends it at once. */
  readonly kill: () => void
}

/** What a worker is doing. */
export type WorkerState = "starting" | "ready" | "draining"

/** A worker, for those who list them. */
export interface WorkerView {
  /** No other worker has it at the same time. */
  readonly number: number
  readonly pid: number
  readonly state: WorkerState
  /** When it was started, in milliseconds since 1970. */
  readonly since: number
}

/** See the file's header. */
export interface SupervisorOptions {
  /** How many workers serve at the same time. */
  readonly count: number
  /** Starts the process of the worker with this number. */
  readonly spawn: (number: number) => WorkerProcess
  /** How long a worker that was asked to stop may take to end before it is killed, in milliseconds. */
  readonly graceMillis: () => number
  /** Called whenever a worker was started, is ready, drains or is gone. */
  readonly onChange: (workers: ReadonlyArray<WorkerView>) => void
}

/** A worker ended, or was not ready in time, when it was to become one of those that serve. */
export class WorkerEndedError extends Data.TaggedError("WorkerEndedError")<{
  readonly number: number
  readonly detail: string
}> {
  readonly code = "PTTH_WORKER_ENDED"
  override get message(): string {
    return `${this.code}: worker ${this.number} ${this.detail}. ${entry(this.code).remedy}`
  }
}

/** Not all workers were replaced. */
export class RollError extends Data.TaggedError("RollError")<{ readonly detail: string }> {
  readonly code = "PTTH_ROLL_FAILED"
  override get message(): string {
    return `${this.code}: ${this.detail}. ${entry(this.code).remedy}`
  }
}

/** How long a worker may take to serve, in milliseconds. */
export const readyMillis = 30_000

/** How long a worker must have served until its next unexpected end is again its first, in milliseconds. */
export const steadyMillis = 60_000

/** The longest pause before a worker is started again, in milliseconds. */
export const longestPause = 30_000

const firstPause = 250

/** How long a replaced worker is waited for before the next one is replaced, in milliseconds. */
export const stepMillis = 10_000

/** How long to wait before the next attempt after so many failed ones in a row, in milliseconds; the first is made at once. */
export const pauseAfter = (failures: number): number =>
  failures <= 1 ? 0 : Math.min(longestPause, firstPause * 2 ** (failures - 2))

interface Worker {
  readonly number: number
  readonly since: number
  readonly process: WorkerProcess
  state: WorkerState
}

/** One of the `count` places, each of which one worker has. */
interface Place {
  /** The worker that serves; `undefined` while there is none. */
  worker: Worker | undefined
  /** Held while a worker is started for the place. */
  readonly starting: Semaphore.Semaphore
  /** Unexpected ends and failed starts in a row. */
  failures: number
}

const describeEnd = ({ code, signal }: WorkerEnd): string =>
  signal === undefined ? `ended with exit code ${code}` : `was ended by ${signal}`

/** See the file's header. */
export class Supervisor {
  private readonly options: SupervisorOptions
  private readonly fork: (effect: Effect.Effect<void>) => void
  private readonly places: ReadonlyArray<Place>
  private readonly workers = new Map<number, Worker>()
  private readonly rolling = Semaphore.makeUnsafe(1)
  private isStopping = false

  private constructor(options: SupervisorOptions, fork: (effect: Effect.Effect<void>) => void) {
    this.options = options
    this.fork = fork
    this.places = Array.from({ length: options.count }, () => ({
      worker: undefined,
      starting: Semaphore.makeUnsafe(1),
      failures: 0,
    }))
  }

  /** Starts the workers and returns once all of them serve. They are stopped when the Scope is closed. */
  static readonly start = Effect.fn("Supervisor.start")(function* (
    options: SupervisorOptions,
  ): Effect.fn.Return<Supervisor, WorkerEndedError, Scope.Scope> {
    const run = yield* FiberSet.makeRuntime<never, void, never>()
    const supervisor = yield* Effect.acquireRelease(
      Effect.sync(() => new Supervisor(options, (effect) => void run(effect))),
      (self) => self.stop,
    )
    yield* Effect.forEach(supervisor.places, (place) => supervisor.fill(place), {
      concurrency: "unbounded",
      discard: true,
    })
    return supervisor
  })

  /** The workers that run, by their numbers. */
  list(): ReadonlyArray<WorkerView> {
    return [...this.workers.values()]
      .sort((one, other) => one.number - other.number)
      .map(({ number, process, since, state }) => ({ number, pid: process.pid, since, state }))
  }

  /**
   * Replaces the workers one after the other: the new one serves before the old
   * one drains. Returns how many were replaced, once all old ones have ended.
   */
  readonly roll: Effect.Effect<number, RollError> = Effect.suspend(() =>
    this.rolling.withPermitsIfAvailable(1)(this.replaceAll),
  ).pipe(
    Effect.flatMap((replaced) =>
      replaced._tag === "Some"
        ? Effect.succeed(replaced.value)
        : new RollError({ detail: "the workers are already being replaced" }),
    ),
  )

  private readonly replaceAll: Effect.Effect<number, RollError> = Effect.gen(
    { self: this },
    function* () {
      yield* Effect.logInfo(`replacing ${this.places.length} workers one by one`)
      const olds = [...this.workers.values()]
      for (const [index, place] of this.places.entries()) {
        yield* this.replace(place).pipe(
          Effect.mapError(
            ({ detail, number }) =>
              new RollError({
                detail: `${index} of ${this.places.length} workers were replaced; the new worker ${number} ${detail}`,
              }),
          ),
        )
      }
      yield* Effect.forEach(olds, (old) => old.process.ended, {
        concurrency: "unbounded",
        discard: true,
      })
      yield* Effect.logInfo("all workers are replaced")
      return this.places.length
    },
  )

  private replace(place: Place): Effect.Effect<void, WorkerEndedError> {
    return Effect.gen({ self: this }, function* () {
      const worker = yield* this.launch()
      const old = place.worker
      place.worker = worker
      place.failures = 0
      return old
    }).pipe(
      place.starting.withPermits(1),
      Effect.flatMap((old) => {
        if (old === undefined) return Effect.void
        this.retire(old)
        return Effect.timeoutOption(old.process.ended, stepMillis)
      }),
      Effect.asVoid,
    )
  }

  /** Starts a worker for a place that has none. */
  private fill(place: Place): Effect.Effect<void, WorkerEndedError> {
    return place.starting.withPermits(1)(
      Effect.suspend(() =>
        place.worker !== undefined
          ? Effect.void
          : Effect.map(this.launch(), (worker) => {
              place.worker = worker
            }),
      ),
    )
  }

  /** Starts a worker for a place until one serves, with growing pauses. */
  private refill(place: Place): Effect.Effect<void> {
    return Effect.suspend(() => Effect.sleep(pauseAfter(place.failures))).pipe(
      Effect.andThen(this.fill(place)),
      Effect.catch((error) => {
        place.failures += 1
        return Effect.logError(error.message).pipe(Effect.andThen(this.refill(place)))
      }),
    )
  }

  /** Starts a worker and waits until it serves. */
  private launch(): Effect.Effect<Worker, WorkerEndedError> {
    return Effect.gen({ self: this }, function* () {
      if (this.isStopping) return yield* Effect.never
      const number = this.freeNumber()
      const since = yield* Clock.currentTimeMillis
      const worker: Worker = {
        number,
        since,
        process: this.options.spawn(number),
        state: "starting",
      }
      this.workers.set(number, worker)
      this.changed()
      this.fork(Effect.flatMap(worker.process.ended, (end) => this.onEnded(worker, end)))
      const end = yield* Effect.raceFirst(
        worker.process.ready.pipe(Effect.as(undefined)),
        worker.process.ended,
      ).pipe(Effect.timeoutOption(readyMillis))
      if (end._tag === "None") {
        worker.process.kill()
        return yield* new WorkerEndedError({
          number,
          detail: `did not serve within ${readyMillis / 1000} s`,
        })
      }
      if (end.value !== undefined)
        return yield* new WorkerEndedError({
          number,
          detail: `${describeEnd(end.value)} before it served`,
        })
      worker.state = "ready"
      this.changed()
      return worker
    })
  }

  /** The smallest number that no worker has. */
  private freeNumber(): number {
    let number = 0
    while (this.workers.has(number)) number += 1
    return number
  }

  private onEnded(worker: Worker, end: WorkerEnd): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      this.workers.delete(worker.number)
      this.changed()
      const place = this.places.find((one) => one.worker === worker)
      if (place === undefined || this.isStopping) return
      place.worker = undefined
      const now = yield* Clock.currentTimeMillis
      place.failures = now - worker.since >= steadyMillis ? 1 : place.failures + 1
      const pause = pauseAfter(place.failures)
      const error = new WorkerEndedError({
        number: worker.number,
        detail: `${describeEnd(end)}; another one is started ${pause === 0 ? "at once" : `in ${pause / 1000} s`}`,
      })
      yield* Effect.logError(error.message)
      yield* this.refill(place)
    })
  }

  /** Asks a worker that was replaced to end, and kills it if it does not. */
  private retire(worker: Worker): void {
    worker.state = "draining"
    this.changed()
    worker.process.stop("replaced")
    this.fork(this.endOf(worker))
  }

  private endOf(worker: Worker): Effect.Effect<void> {
    return Effect.timeoutOption(worker.process.ended, this.options.graceMillis()).pipe(
      Effect.flatMap((end) =>
        end._tag === "Some"
          ? Effect.void
          : Effect.logWarning(`worker ${worker.number} did not end in time and is killed`).pipe(
              Effect.andThen(Effect.sync(() => worker.process.kill())),
              Effect.andThen(worker.process.ended),
              Effect.asVoid,
            ),
      ),
    )
  }

  private readonly stop: Effect.Effect<void> = Effect.suspend(() => {
    this.isStopping = true
    const workers = [...this.workers.values()]
    for (const worker of workers) {
      if (worker.state !== "draining") worker.process.stop("stop")
      worker.state = "draining"
    }
    this.changed()
    return Effect.forEach(workers, (worker) => this.endOf(worker), {
      concurrency: "unbounded",
      discard: true,
    })
  })

  private changed(): void {
    this.options.onChange(this.list())
  }
}
