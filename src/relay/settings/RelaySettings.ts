/**
 * The relay's configuration in force. It is reloaded when its files or those of
 * the certificate change, on SIGHUP and every minute; if the files are invalid,
 * the last valid configuration stays in force.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type * as LogLevel from "effect/LogLevel"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { ConfigError } from "../../domain/config/ConfigError.ts"
import { type RelayConfig, speaksTls } from "../../domain/config/RelayConfig.ts"
import { type DerivedConfig, derive } from "./DerivedConfig.ts"
import * as ReloadTriggers from "./ReloadTriggers.ts"

/** Options of {@link RelaySettings.layerWatched}. */
export interface WatchOptions {
  /** The file, which may not exist; its folder is watched. */
  readonly path: string
  /** The folder `servers.d`, which may not exist. */
  readonly serversFolder?: string
  /** Loads the configuration, with the environment and flags of the start. */
  readonly load: Effect.Effect<RelayConfig, ConfigError>
  readonly initial: RelayConfig
  /**
   * For a worker, whose supervisor watches the files and logs what is wrong with
   * them: calls the listener for each reload that it asks for.
   */
  readonly follow?: (reload: () => void) => void
}

/** The origin of the configuration in force, and the problem with the files if they are invalid. */
export interface ConfigStatus {
  /** The file, which may not exist; `undefined` for a static configuration. */
  readonly path: string | undefined
  /** The folder to which approved servers are written. */
  readonly serversFolder: string | undefined
  /** When the configuration was applied, in milliseconds since 1970. */
  readonly since: number
  /** Why the files as they are now could not be applied. */
  readonly problem: { readonly at: number; readonly message: string } | undefined
}

/** See the file's header. */
export class RelaySettings extends Context.Service<
  RelaySettings,
  {
    /** The configuration in force. */
    readonly current: () => RelayConfig
    /** The configuration in force, with the tables derived from it. */
    readonly derived: () => DerivedConfig
    /** The configuration in force, then each new one. */
    readonly changes: Stream.Stream<RelayConfig>
    /** Loads the files now and applies them if they are valid. */
    readonly reload: Effect.Effect<void>
    readonly status: () => ConfigStatus
    /** The current status, then each new one. */
    readonly statuses: Stream.Stream<ConfigStatus>
  }
>()("ptth/relay/RelaySettings") {
  /** A configuration that never changes. */
  static readonly layerStatic = (config: RelayConfig): Layer.Layer<RelaySettings> =>
    Layer.effect(
      RelaySettings,
      Effect.map(Clock.currentTimeMillis, (since) => {
        const status: ConfigStatus = {
          path: undefined,
          serversFolder: undefined,
          since,
          problem: undefined,
        }
        const derived = derive(config)
        return RelaySettings.of({
          current: () => config,
          derived: () => derived,
          changes: Stream.concat(Stream.succeed(config), Stream.never),
          reload: Effect.void,
          status: () => status,
          statuses: Stream.concat(Stream.succeed(status), Stream.never),
        })
      }),
    )

  /** A configuration that is reloaded when its files change. */
  static readonly layerWatched = (
    options: WatchOptions,
  ): Layer.Layer<RelaySettings, never, FileSystem.FileSystem> =>
    Layer.effect(RelaySettings, watched(options))
}

/** The configuration in force and its status, and how to replace them. */
interface State {
  readonly derived: () => DerivedConfig
  readonly configs: SubscriptionRef.SubscriptionRef<RelayConfig>
  readonly status: SubscriptionRef.SubscriptionRef<ConfigStatus>
  /** Applies a configuration that was loaded. */
  readonly apply: (config: RelayConfig) => Effect.Effect<void>
  /** Keeps the configuration in force and records the problem. */
  readonly reject: (error: ConfigError) => Effect.Effect<void>
}

