/**
 * A file of lines that follows the configuration: begun, moved and ended with
 * it, and opened anew on SIGHUP, so that it can be rotated.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import { LineFile, type Rotation } from "../../transport/observe/LineFile.ts"
import { RelaySettings } from "./RelaySettings.ts"

/** What is written, and where. */
export interface LogFileOptions<Wanted> {
  /** What people call it, and what it has in its lines. */
  readonly name: string
  readonly unit: string
  readonly rotate?: Rotation
  /** What a configuration asks for; `undefined` for nothing. */
  readonly wanted: (config: RelayConfig) => Wanted | undefined
  /** Whether nothing has to be begun anew. */
  readonly isSame: (one: Wanted, other: Wanted) => boolean
  /** A file, or standard output where `undefined`. */
  readonly pathOf: (wanted: Wanted) => string | undefined
  /** Has lines appended from now on, until the returned function is called. */
  readonly feed: (wanted: Wanted, append: (line: string) => void) => () => void
}

interface Running<Wanted> {
  readonly wanted: Wanted
  readonly file: LineFile
  readonly stop: () => void
}

/** How long the last lines may take, in milliseconds. */
const lastMillis = 1_000

const closing = (file: LineFile): Effect.Effect<void> =>
  Effect.callback<void>((resume) => file.close(() => resume(Effect.void))).pipe(
    Effect.timeoutOption(lastMillis),
    Effect.asVoid,
  )

/** Keeps the file for as long as the Scope is open. */
export const follow = <Wanted>(
  options: LogFileOptions<Wanted>,
): Effect.Effect<void, never, RelaySettings | Scope.Scope> =>
  Effect.gen(function* () {
    const settings = yield* RelaySettings
    const run = Effect.runForkWith(yield* Effect.context<never>())
    const { name, rotate, unit } = options
    let running: Running<Wanted> | undefined

    const start = (wanted: Wanted): Running<Wanted> => {
      const path = options.pathOf(wanted)
      const where = path ?? "standard output"
      const file = new LineFile({
        path,
        ...(rotate === undefined ? {} : { rotate }),
        onFailure: (reason) => {
          run(
            Effect.logWarning(
              `${name} cannot be written to ${where} (${reason}); ${unit} are lost`,
            ),
          )
        },
        onRecovered: (lost) => {
          run(Effect.logInfo(`${name} is written again; ${unit} lost: ${lost}`))
        },
      })
      return { wanted, file, stop: options.feed(wanted, (line) => file.append(line)) }
    }

    /** The next file begins before the last one is written out: nothing is between them. */
    const replace = (wanted: Wanted | undefined): Effect.Effect<void> =>
      Effect.suspend(() => {
        const before = running
        before?.stop()
        running = wanted === undefined ? undefined : start(wanted)
        return before === undefined ? Effect.void : closing(before.file)
      })

    const to = (config: RelayConfig): Effect.Effect<void> =>
      Effect.suspend(() => {
        const wanted = options.wanted(config)
        const isSame =
          wanted === undefined || running === undefined
            ? wanted === running
            : options.isSame(wanted, running.wanted)
        return isSame ? Effect.void : replace(wanted)
      })

    yield* Effect.addFinalizer(() => replace(undefined))
    yield* to(settings.current())
    yield* Effect.forkScoped(Stream.runForEach(settings.changes, to))
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        const reopen = (): void => running?.file.reopen()
        process.on("SIGHUP", reopen)
        return reopen
      }),
      (reopen) => Effect.sync(() => process.off("SIGHUP", reopen)),
    )
  })
