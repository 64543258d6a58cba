/**
 * Serves one or several names through their relay until it is interrupted. When
 * the configuration is loaded again, names come and go, and what a name serves
 * changes, without losing the links of the others.
 */
import * as NodePath from "node:path"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as FileSystem from "effect/FileSystem"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { ConfigError } from "../../domain/config/ConfigError.ts"
import type { ServerConfig } from "../../domain/config/ServerConfig.ts"
import { SharedNames } from "../../server/uplink/SharedNames.ts"
import * as KeyStrength from "../../transport/auth/KeyStrength.ts"
import * as BusyPoll from "../../transport/runtime/BusyPoll.ts"
import { onHangUp } from "../../transport/runtime/Signals.ts"
import * as RuntimeFolder from "../control/RuntimeFolder.ts"
import type * as StatusReport from "../control/StatusReport.ts"
import * as StatusSocket from "../control/StatusSocket.ts"
import type * as OwnerView from "../terminal/OwnerView.ts"
import * as ViewChoice from "../terminal/ViewChoice.ts"
import { viewOptions } from "../text/OutputFlags.ts"
import * as RunTunnel from "./RunTunnel.ts"
import * as SameName from "./SameName.ts"
import * as SendTelemetry from "./SendTelemetry.ts"
import type * as TunnelEvents from "./TunnelEvents.ts"

/** Loads the configuration again: all that is to be served. */
export type Load = Effect.Effect<ReadonlyArray<ServerConfig>, ConfigError, FileSystem.FileSystem>

interface Service {
  readonly config: ServerConfig
  readonly tunnel: RunTunnel.Tunnel
  readonly scope: Scope.Closeable
}

/** Fails if one of the keys is weak; each is looked at once. */
const checkKeys = Effect.fnUntraced(function* (
  configs: ReadonlyArray<ServerConfig>,
  path: string | undefined,
  checked: Set<string>,
) {
  for (const { apiKey } of configs) {
    const key = Redacted.value(apiKey)
    if (checked.has(key)) continue
    yield* KeyStrength.check(apiKey, path ?? "PTTH_SERVER_API_KEY")
    checked.add(key)
  }
})

/** The names that are served. One function, since opening, replacing and ending names share who carries the others. */
const makeServices = Effect.fnUntraced(function* (
  options: TunnelEvents.TunnelOptions,
  view: OwnerView.OwnerView,
) {
  const parent = yield* Effect.scope
  const services = new Map<string, Service>()
  const failed = yield* Deferred.make<never, TunnelEvents.TunnelError>()
  const checkedKeys = new Set<string>()
  const names = new SharedNames()
  /** The name whose links carry the others. */
  let carrier: string | undefined

  /** Opens a name; the inner effect connects it, and ends the one that it replaces. */
  const open = Effect.fnUntraced(function* (config: ServerConfig, isOnly: boolean) {
    const scope = yield* Scope.fork(parent)
    carrier ??= config.name
    const sharing = { names, isCarrier: config.name === carrier, isOnly }
    const tunnel = yield* RunTunnel.prepare(config, options, view, sharing).pipe(
      Effect.provideService(Scope.Scope, scope),
      Effect.onError(() => Scope.close(scope, Exit.void)),
    )
    const connect = Effect.gen(function* () {
      const before = services.get(config.name)
      services.set(config.name, { config, tunnel, scope })
      yield* tunnel.run.pipe(
        Effect.provideService(Scope.Scope, scope),
        Effect.catch((error) => Effect.asVoid(Deferred.fail(failed, error))),
        Effect.forkIn(scope),
      )
      if (before !== undefined) yield* end(before)
    })
    return { connect, discard: Scope.close(scope, Exit.void) }
  })

  /** Ends a name. Its requests may go on for the grace period, which is not waited for. */
  const end = ({ scope }: Service) =>
    Effect.asVoid(Effect.forkIn(Scope.close(scope, Exit.void), parent))

  /** What has to be done so that a configuration is in force, opened; nothing is changed before it is run. */
  const plan = Effect.fnUntraced(function* (config: ServerConfig, isOnly: boolean) {
    const before = services.get(config.name)
    if (before === undefined || !RunTunnel.isSameConnection(before.config, config))
      return yield* open(config, isOnly)
    const replace = yield* before.tunnel.replace(config)
    const connect = Effect.andThen(
      Effect.sync(() => services.set(config.name, { ...before, config })),
      replace,
    )
    return { connect, discard: Effect.void }
  })

  const apply = Effect.fnUntraced(function* (configs: ReadonlyArray<ServerConfig>) {
    yield* checkKeys(configs, options.path, checkedKeys)
    const planned: Array<Effect.Success<ReturnType<typeof plan>>> = []
    yield* Effect.forEach(configs, (config) =>
      Effect.map(plan(config, configs.length === 1), (one) => planned.push(one)),
    ).pipe(Effect.onError(() => Effect.forEach(planned, ({ discard }) => discard)))
    const names = new Set<string>(configs.map(({ name }) => name))
    for (const [name, service] of services) {
      if (names.has(name)) continue
      services.delete(name)
      // The next name that is opened carries the others; until then each has links of its own.
      if (name === carrier) carrier = undefined
      yield* end(service)
    }
    yield* Effect.forEach(planned, ({ connect }) => connect, { discard: true })
  })

  return { services, apply, failed: Deferred.await(failed) }
})

