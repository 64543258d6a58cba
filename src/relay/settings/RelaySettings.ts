/**
 * The relay's configuration as it is at the moment. Its files, and those of
 * the certificate that it names, are read again when they change, on SIGHUP and
 * every minute; a file that has become bad leaves the last good configuration
 * in force.
 */
import * as NodePath from "node:path"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as FiberHandle from "effect/FiberHandle"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { ConfigError } from "../../domain/config/ConfigError.ts"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import { type DerivedConfig, derive } from "./DerivedConfig.ts"

/** How often the file is read again although nothing was heard of a change. */
export const pollInterval = Duration.minutes(1)

/** How long the folder must be quiet before a change is acted upon; editors write in several steps. */
export const quietPeriod = Duration.millis(100)

/** The same for a certificate's folder: certificate and key are written one after the other. */
export const certificateQuiet = Duration.seconds(1)

/** What {@link RelaySettings.layerWatched} needs. */
export interface WatchOptions {
  /** The file, which need not exist yet; its folder is watched. */
  readonly path: string
  /** The folder of further files that register servers, which need not exist yet either. */
  readonly serversFolder?: string
  /** Reads the configuration anew, with the environment and the flags that were given at the start. */
  readonly load: Effect.Effect<RelayConfig, ConfigError>
  readonly initial: RelayConfig
}

/** How the configuration in force came to be, and what is wrong with what is not. */
export interface ConfigStatus {
  /** The file, whether it exists or not; none for a configuration that was given. */
  readonly path: string | undefined
  /** Where approved servers are written to. */
  readonly serversFolder: string | undefined
  /** Since when the configuration is in force, in milliseconds since 1970. */
  readonly since: number
  /** Why what the files say now is not in force. */
  readonly problem: { readonly at: number; readonly message: string } | undefined
}

/** The relay's configuration, now and from now on. */
export class RelaySettings extends Context.Service<
  RelaySettings,
  {
    /** The configuration in force. */
    readonly current: () => RelayConfig
    /** The configuration in force, with the tables derived from it. */
    readonly derived: () => DerivedConfig
    /** The configuration in force, then each one that replaces it. */
    readonly changes: Stream.Stream<RelayConfig>
    /** Reads the files now; what they say is in force afterwards, unless it is bad. */
    readonly reload: Effect.Effect<void>
    readonly status: () => ConfigStatus
    /** The status now, then each one that replaces it. */
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

  /** A configuration that follows its file. */
  static readonly layerWatched = (
    options: WatchOptions,
  ): Layer.Layer<RelaySettings, never, FileSystem.FileSystem> =>
    Layer.effect(RelaySettings, watched(options))
}

