/**
 * What causes a relay to reload its configuration: changes of the file, of the
 * folder `servers.d` and of the certificate's files, SIGHUP, and a timer in
 * case a change was missed.
 */
import * as NodePath from "node:path"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberHandle from "effect/FiberHandle"
import * as FileSystem from "effect/FileSystem"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** How often the files are read without a notification of a change. */
export const pollInterval = Duration.minutes(1)

/** How long a folder must be quiet before a reload; editors write in several steps. */
export const quietPeriod = Duration.millis(100)

/** The same for a certificate's folder: certificate and key are written one after the other. */
export const certificateQuiet = Duration.seconds(1)

type Request = Effect.Effect<unknown>
type Watching = Effect.Effect<void, never, FileSystem.FileSystem | Scope.Scope>

/** Requests a reload at {@link pollInterval}. */
export const poll = (request: Request): Effect.Effect<void, never, Scope.Scope> =>
  request.pipe(Effect.schedule(Schedule.spaced(pollInterval)), Effect.forkScoped, Effect.asVoid)

const requestAfter =
  (quiet: Duration.Duration, request: Request) =>
  <E>(events: Stream.Stream<FileSystem.WatchEvent, E>): Effect.Effect<void, E> =>
    events.pipe(
      Stream.debounce(quiet),
      Stream.runForEach(() => request),
    )

/**
 * Makes an effect that watches the folders of the certificate's files, and the
 * folders to which symbolic links there point. Running it again follows links
 * that have changed.
 */
export const certificateWatch = Effect.fnUntraced(function* (
  files: () => ReadonlyArray<string>,
  request: Request,
) {
  const fs = yield* FileSystem.FileSystem
  const handle = yield* FiberHandle.make()
  let watched = ""
  return Effect.gen(function* () {
    const targets = yield* Effect.forEach(files(), (file) =>
      fs.realPath(file).pipe(Effect.orElseSucceed(() => file)),
    )
    const folders = [...new Set([...files(), ...targets].map((file) => NodePath.dirname(file)))]
    const names = folders.join("\n")
    if (names === watched) return
    watched = names
    yield* Stream.mergeAll(
      folders.map((folder) => fs.watch(folder).pipe(Stream.catchCause(() => Stream.never))),
      { concurrency: "unbounded" },
    ).pipe(requestAfter(certificateQuiet, request), FiberHandle.run(handle))
  })
})

/** Watches a folder that may not exist; ends silently if it does not. */
const watchFolder = (
  fs: FileSystem.FileSystem,
  folder: string,
  request: Request,
): Effect.Effect<void> =>
  fs.watch(folder).pipe(
    requestAfter(quietPeriod, request),
    Effect.catchCause(() => Effect.void),
  )

/** Watches the configuration's file and the folder `servers.d` beside it; returns once it does. */
export const watchFiles: (
  path: string,
  serversFolder: string | undefined,
  request: Request,
) => Watching = Effect.fnUntraced(function* (path, serversFolder, request) {
  const fs = yield* FileSystem.FileSystem
  const handle = yield* FiberHandle.make()
  const watchServers =
    serversFolder === undefined
      ? Effect.void
      : Effect.asVoid(FiberHandle.run(handle, watchFolder(fs, serversFolder, request)))
  const fileName = NodePath.basename(path)
  const folderName = serversFolder === undefined ? undefined : NodePath.basename(serversFolder)
  yield* watchServers
  const watching = yield* Deferred.make<void>()
  yield* fs
    .watch(NodePath.dirname(NodePath.resolve(path)), {
      onReady: () => Deferred.doneUnsafe(watching, Effect.void),
    })
    .pipe(
      // Kubernetes replaces a mounted file by swapping a link called `..data`.
      Stream.filter((event) => {
        const name = NodePath.basename(event.path)
        return name === fileName || name === folderName || name.startsWith("..")
      }),
      Stream.tap((event) =>
        NodePath.basename(event.path) === folderName ? watchServers : Effect.void,
      ),
      requestAfter(quietPeriod, request),
      Effect.catchCause(() => Effect.logDebug("the config's folder cannot be watched")),
      Effect.ensuring(Deferred.succeed(watching, undefined)),
      Effect.forkScoped,
    )
  yield* Deferred.await(watching)
})
