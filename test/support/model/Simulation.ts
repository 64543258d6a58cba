/**
 * The course of one simulated run: its random numbers, its network and clock,
 * the tasks that are due, what happened and what deviated from the model.
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { Schedule } from "../Schedule.ts"
import { Seeded } from "../Seeded.ts"
import { SimulatedNetwork } from "../SimulatedNetwork.ts"
import { relayPort } from "./TunnelModelTimes.ts"

interface Task {
  readonly at: number
  readonly run: () => void
}

/** See the file's header. */
export class Simulation {
  readonly schedule: Schedule
  readonly random: Seeded
  readonly network: SimulatedNetwork
  /** Deviations from the model; empty if all is well. */
  readonly complaints: Array<string> = []
  /** What happened, in order, each with its time. The same for the same schedule. */
  readonly events: Array<string> = []
  /** When something happened that ends connections of servers. */
  readonly disruptions: Array<number> = []
  /** Everything that runs is closed with it. */
  readonly scope = Scope.makeUnsafe()
  /** By their time. */
  private readonly tasks: Array<Task> = []
  private readonly effects: Array<Effect.Effect<void, never, Scope.Scope>> = []

  constructor(schedule: Schedule) {
    this.schedule = schedule
    this.random = new Seeded(schedule.seed)
    this.network = new SimulatedNetwork({
      seed: this.random.int(0, 0xffff_ffff),
      latency: schedule.latency,
      buffer: schedule.buffer,
    })
    this.network.nextPort = relayPort
  }

  note(event: string): void {
    this.events.push(`${this.network.time.now}: ${event}`)
  }

  complain(what: string): void {
    this.complaints.push(what)
  }

  /** Runs a task in so many milliseconds. */
  later(millis: number, run: () => void): void {
    const at = this.network.time.now + millis
    const { tasks } = this
    let i = tasks.length
    while (i > 0 && (tasks[i - 1] as Task).at > at) i -= 1
    tasks.splice(i, 0, { at, run })
  }

  /** Runs an Effect in so many milliseconds that disrupts connections of servers. */
  act(millis: number, what: string, effect: Effect.Effect<void, never, Scope.Scope>): void {
    this.later(millis, () => {
      this.note(what)
      this.disruptions.push(this.network.time.now)
      this.effects.push(effect)
    })
  }

  /** Moves time by so many milliseconds, or until `isEnough`. */
  pass(millis: number, isEnough: () => boolean = () => false): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const until = this.network.time.now + millis
      for (;;) {
        yield* this.settle
        if (this.network.time.now >= until || isEnough()) return
        const due = Math.min(until, this.tasks[0]?.at ?? until, this.network.next)
        this.network.time.advance(Math.max(1, due - this.network.time.now))
      }
    })
  }

  /** Runs everything that can happen now. */
  private get settle(): Effect.Effect<void> {
    return Effect.suspend(() =>
      Effect.promise(() => this.untilQuiet()).pipe(
        Effect.andThen(() => {
          const effect = this.effects.shift()
          return effect === undefined
            ? Effect.void
            : Effect.andThen(
                effect.pipe(Effect.provideService(Scope.Scope, this.scope)),
                this.settle,
              )
        }),
      ),
    )
  }

  /** Steps until nothing can happen any more, or an Effect is due. */
  private async untilQuiet(): Promise<void> {
    const { time } = this.network
    for (let isQuiet = false; !isQuiet; ) {
      await time.turn()
      // A kernel reports several sockets at once.
      let left = this.random.int(1, 6)
      let happened = false
      for (; left > 0 && this.effects.length === 0 && this.happens(); left--) {
        happened = true
        await time.tick()
      }
      if (this.effects.length > 0) return
      isQuiet = !happened && !time.isBusy
    }
  }

  /** Takes one step, if there is one. */
  private happens(): boolean {
    const { network, random } = this
    const { now } = network.time
    let due = 0
    while (due < this.tasks.length && (this.tasks[due] as Task).at <= now) due += 1
    if (due === 0 || random.chance(0.5)) return network.step() || due > 0
    this.tasks.splice(random.int(0, due - 1), 1)[0]?.run()
    return true
  }
}