const watched = Effect.fnUntraced(function* (options: WatchOptions) {
  const { load, path, serversFolder } = options
  const settings = yield* SubscriptionRef.make(options.initial)
  const wanted = yield* Queue.sliding<"reload">(1)
  let derived = derive(options.initial)
  const status = yield* SubscriptionRef.make<ConfigStatus>({
    path,
    serversFolder,
    since: yield* Clock.currentTimeMillis,
    problem: undefined,
  })
  const setStatus = (change: Partial<ConfigStatus>) =>
    SubscriptionRef.update(status, (before) => ({ ...before, ...change }))

  const reload = Effect.matchEffect(load, {
    onFailure: (error) => {
      if (SubscriptionRef.getUnsafe(status).problem?.message === error.message) return Effect.void
      return Effect.logError(
        `config not reloaded, the old one stays in force\n${error.message}`,
      ).pipe(
        Effect.andThen(Clock.currentTimeMillis),
        Effect.flatMap((at) => setStatus({ problem: { at, message: error.message } })),
      )
    },
    onSuccess: (config) => Effect.suspend(() => take(config)),
  }).pipe(Semaphore.makeUnsafe(1).withPermits(1))

  const take = (config: RelayConfig): Effect.Effect<void> => {
    const current = derived.config
    if (Equal.equals(config, current)) {
      return SubscriptionRef.getUnsafe(status).problem === undefined
        ? Effect.void
        : Effect.logInfo("config is good again, nothing changed").pipe(
            Effect.andThen(setStatus({ problem: undefined })),
          )
    }
    const rebind =
      !Equal.equals(config.listen, current.listen) ||
      !Equal.equals(config.adminListen, current.adminListen) ||
      (config.tls === undefined) !== (current.tls === undefined)
    derived = derive(config)
    return Effect.logInfo(`config reloaded: servers registered: ${config.servers.length}`).pipe(
      Effect.andThen(
        rebind
          ? Effect.logWarning("where and how it listens is changed at the next start only")
          : Effect.void,
      ),
      Effect.andThen(SubscriptionRef.set(settings, config)),
      Effect.andThen(Clock.currentTimeMillis),
      Effect.flatMap((since) => setStatus({ since, problem: undefined })),
    )
  }
  const fs = yield* FileSystem.FileSystem
  const certificateWatch = yield* FiberHandle.make()
  const watchedFolders = { names: "" }
  /** Follows the folders of the certificate's files, and those that links there lead to. */
  const watchCertificate = Effect.gen(function* () {
    const real = yield* Effect.forEach(derived.config.tlsFiles, (file) =>
      fs.realPath(file).pipe(Effect.orElseSucceed(() => file)),
    )
    const folders = [
      ...new Set([...derived.config.tlsFiles, ...real].map((file) => NodePath.dirname(file))),
    ]
    const names = folders.join("\n")
    if (names === watchedFolders.names) return
    watchedFolders.names = names
    yield* Stream.mergeAll(
      folders.map((folder) => fs.watch(folder).pipe(Stream.catchCause(() => Stream.never))),
      { concurrency: "unbounded" },
    ).pipe(
      Stream.debounce(certificateQuiet),
      Stream.runForEach(() => Queue.offer(wanted, "reload")),
      FiberHandle.run(certificateWatch),
    )
  })
  yield* watchCertificate
  yield* Queue.take(wanted).pipe(
    Effect.andThen(reload),
    Effect.andThen(watchCertificate),
    Effect.forever,
    Effect.forkScoped,
  )

  yield* Effect.acquireRelease(
    Effect.sync(() => {
      const listener = (): void => {
        Queue.offerUnsafe(wanted, "reload")
      }
      process.on("SIGHUP", listener)
      return listener
    }),
    (listener) => Effect.sync(() => process.off("SIGHUP", listener)),
  )

  const folderWatch = yield* FiberHandle.make()
  /** Follows the folder of servers, which may come and go; fails silently while it is not there. */
  const watchFolder =
    serversFolder === undefined
      ? Effect.void
      : fs.watch(serversFolder).pipe(
          Stream.debounce(quietPeriod),
          Stream.runForEach(() => Queue.offer(wanted, "reload")),
          Effect.catchCause(() => Effect.void),
          FiberHandle.run(folderWatch),
          Effect.asVoid,
        )
  const folderName = serversFolder === undefined ? undefined : NodePath.basename(serversFolder)
  yield* watchFolder
  const watching = yield* Deferred.make<void>()
  const name = NodePath.basename(path)
  yield* fs
    .watch(NodePath.dirname(NodePath.resolve(path)), {
      onReady: () => Deferred.doneUnsafe(watching, Effect.void),
    })
    .pipe(
      // Kubernetes replaces a mounted file by swapping a link called `..data`.
      Stream.filter((event) => {
        const changed = NodePath.basename(event.path)
        return changed === name || changed === folderName || changed.startsWith("..")
      }),
      Stream.tap((event) =>
        NodePath.basename(event.path) === folderName ? watchFolder : Effect.void,
      ),
      Stream.debounce(quietPeriod),
      Stream.runForEach(() => Queue.offer(wanted, "reload")),
      Effect.catchCause(() => Effect.logDebug("the config's folder cannot be watched")),
      Effect.ensuring(Deferred.succeed(watching, undefined)),
      Effect.forkScoped,
    )
  yield* Deferred.await(watching)

  yield* Queue.offer(wanted, "reload").pipe(
    Effect.schedule(Schedule.spaced(pollInterval)),
    Effect.forkScoped,
  )

  return RelaySettings.of({
    current: () => derived.config,
    derived: () => derived,
    changes: SubscriptionRef.changes(settings),
    reload,
    status: () => SubscriptionRef.getUnsafe(status),
    statuses: SubscriptionRef.changes(status),
  })
})