/** Tells of other processes that serve something else under one of these names. */
const tellOfOthers = Effect.fnUntraced(function* (
  own: Effect.Effect<ReadonlyArray<StatusReport.Service>>,
) {
  const statuses = yield* StatusSocket.askAll(RuntimeFolder.ofProcess())
  const others = statuses.filter(({ pid }) => pid !== process.pid)
  const warnings = SameName.warningsFor(yield* own, others)
  yield* Effect.forEach(warnings, (warning) => Effect.logWarning(warning), { discard: true })
})

/** Runs until it is interrupted; without `load` the configuration is never loaded again. */
export const runServices = Effect.fn("RunServices")(function* (
  configs: ReadonlyArray<ServerConfig>,
  options: TunnelEvents.TunnelOptions,
  load?: Load,
) {
  const [first] = configs
  BusyPoll.allow(first?.busyPoll ?? true)
  return yield* Effect.gen(function* () {
    const view = yield* ViewChoice.make(yield* viewOptions)
    const { apply, failed, services } = yield* makeServices(options, view)
    const context = yield* Effect.context<FileSystem.FileSystem>()
    yield* apply(configs)
    // Not waited for: a process that hangs takes seconds.
    yield* Effect.forkScoped(
      tellOfOthers(Effect.sync(() => [...services.values()].map(({ tunnel }) => tunnel.status()))),
    )
    yield* StatusSocket.publish(
      RuntimeFolder.ofProcess(),
      Effect.sync(() => ({
        kind: "server",
        ...(options.path === undefined ? {} : { config: NodePath.resolve(options.path) }),
        services: [...services.values()].map(({ tunnel }) => tunnel.status()),
      })),
    )
    const all = [...services.values()]
    yield* all.length === 1 && all[0] !== undefined
      ? RunTunnel.printOne(all[0].config, all[0].tunnel, options)
      : RunTunnel.printSeveral(
          first?.relayUrl ?? "",
          all.map(({ config, tunnel }) => [config.name, tunnel]),
        )
    if (load !== undefined)
      yield* onHangUp(
        Effect.flatMap(load, apply).pipe(
          Effect.matchEffect({
            onFailure: ({ message }) =>
              Effect.logError(`configuration not reloaded, the old one stays in force\n${message}`),
            onSuccess: () =>
              Effect.logInfo(`configuration reloaded: ${[...services.keys()].join(", ")}`),
          }),
          Semaphore.makeUnsafe(1).withPermits(1),
          Effect.provide(context),
        ),
      )
    return yield* failed
  }).pipe(Effect.scoped, Effect.provide(SendTelemetry.layer(first?.otlpEndpoint, "ptth-server")))
})
