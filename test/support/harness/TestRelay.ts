/** Starts a relay inside the test, with registered servers whose keys follow from their names. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { Engine } from "../../../src/cluster/engine/Engine.ts"
import { Peers } from "../../../src/cluster/Peers.ts"
import { tripcodeOfText } from "../../../src/domain/ApiKey.ts"
import type { RegisteredServer, RelayConfig } from "../../../src/domain/config/RelayConfig.ts"
import { empty as defaults, plainServer } from "../../../src/domain/config/RelayConfig.ts"
import type { ServerName } from "../../../src/domain/ServerName.ts"
import type { AuditEvent } from "../../../src/relay/audit/AuditEvent.ts"
import * as AuditFile from "../../../src/relay/audit/AuditFile.ts"
import { AuditLog } from "../../../src/relay/audit/AuditLog.ts"
import * as AuditVisits from "../../../src/relay/audit/AuditVisits.ts"
import { none as noCertificates } from "../../../src/relay/certificates/Certificates.ts"
import type { ServerStatus } from "../../../src/relay/dispatch/Rendezvous.ts"
import { Rendezvous } from "../../../src/relay/dispatch/Rendezvous.ts"
import { Inspector } from "../../../src/relay/inspect/Inspector.ts"
import { Relay } from "../../../src/relay/Relay.ts"
import type { RefusedStranger } from "../../../src/relay/registry/Servers.ts"
import { Servers } from "../../../src/relay/registry/Servers.ts"
import { derive } from "../../../src/relay/settings/DerivedConfig.ts"
import { type ConfigStatus, RelaySettings } from "../../../src/relay/settings/RelaySettings.ts"
import * as RelayMetrics from "../../../src/relay/status/RelayMetrics.ts"
import { Relays } from "../../../src/relay/status/Relays.ts"
import * as SendMetrics from "../../../src/relay/status/SendMetrics.ts"
import * as AccessLogging from "../../../src/relay/traffic/AccessLogging.ts"
import { Traffic } from "../../../src/relay/traffic/Traffic.ts"
import type { BindError } from "../../../src/transport/front/NodeFront.ts"
import type { Metric } from "../../../src/transport/observe/Metric.ts"
import { capture, type Lines } from "./LogLines.ts"

/** A registered server: a name with the key {@link keyOf} it, or more than that. */
export type RegisteredAs =
  | string
  | {
      readonly name: string
      readonly key?: string
      readonly displayName?: string
      readonly responseTimeout?: Duration.Input
      readonly auth?: RegisteredServer["auth"]
      readonly limits?: RegisteredServer["limits"]
      readonly inspect?: boolean
      readonly tls?: RegisteredServer["tls"]
      readonly hosts?: ReadonlyArray<string>
    }

/** What a relay is started with; the rest is the relay's own default, except that it waits for nothing when it stops. */
export interface RelayOptions {
  readonly servers?: ReadonlyArray<RegisteredAs>
  readonly waitForServer?: Duration.Input
  readonly responseTimeout?: Duration.Input
  readonly idleTimeout?: Duration.Input
  readonly shutdownGrace?: Duration.Input
  /** Any other key of the configuration. */
  readonly config?: Partial<RelayConfig>
}

/** A relay that runs. */
export interface TestRelay {
  readonly host: string
  readonly port: number
  /** `http://HOST:PORT`. */
  readonly url: string
  /** Puts another configuration in force, as a changed file does. */
  readonly change: (options: RelayOptions) => Effect.Effect<void>
  readonly unregistered: () => ReadonlyArray<RefusedStranger>
  readonly events: () => ReadonlyArray<AuditEvent>
  readonly status: (name: string) => ServerStatus
  readonly traffic: Traffic["Service"]
  readonly inspector: Inspector["Service"]
  readonly metrics: () => ReadonlyArray<Metric>
  readonly lines: Lines
  /** Shuts it down, as SIGTERM does. */
  readonly stop: Effect.Effect<void>
}

/** The key that the harness gives a server of this name. */
export const keyOf = (name: string): string => `the-key-of-${name}`

