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
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { onHangUp } from "../../transport/runtime/Signals.ts"

/** How often the files are read without a notification of a change. */
export const pollInterval = Duration.minutes(1)

/** How long a folder must be quiet before a reload; editors write in several steps. */
export const quietPeriod = Duration.millis(100)

/** The same for a certificate's folder: certificate and key are written one after the other. */
export const certificateQuiet = Duration.seconds(1)

/** Requests a reload. Those that come while one runs are one. */
export type Request = Effect.Effect<unknown>
type Watching = Effect.Effect<void, never, FileSystem.FileSystem | Scope.Scope>

/** Requests a reload at {@link pollInterval}. */
const poll = (request: Request): Effect.Effect<void, never, Scope.Scope> =>
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
const certificateWatch = Effect.fnUntraced(function* (
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

/**
 * Reloads on each request, on SIGHUP, at {@link pollInterval}, and when the files
 * of a certificate change, for as long as the Scope is open. Returns the request.
 *
 * @param certificateFiles the files in force; asked for again after each reload
 */
export const follow = Effect.fnUntraced(function* (
  reload: Effect.Effect<unknown, never, FileSystem.FileSystem>,
  certificateFiles?: () => ReadonlyArray<string>,
): Effect.fn.Return<Request, never, FileSystem.FileSystem | Scope.Scope> {
  const requests = yield* Queue.sliding<"reload">(1)
  const request = Queue.offer(requests, "reload")
  const watch =
    certificateFiles === undefined
      ? Effect.void
      : yield* certificateWatch(certificateFiles, request)
  yield* watch
  yield* Queue.take(requests).pipe(
    Effect.andThen(reload),
    Effect.andThen(watch),
    Effect.forever,
    Effect.forkScoped,
  )
  yield* onHangUp(request)
  yield* poll(request)
  return request
})
