/**
 * `ptth server`: runs a server from its configuration.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as ApiKey from "../../domain/ApiKey.ts"
import * as ServerConfig from "../../domain/config/ServerConfig.ts"
import { serverKeys } from "../../domain/config/ServerKeys.ts"
import * as LeftBehind from "../load/LeftBehind.ts"
import { runServices } from "../serve/RunServices.ts"
import * as Flags from "../shared/Flags.ts"
import * as LoadConfig from "../shared/LoadConfig.ts"
import { autoGenKey } from "./AutoGenKey.ts"

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

const printTripcodes = Effect.fnUntraced(function* (
  settings: ServerConfig.ServerSettings,
  where: string,
) {
  const services = yield* Effect.fromResult(
    Result.all(
      ServerConfig.servicesOf(settings).map((service) =>
        ServerConfig.require(service, ["name", "apiKey"], where),
      ),
    ),
  )
  yield* Console.log(
    services
      .map(({ apiKey, name }) => `name = "${name}"\ntripcode = "${ApiKey.tripcode(apiKey)}"`)
      .join("\n\n"),
  )
})

/** Runs until it is interrupted. */
export const runServer = Effect.fn("ptth server")(function* (flags: ServerFlags) {
  if (Option.isSome(flags.assetRoot)) yield* Effect.logInfo(Flags.assetRootNote)
  if (Option.isNone(flags.configPath)) yield* LeftBehind.warn(LoadConfig.serverFile)
  if (flags.autoGenKey) yield* autoGenKey(flags.configPath)
  const sources: LoadConfig.Sources = {
    configPath: flags.configPath,
    overrides: Flags.overrides(serverKeys, flags.config),
    env: process.env,
  }
  if (flags.printConfig) return yield* Console.log(yield* LoadConfig.explainServer(sources))
  const { config: settings, path } = yield* LoadConfig.loadServer(sources)
  const where = whereOf(path)
  if (flags.printTripcode) return yield* printTripcodes(settings, where)

  const services = yield* Effect.fromResult(ServerConfig.completeServices(settings, where))
  const load = Effect.flatMap(LoadConfig.loadServer(sources), ({ config, path }) =>
    Effect.fromResult(ServerConfig.completeServices(config, whereOf(path))),
  )
  const options = {
    path,
    insecure: flags.insecure,
    qr: flags.qr,
    wait: !flags.noWait,
    pairing: undefined,
  }
  return yield* runServices(services, options, load)
})
