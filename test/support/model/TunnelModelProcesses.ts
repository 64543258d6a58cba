/**
 * The relays and the servers of the tunnel's model test, as far as a test starts,
 * stops, kills and configures them. All of them run in this process, each in a
 * Scope of its own. Several relays serve as one behind a load balancer, which
 * gives each connection to one of those that run.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import { Membership } from "../../../src/cluster/Membership.ts"
import { noPeers, Peers } from "../../../src/cluster/Peers.ts"
import * as PeerMesh from "../../../src/cluster/peers/PeerMesh.ts"
import { make as makeKey } from "../../../src/domain/ApiKey.ts"
import type { ServerName } from "../../../src/domain/ServerName.ts"
import * as Server from "../../../src/server/Server.ts"
import * as Harness from "../Harness.ts"
import { type Name, names, type Schedule } from "../Schedule.ts"
import * as SimulatedPeers from "../SimulatedPeers.ts"
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

/** `[cluster]` without what the tests give the relays themselves. */
const noCluster = {
  id: undefined,
  listen: undefined,
  advertise: undefined,
  keyFile: undefined,
  engine: undefined,
  name: "ptth",
  peers: [],
}

/** A span of simulated time, in milliseconds. */
export interface Span {
  readonly from: number
  to: number
}

/** One of the relays, whether it runs or not. */
export interface RelayPlace {
  readonly id: string
  /** Where visitors and servers reach it, and where the other relays do. */
  readonly port: number
  readonly peerPort: number
  running: RunningRelay | undefined
  /** When it was away, or had just started. */
  readonly trouble: Array<Span>
}

interface RunningRelay {
  readonly scope: Scope.Closeable
  readonly made: Harness.TestRelay
  /** Its host as a client of other relays. */
  readonly host: string
}

const placesOf = ({ relays = 1 }: Schedule): ReadonlyArray<RelayPlace> =>
  Array.from({ length: relays }, (_, i) => ({
    id: `r${i}`,
    port: relays === 1 ? relayPort : relayPort + 10 * (i + 1),
    peerPort: relayPort + 10 * (i + 1) + 1,
    running: undefined,
    trouble: [],
  }))

/** See the file's header. */
export class Processes {
  /** Every relay that was started. */
  readonly relays: Array<Harness.TestRelay> = []
  readonly places: ReadonlyArray<RelayPlace>
  /** Whether the key of `app` is revoked. */
  revoked = false
  private readonly instances: Array<Instance> = []
  private launched = 0
  /** To which relay the last connection of each visitor went. */
  private readonly routes = new Map<string, RelayPlace>()
  private readonly simulation: Simulation
  private readonly handlers: Handlers

  constructor(simulation: Simulation, handlers: Handlers) {
    this.simulation = simulation
    this.handlers = handlers
    this.places = placesOf(simulation.schedule)
    if (this.places.length > 1)
      simulation.network.route = (host, port) =>
        port === relayPort ? this.balance(host).port : port
  }

  /** The relay to which a visitor is connected. */
  placeOf(visitor: string): RelayPlace {
    return this.routes.get(visitor) ?? (this.places[0] as RelayPlace)
  }

  private balance(host: string): RelayPlace {
    const { random } = this.simulation
    const running = this.places.filter((place) => place.running !== undefined)
    const all = running.length > 0 ? running : this.places
    const place = all[random.int(0, all.length - 1)] as RelayPlace
    this.routes.set(host, place)
    return place
  }

  /** Starts all relays. */
  get startRelays(): Effect.Effect<void, never, Scope.Scope> {
    return Effect.forEach(this.places, (place) => this.startRelay(place), { discard: true })
  }

  /** Starts a relay, with the configuration as it is now. */
  private startRelay(place: RelayPlace): Effect.Effect<void, never, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      const { network, schedule } = this.simulation
      const { relayGrace, spread = 4 } = schedule
      const scope = yield* Scope.fork(yield* Effect.scope)
      const host = `relay-${place.id}-${this.relays.length}`
      const peers = yield* this.peersOf(place, host).pipe(Scope.provide(scope))
      network.nextPort = place.port
      const made = yield* Harness.relay({
        servers: this.registered,
        waitForServer: waitMillis,
        responseTimeout: responseMillis,
        idleTimeout: idleMillis,
        shutdownGrace: relayGrace,
        config: {
          heartbeat: Duration.millis(heartbeatMillis),
          ...(this.places.length > 1 ? { cluster: { ...noCluster, spread } } : {}),
        },
      }).pipe(
        Effect.provideService(Peers, peers),
        Effect.provideService(Scope.Scope, scope),
        Effect.orDie,
      )
      place.running = { scope, made, host }
      this.relays.push(made)
    })
  }

  /** The other relays, for one of them. */
  private peersOf(place: RelayPlace, host: string) {
    if (this.places.length === 1) return Effect.succeed(noPeers)
    const mesh = PeerMesh.layer({
      id: place.id,
      incarnation: host,
      machine: place.id,
      program: "test",
      digest: () => "",
      slot: () => this.places.indexOf(place) + 1,
      network: SimulatedPeers.peerNetwork(this.simulation.network, host),
      listen: [SimulatedPeers.addressOf(place.peerPort)],
    }).pipe(
      Layer.provide(
        Membership.layerFixed(
          this.places.map(({ id, peerPort }) => ({ id, at: SimulatedPeers.addressOf(peerPort) })),
        ),
      ),
    )
    return Layer.build(mesh).pipe(
      Effect.map((services) => Context.get(services, Peers)),
      Effect.provide(Logger.layer([])),
      Effect.orDie,
    )
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
      return Effect.forEach(
        this.places,
        ({ running }) => running?.made.change({ servers: this.registered }) ?? Effect.void,
        { discard: true },
      )
    })
  }

  /** Stops a relay, or crashes it. */
  leaveRelay(place: RelayPlace, gently: boolean): Effect.Effect<void, never, Scope.Scope> {
    return Effect.suspend(() => {
      const { running } = place
      if (running === undefined) return Effect.void
      place.running = undefined
      const { network } = this.simulation
      place.trouble.push({ from: network.time.now, to: Number.POSITIVE_INFINITY })
      if (!gently) {
        network.crash(place.port)
        network.crash(place.peerPort)
        network.unreachable.add(running.host)
        for (const connection of network.connections)
          if (connection.host === running.host) connection.cut()
      }
      return Effect.forkScoped(Scope.close(running.scope, Exit.void)).pipe(Effect.asVoid)
    })
  }

  /** Starts a relay again. */
  returnRelay(place: RelayPlace): Effect.Effect<void, never, Scope.Scope> {
    return Effect.suspend(() => {
      if (place.running !== undefined) return Effect.void
      const { network } = this.simulation
      // A relay that still drains keeps its ports until then.
      network.forget(place.port)
      network.forget(place.peerPort)
      for (const one of place.trouble) one.to = Math.min(one.to, network.time.now + 1_500)
      return this.startRelay(place)
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
      for (const place of this.places) yield* this.returnRelay(place)
      yield* this.register(false)
      for (const name of names)
        if (!this.alive.some((instance) => instance.name === name)) yield* this.launch(name)
    })
  }
}
