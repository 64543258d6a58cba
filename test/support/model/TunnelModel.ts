/**
 * A model test of the whole tunnel: relay, servers and visitors in one process,
 * on a simulated network and clock, with random faults between them
 * (connections cut, stalled and refused; servers stopped, killed and started
 * twice; keys revoked; the relay restarted; visitors that are slow or leave).
 * A schedule may have several relays that serve as one.
 * What each visitor receives is compared with what its handler sent; after an
 * upgrade also the other way round. At the end nothing may be left.
 *
 *     const test = new TunnelModel(scheduleOf(1))
 *     assert.deepStrictEqual(yield* test.run, [])
 *
 * Reading a failure: each complaint starts with the seed, then the request's
 * number. The same seed gives the same course; `PTTH_SEED` in
 * test/hostile/Simulation.test.ts runs one alone and prints it. Deadlines are
 * counted where a test mocks them; see `CountedDeadlines.ts`.
 *
 * The parts: `Simulation` is time and chance, `Visitors` the clients,
 * `Handlers` the applications, `Processes` relays and servers, `Faults` what goes
 * wrong, `Checks` what must hold.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { Pending } from "../../../src/relay/dispatch/Pending.ts"
import { Multiplexer } from "../../../src/transport/mux/Multiplexer.ts"
import { RunningClock } from "../../../src/transport/runtime/RunningClock.ts"
import * as CountedDeadlines from "../CountedDeadlines.ts"
import {
  faultPhaseMillis,
  names,
  type Schedule,
  type ScheduleOptions,
  scheduleOf,
} from "../Schedule.ts"
import { Simulation } from "./Simulation.ts"
import { Checks } from "./TunnelModelChecks.ts"
import { Faults } from "./TunnelModelFaults.ts"
import { Handlers } from "./TunnelModelHandlers.ts"
import { Processes } from "./TunnelModelProcesses.ts"
import { heartbeatMillis, longest, mayOutlive, parkedMillis } from "./TunnelModelTimes.ts"
import { Visitors } from "./TunnelModelVisitors.ts"

/** Runs the test of a seed twice; the courses, which have to be the same. */
export const runTwice = Effect.fnUntraced(function* (seed: number, options: ScheduleOptions = {}) {
  const first = new TunnelModel(scheduleOf(seed, options))
  const second = new TunnelModel(scheduleOf(seed, options))
  yield* first.run
  yield* second.run
  return [first.events, second.events] as const
})

/** Runs one test for each seed; returns every deviation with the options and the seed that reproduce it. */
export const runSeeds = Effect.fnUntraced(function* (
  seeds: ReadonlyArray<number>,
  options: ScheduleOptions = {},
) {
  const failures: Array<string> = []
  // Thousands of errors are expected, and nobody reads their stacks.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  for (const seed of seeds) {
    const test = new TunnelModel(scheduleOf(seed, options))
    for (const complaint of yield* test.run)
      failures.push(`${JSON.stringify({ ...options, seed })}: ${complaint}`)
    if (failures.length > 10) break
  }
  Error.stackTraceLimit = stackTraceLimit
  return failures
})

/** See the file's header. */
export class TunnelModel {
  readonly simulation: Simulation
  private readonly visitors: Visitors
  private readonly handlers: Handlers
  private readonly processes: Processes
  private readonly faults: Faults
  private readonly checks: Checks
  private readonly internals = { links: new Set<Multiplexer>(), pendings: new Set<Pending>() }
  /** Every running clock, and whether it is still open. */
  private readonly clocks = new Map<RunningClock, boolean>()

  constructor(schedule: Schedule) {
    this.simulation = new Simulation(schedule)
    this.visitors = new Visitors(this.simulation)
    this.handlers = new Handlers(this.simulation, this.visitors)
    this.processes = new Processes(this.simulation, this.handlers)
    this.faults = new Faults(this.simulation, this.processes, this.visitors)
    const { handlers, internals, processes, simulation, visitors } = this
    this.checks = new Checks({ handlers, internals, processes, simulation, visitors })
  }

