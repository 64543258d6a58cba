/**
 * The relay and the servers of the tunnel's model test, as far as a test starts,
 * stops, kills and configures them. All of them run in this process, each in a
 * Scope of its own.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import { make as makeKey } from "../../../src/domain/ApiKey.ts"
import type { ServerName } from "../../../src/domain/ServerName.ts"
import * as Server from "../../../src/server/Server.ts"
import * as Harness from "../Harness.ts"
import { type Name, names } from "../Schedule.ts"
import type { Simulation } from "./Simulation.ts"
import type { Handlers } from "./TunnelModelHandlers.ts"
import {
  heartbeatMillis,
  idleMillis,
  relayPort,
  responseMillis,
  waitMillis,
} from "./TunnelModelTimes.ts"

/** A server process. */
export interface Instance {
  readonly name: Name
  readonly host: string
  readonly scope: Scope.Closeable
  readonly fiber: Fiber.Fiber<never, never>
  alive: boolean
}

/** A span of simulated time, in milliseconds. */
export interface Span {
  readonly from: number
  to: number
}

/** See the file's header. */
export class Processes {
  /** Every relay that was started, the one that runs last. */
  readonly relays: Array<Harness.TestRelay> = []
  relay: { readonly scope: Scope.Closeable; readonly made: Harness.TestRelay } | undefined
  /** When there was no relay, or one that had just started. */
  readonly relayTrouble: Array<Span> = []
  /** Whether the key of `app` is revoked. */
  revoked = false
  private readonly instances: Array<Instance> = []
  private launched = 0
  private readonly simulation: Simulation
  private readonly handlers: Handlers

  constructor(simulation: Simulation, handlers: Handlers) {
    this.simulation = simulation
    this.handlers = handlers
  }

  /** Starts the relay, with the configuration as it is now. */
  get startRelay(): Effect.Effect<void, never, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      const scope = yield* Scope.fork(yield* Effect.scope)
      const made = yield* Harness.relay({
        servers: this.registered,
        waitForServer: waitMillis,
        responseTimeout: responseMillis,
        idleTimeout: idleMillis,
        shutdownGrace: this.simulation.schedule.relayGrace,
        config: { heartbeat: Duration.millis(heartbeatMillis) },
      }).pipe(Effect.provideService(Scope.Scope, scope), Effect.orDie)
      this.relay = { scope, made }
      this.relays.push(made)
    })
  }

  /** Starts a server process. */
  launch(name: Name): Effect.Effect<void, never, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      this.launched += 1
      const host = `${name}-${this.launched}`
      const scope = yield* Scope.fork(yield* Effect.scope)
      const fiber = yield* Effect.scoped(
        Server.run({
          name: name as ServerName,
          apiKey: makeKey(Harness.keyOf(name)),
          relayUrl: `http://${host}:${relayPort}`,
          handler: this.handlers.handler(name),
          proxies: false,
          graceMillis: this.simulation.schedule.serverGrace,
          transport: this.simulation.schedule.transport,
          heartbeatMillis,
        }),
      ).pipe(
        Effect.provide(Logger.layer([])),
        Random.withSeed(`${this.simulation.random.int(0, 1e9)}`),
        Effect.forkIn(scope),
      )
      this.instances.push({ name, host, scope, fiber, alive: true })
      this.simulation.note(`${host} starts`)
    })
  }

  /** Stops a server as SIGTERM does. */
  stop(instance: Instance): Effect.Effect<void, never, Scope.Scope> {
    instance.alive = false
    return Effect.forkScoped(Fiber.interrupt(instance.fiber)).pipe(Effect.asVoid)
  }

  /** Ends a server at once; `silently` as when its machine loses power. */
  kill(instance: Instance, silently: boolean): Effect.Effect<void, never, Scope.Scope> {
    return Effect.suspend(() => {
      this.simulation.network.unreachable.add(instance.host)
      for (const connection of this.simulation.network.connections)
        if (connection.host === instance.host)
          if (silently) connection.vanish()
          else connection.cut()
      return this.stop(instance)
    })
  }

  private get registered(): ReadonlyArray<Harness.RegisteredAs> {
    return this.revoked ? [{ name: "app", key: "another-key-altogether" }, "other"] : names
  }

  /** The servers that run. */
  get alive(): ReadonlyArray<Instance> {
    return this.instances.filter(({ alive }) => alive)
  }

  /** Puts a configuration in force in which the key of `app` is another one, or is right again. */
  register(revoked: boolean): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.revoked = revoked
      const { relay } = this
      return relay === undefined
        ? Effect.void
        : relay.made.change({
            servers: this.registered,
          })
    })
  }

  /** Stops the relay, or crashes it. */
  leaveRelay(gently: boolean): Effect.Effect<void, never, Scope.Scope> {
    return Effect.suspend(() => {
      const { relay } = this
      if (relay === undefined) return Effect.void
      this.relay = undefined
      this.relayTrouble.push({
        from: this.simulation.network.time.now,
        to: Number.POSITIVE_INFINITY,
      })
      if (!gently) this.simulation.network.crash(relayPort)
      return Effect.forkScoped(Scope.close(relay.scope, Exit.void)).pipe(Effect.asVoid)
    })
  }

  /** Starts the relay again. */
  get returnRelay(): Effect.Effect<void, never, Scope.Scope> {
    return Effect.suspend(() => {
      if (this.relay !== undefined) return Effect.void
      // A relay that still drains keeps its port until then.
      this.simulation.network.forget(relayPort)
      for (const one of this.relayTrouble)
        one.to = Math.min(one.to, this.simulation.network.time.now + 1_500)
      return this.startRelay
    })
  }

  /** Ends every fault: all hosts are reachable, relay and servers run. */
  get heal(): Effect.Effect<void, never, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      this.simulation.note("the faults are over")
      for (const { alive, host } of this.instances)
        if (alive) this.simulation.network.unreachable.delete(host)
      for (const connection of this.simulation.network.connections) {
        connection.stall("to server", false)
        connection.stall("to client", false)
      }
      yield* this.returnRelay
      yield* this.register(false)
      for (const name of names)
        if (!this.alive.some((instance) => instance.name === name)) yield* this.launch(name)
    })
  }
}
