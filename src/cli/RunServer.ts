/**
 * Runs a server from its configuration, after refusing everything that would
 * endanger its key.
 */
import * as NodePath from "node:path"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as ApiKey from "../domain/ApiKey.ts"
import type { ConfigError } from "../domain/ConfigError.ts"
import { single } from "../domain/ConfigError.ts"
import { isLoopback } from "../domain/ListenAddress.ts"
import * as ServerConfig from "../domain/ServerConfig.ts"
import * as FileServer from "../fileserver/FileServer.ts"
import * as KeyStrength from "../server/KeyStrength.ts"
import * as Server from "../server/Server.ts"
import { autoGenKey } from "./AutoGenKey.ts"
import * as Flags from "./Flags.ts"
import { checkFolder } from "./Folder.ts"
import * as LoadConfig from "./LoadConfig.ts"
import * as Output from "./Output.ts"
import { version } from "./Version.ts"

/** What `ptth server` is told. */
export interface ServerFlags {
  readonly configPath: Option.Option<string>
  readonly name: Option.Option<string>
  readonly relayUrl: Option.Option<string>
  readonly fileServerRoot: Option.Option<string>
  readonly throttleUpload: Option.Option<boolean>
  readonly autoGenKey: boolean
  readonly printTripcode: boolean
  readonly insecure: boolean
  readonly assetRoot: Option.Option<string>
}

/** How an error names the place of something that is missing. */
const whereOf = (path: string | undefined): string =>
  path ?? `no ${LoadConfig.places(LoadConfig.serverFile).join(" or ")}`

/** A setting that is understood but not acted upon must not be passed over in silence. */
const refuseUnsupported = (
  settings: ServerConfig.ServerSettings,
  path: string | undefined,
): ConfigError | undefined => {
  const given = (
    [
      ["to", settings.to],
      ["host_header", settings.hostHeader],
      ["auth_user", settings.authUser],
    ] as const
  ).find(([, value]) => value !== undefined)
  return given === undefined
    ? undefined
    : single({
        code: "PTTH_CONFIG_INVALID",
        where: path ?? "",
        detail: `\`${given[0]}\` is not available in this version`,
        remedy: "Remove it.",
      })
}

const refuseInsecure = (relayUrl: string, insecure: boolean): ConfigError | undefined =>
  insecure || !ServerConfig.showsKey(relayUrl, isLoopback)
    ? undefined
    : single({
        code: "PTTH_INSECURE_RELAY",
        where: relayUrl,
        detail: "plain http would show the key to the network",
      })

const printTripcode = (settings: ServerConfig.ServerSettings, where: string) =>
  Effect.gen(function* () {
    const { name, apiKey } = yield* Effect.fromResult(
      ServerConfig.require(settings, ["name", "apiKey"], where),
    )
    yield* Console.log(`name = "${name}"\ntripcode = "${ApiKey.tripcode(apiKey)}"`)
  })

/** Runs until it is interrupted. */
export const runServer = Effect.fn("ptth server")(function* (flags: ServerFlags) {
  if (Option.isSome(flags.assetRoot)) yield* Effect.logInfo(Flags.assetRootNote)
  if (flags.autoGenKey) yield* autoGenKey(flags.configPath)
  const { config: settings, path } = yield* LoadConfig.loadServer({
    configPath: flags.configPath,
    overrides: Flags.overrides({
      name: flags.name,
      relay_url: flags.relayUrl,
      file_server_root: flags.fileServerRoot,
      throttle_upload: flags.throttleUpload,
    }),
    env: process.env,
  })
  const where = whereOf(path)
  if (flags.printTripcode) return yield* printTripcode(settings, where)

  const config = yield* Effect.fromResult(
    ServerConfig.require(settings, ["name", "apiKey", "relayUrl"], where),
  )
  const refusal =
    refuseUnsupported(settings, path) ?? refuseInsecure(config.relayUrl, flags.insecure)
  if (refusal !== undefined) return yield* refusal
  const root = yield* checkFolder(config.fileServerRoot ?? ".")
  yield* KeyStrength.check(config.apiKey, path ?? "PTTH_SERVER_API_KEY")
  const fs = yield* FileSystem.FileSystem
  const ca =
    config.ca === undefined
      ? undefined
      : yield* Effect.mapError(fs.readFileString(config.ca), () =>
          single({
            code: "PTTH_CONFIG_INVALID",
            where: path ?? "",
            detail: `\`ca\`: ${config.ca} cannot be read`,
          }),
        )
  const handler = yield* FileServer.make({
    root,
    hiddenFiles: [
      ...(path === undefined ? [] : [path]),
      ...LoadConfig.places(LoadConfig.serverFile),
    ].map((file) => NodePath.resolve(file)),
  })
  yield* Console.log(
    Output.screen(`PTTH server ${version}`, [
      ["Name", config.name],
      ["Relay", `${config.relayUrl}/`],
      ["Files", `${root} (read only)`],
      ["Open", `${config.relayUrl}/servers/${config.name}/`],
    ]),
  )
  return yield* Effect.scoped(
    Server.run({
      name: config.name,
      apiKey: config.apiKey,
      relayUrl: config.relayUrl,
      handler,
      throttle: config.throttleUpload,
      ...(ca === undefined ? {} : { ca }),
    }),
  )
})
