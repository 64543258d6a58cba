/**
 * The relay's configuration as it is at the moment. Its file is read again
 * when it changes, on SIGHUP and every minute; a file that has become bad
 * leaves the last good configuration in force.
 */
import * as NodePath from "node:path"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { ConfigError } from "../domain/ConfigError.ts"
import type { RelayConfig } from "../domain/RelayConfig.ts"

/** How often the file is read again although nothing was heard of a change. */
export const pollInterval = Duration.minutes(1)

/** How long the folder must be quiet before a change is acted upon; editors write in several steps. */
export const quietPeriod = Duration.millis(100)

/** What {@link RelaySettings.layerWatched} needs. */
export interface WatchOptions {
  /** The file, which need not exist yet; its folder is watched. */
  readonly path: string
  /** Reads the configuration anew, with the environment and the flags that were given at the start. */
  readonly load: Effect.Effect<RelayConfig, ConfigError>
  readonly initial: RelayConfig
}

/** The relay's configuration, now and from now on. */
export class RelaySettings extends Context.Service<
  RelaySettings,
  {
    /** The configuration in force. */
    readonly current: () => RelayConfig
    /** The configuration in force, then each one that replaces it. */
    readonly changes: Stream.Stream<RelayConfig>
  }
>()("ptth/relay/RelaySettings") {
  /** A configuration that never changes. */
  static readonly layerStatic = (config: RelayConfig): Layer.Layer<RelaySettings> =>
    Layer.succeed(RelaySettings, {
      current: () => config,
      changes: Stream.concat(Stream.succeed(config), Stream.never),
    })

  /** A configuration that follows its file. */
  static readonly layerWatched = (
    options: WatchOptions,
  ): Layer.Layer<RelaySettings, never, FileSystem.FileSystem> =>
    Layer.effect(RelaySettings, watched(options))
}

const watched = Effect.fnUntraced(function* (options: WatchOptions) {
  const { load, path } = options
  const settings = yield* SubscriptionRef.make(options.initial)
  const wanted = yield* Queue.sliding<"reload">(1)
  let current = options.initial
  let complaint: string | undefined

  const reload = Effect.matchEffect(load, {
    onFailure: (error) => {
      if (complaint === error.message) return Effect.void
      complaint = error.message
      return Effect.logError(`config not reloaded, the old one stays in force\n${error.message}`)
    },
    onSuccess: (config) => {
      const mended = complaint !== undefined
      complaint = undefined
      if (Equal.equals(config, current)) {
        return mended ? Effect.logInfo("config is good again, nothing changed") : Effect.void
      }
      const rebind = !Equal.equals(config.listen, current.listen)
      current = config
      return Effect.logInfo(`config reloaded: servers registered: ${config.servers.length}`).pipe(
        Effect.andThen(
          rebind
            ? Effect.logWarning("the new listen address takes effect at the next start")
            : Effect.void,
        ),
        Effect.andThen(SubscriptionRef.set(settings, config)),
      )
    },
  })
  yield* Queue.take(wanted).pipe(Effect.andThen(reload), Effect.forever, Effect.forkScoped)

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

  const fs = yield* FileSystem.FileSystem
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
        return changed === name || changed.startsWith("..")
      }),
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
    current: () => current,
    changes: SubscriptionRef.changes(settings),
  })
})