const registered = (server: RegisteredAs): RegisteredServer => {
  const entry = typeof server === "string" ? { name: server } : server
  return {
    ...plainServer,
    name: entry.name as ServerName,
    tripcodes: [tripcodeOfText(entry.key ?? keyOf(entry.name))],
    displayName: entry.displayName,
    auth: entry.auth,
    inspect: entry.inspect === true,
    tls: entry.tls ?? "terminate",
    hosts: entry.hosts ?? [],
    ...(entry.limits === undefined ? {} : { limits: entry.limits }),
    responseTimeout:
      entry.responseTimeout === undefined
        ? undefined
        : Duration.fromInputUnsafe(entry.responseTimeout),
  }
}

const configOf = (options: RelayOptions, before: RelayConfig): RelayConfig => {
  const duration = (given: Duration.Input | undefined, own: Duration.Duration) =>
    given === undefined ? own : Duration.fromInputUnsafe(given)
  return {
    ...before,
    ...options.config,
    servers: options.servers?.map(registered) ?? before.servers,
    waitForServer: duration(options.waitForServer, before.waitForServer),
    responseTimeout: duration(options.responseTimeout, before.responseTimeout),
    idleTimeout: duration(options.idleTimeout, before.idleTimeout),
    shutdownGrace: duration(options.shutdownGrace, before.shutdownGrace),
  }
}

/** Starts a relay on a free port of this machine. */
export const relay: (options?: RelayOptions) => Effect.Effect<TestRelay, BindError, Scope.Scope> =
  Effect.fnUntraced(function* (options: RelayOptions = {}) {
    const lines: Array<string> = []
    const initial = configOf(options, {
      ...defaults,
      listen: { host: "127.0.0.1", port: 0 },
      shutdownGrace: Duration.zero,
      lameDuck: Duration.zero,
    })
    let derived = derive(initial)
    const settings = yield* SubscriptionRef.make(initial)
    const status: ConfigStatus = {
      path: undefined,
      serversFolder: undefined,
      since: 0,
      problem: undefined,
    }
    const settingsLayer = Layer.succeed(RelaySettings, {
      current: () => derived.config,
      derived: () => derived,
      changes: SubscriptionRef.changes(settings),
      reload: Effect.void,
      status: () => status,
      statuses: Stream.concat(Stream.succeed(status), Stream.never),
    })
    const scope = yield* Scope.fork(yield* Effect.scope)
    const services = yield* Relay.layerNoDeps.pipe(
      Layer.provideMerge(SendMetrics.layer),
      Layer.provideMerge(Relays.layerOfRelay),
      Layer.provideMerge(Layer.mergeAll(Servers.layer, Rendezvous.layer)),
      Layer.provideMerge(Layer.mergeAll(AccessLogging.layer, AuditVisits.layer)),
      Layer.provideMerge(AuditFile.layer),
      Layer.provideMerge(Layer.mergeAll(AuditLog.layer, Traffic.layer, Inspector.layer)),
      Layer.provideMerge(settingsLayer),
      Layer.provide(capture(lines)),
      Layer.buildWithScope(scope),
    )
    const { host, port } = Context.get(services, Relay)
    const peers = yield* Peers
    const engine = yield* Engine
    const servers = Context.get(services, Servers)
    const rendezvous = Context.get(services, Rendezvous)
    const audit = Context.get(services, AuditLog)
    const made: TestRelay = {
      host,
      port,
      url: `http://${host}:${port}`,
      change: (next) =>
        Effect.suspend(() => {
          derived = derive(configOf(next, derived.config))
          return SubscriptionRef.set(settings, derived.config)
        }),
      unregistered: () => servers.unregistered(),
      events: () => audit.entries().map((entry) => entry.event),
      status: (name) => rendezvous.status(name as ServerName),
      traffic: Context.get(services, Traffic),
      inspector: Context.get(services, Inspector),
      metrics: () =>
        RelayMetrics.read({
          settings: Context.get(services, RelaySettings),
          rendezvous,
          traffic: Context.get(services, Traffic),
          peers,
          engine,
          certificates: noCertificates,
          version: "test",
        }),
      lines,
      stop: Scope.close(scope, Exit.void),
    }
    return made
  })
