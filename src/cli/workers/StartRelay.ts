/**
 * `ptth relay`: decides what this process is: a relay by itself, the supervisor
 * of several workers, or one of these.
 */
import { availableParallelism } from "node:os"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { relayKeys } from "../../domain/config/RelayKeys.ts"
import * as LeftBehind from "../load/LeftBehind.ts"
import * as RunRelay from "../run/RunRelay.ts"
import { sameTlsAsFirst } from "../run/SameTls.ts"
import * as Flags from "../shared/Flags.ts"
import * as LoadConfig from "../shared/LoadConfig.ts"
import * as WorkerChannel from "./WorkerChannel.ts"
import { type Machine, workerCount } from "./WorkerCount.ts"
import * as WorkerMessage from "./WorkerMessage.ts"

/** The values of the flags. */
export interface RelayFlags {
  readonly configPath: Option.Option<string>
  readonly config: Flags.RowFlags
  readonly assetRoot: Option.Option<string>
  readonly printConfig: boolean
}

/** What a supervisor gave this process to start with; `undefined` if it is no worker. */
const workerStart = (): WorkerMessage.WorkerStart | undefined => {
  const text = process.env[WorkerMessage.startVariable]
  return text === undefined ? undefined : WorkerMessage.parseStart(text)
}

/** Answers the commands for a relay that runs, if it has a cluster. */
const answerCommands = (start: RunRelay.RelayStart) =>
  start.config.cluster === undefined
    ? Effect.void
    : Effect.flatMap(
        Effect.promise(() => import("./LoneRelay.ts")),
        (LoneRelay) => LoneRelay.answer(start),
      )

/** Runs until it is interrupted. */
export const startRelay = Effect.fn("ptth relay")(function* (flags: RelayFlags) {
  const sources: LoadConfig.Sources = {
    configPath: flags.configPath,
    overrides: Flags.overrides(relayKeys, flags.config),
    env: process.env,
  }
  const machine: Machine = { platform: process.platform, processors: availableParallelism() }
  const channel = WorkerChannel.ofProcess()
  const worker = channel === undefined ? undefined : workerStart()
  if (channel !== undefined && worker !== undefined) {
    const { runWorker } = yield* Effect.promise(() => import("./RunWorker.ts"))
    return yield* runWorker(sources, worker, channel, machine)
  }
  if (Option.isSome(flags.assetRoot)) yield* Effect.logInfo(Flags.assetRootNote)
  if (Option.isNone(flags.configPath)) yield* LeftBehind.warn(LoadConfig.relayFile)
  if (flags.printConfig) return yield* Console.log(yield* LoadConfig.explainRelay(sources))
  const start = yield* RunRelay.loadStart(
    sources,
    sameTlsAsFirst((workers) => workerCount(workers, machine).count > 1),
  )
  const { count, note } = workerCount(start.config.workers, machine)
  if (note !== undefined) yield* Effect.logWarning(note)
  if (count === 1) return yield* RunRelay.runRelay(start, answerCommands(start))
  const { runSupervisor } = yield* Effect.promise(() => import("./RunSupervisor.ts"))
  return yield* runSupervisor(start, count)
})