const makeState = Effect.fnUntraced(function* (options: WatchOptions) {
  const { follow, initial, path, serversFolder } = options
  const level = (wanted: LogLevel.Severity) =>
    Effect.logWithLevel(follow === undefined ? wanted : "Debug")
  const configs = yield* SubscriptionRef.make(initial)
  let derived = derive(initial)
  const since = yield* Clock.currentTimeMillis
  const status = yield* SubscriptionRef.make<ConfigStatus>({
    path,
    serversFolder,
    since,
    problem: undefined,
  })
  const setStatus = (change: Partial<ConfigStatus>) =>
    SubscriptionRef.update(status, (before) => ({ ...before, ...change }))

  const reject = (error: ConfigError): Effect.Effect<void> =>
    SubscriptionRef.getUnsafe(status).problem?.message === error.message
      ? Effect.void
      : level("Error")(`config not reloaded, the old one stays in force\n${error.message}`).pipe(
          Effect.andThen(Clock.currentTimeMillis),
          Effect.flatMap((at) => setStatus({ problem: { at, message: error.message } })),
        )

  const unchanged = Effect.suspend(() =>
    SubscriptionRef.getUnsafe(status).problem === undefined
      ? Effect.void
      : level("Info")("config is valid again, nothing changed").pipe(
          Effect.andThen(setStatus({ problem: undefined })),
        ),
  )

  const apply = Effect.fnUntraced(function* (config: RelayConfig) {
    const before = derived.config
    if (Equal.equals(config, before)) return yield* unchanged
    derived = derive(config)
    yield* level("Info")(`config reloaded: servers registered: ${config.servers.length}`)
    const waiting = waitsForStart(config, before)
    if (waiting.length > 0) {
      yield* level("Warn")(`the new ${waiting.join(" and ")} take effect at the next start`)
    }
    yield* SubscriptionRef.set(configs, config)
    yield* setStatus({ since: yield* Clock.currentTimeMillis, problem: undefined })
  })

  const state: State = { derived: () => derived, configs, status, apply, reject }
  return state
})

/** In what a configuration differs that is read only at the start, in words. */
const waitsForStart = (config: RelayConfig, before: RelayConfig): ReadonlyArray<string> => {
  const listensElsewhere =
    !Equal.equals(config.listen, before.listen) ||
    !Equal.equals(config.httpListen, before.httpListen) ||
    !Equal.equals(config.adminListen, before.adminListen) ||
    speaksTls(config) !== speaksTls(before)
  return [
    ...(listensElsewhere ? ["addresses and TLS mode"] : []),
    ...(isSameAcme(config, before) ? [] : ["settings of ACME"]),
    ...(config.workers === before.workers ? [] : ["workers"]),
    ...(Equal.equals(config.cluster, before.cluster) ? [] : ["[cluster] settings"]),
  ]
}

const acmeKeys = [
  "acme",
  "acmeDirectory",
  "acmeCa",
  "acmeEabKeyId",
  "acmeEabKeyFile",
  "acmeDnsHook",
  "acmeDnsServer",
  "acmeDnsKeyFile",
  "stateDir",
] as const

const isSameAcme = (one: RelayConfig, other: RelayConfig): boolean =>
  acmeKeys.every((key) => Equal.equals(one[key], other[key]))

const watched = Effect.fnUntraced(function* (options: WatchOptions) {
  const state = yield* makeState(options)
  const reload = Effect.matchEffect(options.load, {
    onFailure: state.reject,
    onSuccess: state.apply,
  }).pipe(
    Semaphore.makeUnsafe(1).withPermits(1),
    // Whoever asks for it may have no logger of its own.
    Effect.provide(yield* Effect.context<never>()),
  )

  if (options.follow === undefined) {
    const request = yield* ReloadTriggers.follow(reload, () => state.derived().config.tlsFiles)
    yield* ReloadTriggers.watchFiles(options.path, options.serversFolder, request)
  } else {
    const request = yield* ReloadTriggers.follow(reload)
    options.follow(() => Effect.runFork(request))
  }

  return RelaySettings.of({
    current: () => state.derived().config,
    derived: state.derived,
    changes: SubscriptionRef.changes(state.configs),
    reload,
    status: () => SubscriptionRef.getUnsafe(state.status),
    statuses: SubscriptionRef.changes(state.status),
  })
})
