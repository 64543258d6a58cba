/**
 * A log file as the configuration says: it is opened, moved and closed when the
 * configuration changes, and reopened on SIGHUP for log rotation.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import { LineFile, type Rotation } from "../../transport/observe/LineFile.ts"
import { onSignal } from "../../transport/runtime/Signals.ts"
import { RelaySettings } from "./RelaySettings.ts"

/** The log, and the part of the configuration that concerns it. */
export interface LogFileOptions<Wanted> {
  /** Its name and the unit of its lines, for messages. */
  readonly name: string
  readonly unit: string
  readonly rotate?: Rotation
  /** Whether other processes write it too. */
  readonly isShared?: boolean
  /** The part of a configuration that concerns the log; `undefined` for no log. */
  readonly wanted: (config: RelayConfig) => Wanted | undefined
  /** Whether the file can stay open. */
  readonly isSame: (one: Wanted, other: Wanted) => boolean
  /** The file; `undefined` for standard output. */
  readonly pathOf: (wanted: Wanted) => string | undefined
  /** Appends lines until the returned function is called. */
  readonly feed: (wanted: Wanted, append: (line: string) => void) => () => void
}

interface Running<Wanted> {
  readonly wanted: Wanted
  readonly file: LineFile
  readonly stop: () => void
}

/** How long writing the last lines may take, in milliseconds. */
const closeMillis = 1_000

const closing = (file: LineFile): Effect.Effect<void> =>
  Effect.callback<void>((resume) => file.close(() => resume(Effect.void))).pipe(
    Effect.timeoutOption(closeMillis),
    Effect.asVoid,
  )

/** Writes the log for as long as the Scope is open. */
export const follow = Effect.fn("LogFile.follow")(function* <Wanted>(
  options: LogFileOptions<Wanted>,
): Effect.fn.Return<void, never, RelaySettings | Scope.Scope> {
  const settings = yield* RelaySettings
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const { isShared = false, name, rotate, unit } = options
  let running: Running<Wanted> | undefined

  const start = (wanted: Wanted): Running<Wanted> => {
    const path = options.pathOf(wanted)
    const where = path ?? "standard output"
    const file = new LineFile({
      path,
      isShared,
      ...(rotate === undefined ? {} : { rotate }),
      onFailure: (reason) => {
        run(
          Effect.logWarning(`${name} cannot be written to ${where} (${reason}); ${unit} are lost`),
        )
      },
      onRecovered: (lost) => {
        run(Effect.logInfo(`${name} is written again; ${unit} lost: ${lost}`))
      },
    })
    return { wanted, file, stop: options.feed(wanted, (line) => file.append(line)) }
  }

  /** Starts the next file before the last one is written out, so that no line is lost between them. */
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
  yield* onSignal("SIGHUP", () => running?.file.reopen())
})
