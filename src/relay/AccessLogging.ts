/**
 * Writes the relay's access log while the configuration asks for one. The
 * file is opened anew on SIGHUP, so that it can be rotated.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { RelayConfig } from "../domain/RelayConfig.ts"
import * as AccessLog from "../transport/AccessLog.ts"
import { LineFile } from "../transport/LineFile.ts"
import { RelaySettings } from "./RelaySettings.ts"
import { Traffic } from "./Traffic.ts"
import { clientAddress } from "./TrustedProxies.ts"

/** How long the last lines may take when the relay stops, in milliseconds. */
const lastMillis = 1_000

interface Running {
  readonly wanted: Pick<RelayConfig, "accessLog" | "accessLogFile">
  readonly file: LineFile
  readonly stop: () => void
}

const closing = (file: LineFile): Effect.Effect<void> =>
  Effect.callback<void>((resume) => file.close(() => resume(Effect.void))).pipe(
    Effect.timeoutOption(lastMillis),
    Effect.asVoid,
  )

/** Logs for as long as it is there. */
export const layer: Layer.Layer<never, never, RelaySettings | Traffic> = Layer.effectDiscard(
  Effect.gen(function* () {
    const settings = yield* RelaySettings
    const traffic = yield* Traffic
    const clock = yield* Clock.Clock
    const run = Effect.runForkWith(yield* Effect.context<never>())
    let running: Running | undefined

    const start = (config: RelayConfig): Running | undefined => {
      const { accessLog: format, accessLogFile: path } = config
      if (format === "off") return undefined
      const where = path ?? "standard output"
      const file = new LineFile({
        path,
        onTrouble: (reason) => {
          run(
            Effect.logWarning(
              `access log cannot be written to ${where} (${reason}); lines are lost`,
            ),
          )
        },
        onMended: (lost) => {
          run(Effect.logInfo(`access log is written again; lines lost: ${lost}`))
        },
      })
      const stop = traffic.listen((visit) => {
        const { trustedProxies } = settings.current()
        const address = clientAddress(trustedProxies, visit.address, visit.head?.headers ?? [])
        const at = clock.currentTimeMillisUnsafe()
        file.append(AccessLog.line(format, visit, { at, address, traceId: visit.traceId }))
      })
      return { wanted: config, file, stop }
    }

    /** The next one begins before the last one is written out: no request is between them. */
    const replace = (next: () => Running | undefined): Effect.Effect<void> =>
      Effect.suspend(() => {
        const before = running
        before?.stop()
        running = next()
        return before === undefined ? Effect.void : closing(before.file)
      })

    const follow = (config: RelayConfig): Effect.Effect<void> =>
      Effect.suspend(() => {
        const { accessLog, accessLogFile } = running?.wanted ?? { accessLog: "off" }
        if (accessLog === config.accessLog && accessLogFile === config.accessLogFile)
          return Effect.void
        return replace(() => start(config))
      })

    yield* Effect.addFinalizer(() => replace(() => undefined))
    yield* follow(settings.current())
    yield* Effect.forkScoped(Stream.runForEach(settings.changes, follow))
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        const reopen = (): void => running?.file.reopen()
        process.on("SIGHUP", reopen)
        return reopen
      }),
      (reopen) => Effect.sync(() => process.off("SIGHUP", reopen)),
    )
  }),
)
