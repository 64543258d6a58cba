/**
 * `ptth server`: runs a server from its configuration.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as ApiKey from "../../domain/ApiKey.ts"
import * as ServerConfig from "../../domain/config/ServerConfig.ts"
import { serverKeys } from "../../domain/config/ServerKeys.ts"
import * as Flags from "../shared/Flags.ts"
import * as LoadConfig from "../shared/LoadConfig.ts"
import { autoGenKey } from "./AutoGenKey.ts"
import { runTunnel } from "./RunTunnel.ts"

/** The values of the flags. */
export interface ServerFlags {
  readonly configPath: Option.Option<string>
  readonly config: Flags.RowFlags
  readonly autoGenKey: boolean
  readonly printTripcode: boolean
  readonly printConfig: boolean
  readonly insecure: boolean
  readonly noWait: boolean
  readonly assetRoot: Option.Option<string>
  readonly qr: boolean
}

/** The place of a missing key in errors. */
const whereOf = (path: string | undefined): string =>
  path ?? `no ${LoadConfig.places(LoadConfig.serverFile).join(" or ")}`

const printTripcode = Effect.fnUntraced(function* (
  settings: ServerConfig.ServerSettings,
  where: string,
) {
  const { name, apiKey } = yield* Effect.fromResult(
    ServerConfig.require(settings, ["name", "apiKey"], where),
  )
  yield* Console.log(`name = "${name}"\ntripcode = "${ApiKey.tripcode(apiKey)}"`)
})

/** Runs until it is interrupted. */
export const runServer = Effect.fn("ptth server")(function* (flags: ServerFlags) {
  if (Option.isSome(flags.assetRoot)) yield* Effect.logInfo(Flags.assetRootNote)
  if (flags.autoGenKey) yield* autoGenKey(flags.configPath)
  const sources: LoadConfig.Sources = {
    configPath: flags.configPath,
    overrides: Flags.overrides(serverKeys, flags.config),
    env: process.env,
  }
  if (flags.printConfig) return yield* Console.log(yield* LoadConfig.explainServer(sources))
  const { config: settings, path } = yield* LoadConfig.loadServer(sources)
  const where = whereOf(path)
  if (flags.printTripcode) return yield* printTripcode(settings, where)

  const config = yield* Effect.fromResult(
    ServerConfig.require(settings, ["name", "apiKey", "relayUrl"], where),
  )
  return yield* runTunnel(config, {
    path,
    insecure: flags.insecure,
    qr: flags.qr,
    wait: !flags.noWait,
    pairing: undefined,
  })
})