  /** What happened, in order, each with its time. */
  get events(): ReadonlyArray<string> {
    return this.simulation.events
  }

  /** Runs the schedule to its end; returns the deviations from the model. */
  get run(): Effect.Effect<ReadonlyArray<string>> {
    return Effect.gen({ self: this }, function* () {
      yield* this.course.pipe(Effect.provideService(Scope.Scope, this.simulation.scope))
      yield* this.end(this.simulation.scope)
      return this.simulation.complaints
    }).pipe(Effect.provideService(Clock.Clock, this.simulation.network.time.clock), (course) =>
      Effect.acquireUseRelease(
        Effect.sync(() => this.watch()),
        () => course,
        (unwatch) => Effect.sync(unwatch),
      ),
    )
  }

  private get course(): Effect.Effect<void, never, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      yield* this.processes.startRelays
      for (const name of names) yield* this.processes.launch(name)
      yield* this.simulation.pass(1_500)
      this.plan()
      yield* this.simulation.pass(faultPhaseMillis)
      yield* this.processes.heal
      yield* this.simulation.pass(2_000)
      this.visitors.probeAll()
      yield* this.simulation.pass(longest, () =>
        this.visitors.visits.every((visit) => visit.overAt !== undefined),
      )
      yield* this.simulation.pass(
        this.simulation.schedule.transport === "stream" ? 3 * heartbeatMillis : parkedMillis,
      )
      this.visitors.probeAll()
      yield* this.simulation.pass(1_500)
      this.checks.checkVisits()
      this.checks.checkLeftovers()
    })
  }

  /** Stops everything; nothing may be left. */
  private end(scope: Scope.Closeable): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      let closed = false
      yield* Effect.forkDetach(
        Scope.close(scope, Exit.void).pipe(
          Effect.andThen(
            Effect.sync(() => {
              closed = true
            }),
          ),
        ),
      )
      yield* this.simulation.pass(10_000, () => closed)
      if (!closed) this.simulation.complain("it does not stop")
      yield* this.simulation.pass(2_500)
      const left = [...CountedDeadlines.count()].filter(([millis]) => !mayOutlive.has(millis))
      if (left.length > 0) this.simulation.complain(`deadlines are left: ${left.join("; ")}`)
      const clocks = [...this.clocks.values()].filter((isOpen) => isOpen)
      if (clocks.length > 0) this.simulation.complain(`${clocks.length} running clocks are left`)
      for (const { label } of this.simulation.network.sockets)
        this.simulation.complain(`a connection is left open: ${label}`)
    })
  }

  /** Records every link, waiting request and running clock that is created. */
  private watch(): () => void {
    const { clocks } = this
    const { links, pendings } = this.internals
    const { network } = this.simulation
    const { close, now } = RunningClock.prototype
    const { ping } = Multiplexer.prototype
    const { wait } = Pending.prototype
    Multiplexer.prototype.ping = function (this: Multiplexer) {
      links.add(this)
      return ping.call(this)
    }
    Pending.prototype.wait = function (this: Pending, ...given) {
      pendings.add(this)
      return wait.apply(this, given)
    }
    // Its constructor reads it.
    RunningClock.prototype.now = function (this: RunningClock) {
      if (!clocks.has(this)) clocks.set(this, true)
      return now.call(this)
    }
    RunningClock.prototype.close = function (this: RunningClock) {
      clocks.set(this, false)
      close.call(this)
    }
    CountedDeadlines.reset()
    network.up()
    return () => {
      network.down()
      RunningClock.prototype.now = now
      RunningClock.prototype.close = close
      Multiplexer.prototype.ping = ping
      Pending.prototype.wait = wait
    }
  }

  private plan(): void {
    for (const request of this.simulation.schedule.requests)
      this.simulation.later(request.at, () => this.visitors.visit(request))
    for (const fault of this.simulation.schedule.faults)
      this.simulation.later(fault.at, () => this.faults.cause(fault))
  }
}
