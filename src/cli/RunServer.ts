/**
 * Runs a server from its configuration, after refusing everything that would
 * endanger its key.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as ApiKey from "../domain/ApiKey.ts"
import type { ConfigError } from "../domain/ConfigError.ts"
import { single } from "../domain/ConfigError.ts"
import { isLoopback } from "../domain/ListenAddress.ts"
import * as ServerConfig from "../domain/ServerConfig.ts"
import * as KeyStrength from "../server/KeyStrength.ts"
import * as Server from "../server/Server.ts"
import { autoGenKey } from "./AutoGenKey.ts"
import * as Destination from "./Destination.ts"
import * as FileFlags from "./FileFlags.ts"
import * as Flags from "./Flags.ts"
import * as LoadConfig from "./LoadConfig.ts"
import * as Output from "./Output.ts"
import * as SendTelemetry from "./SendTelemetry.ts"
import { version } from "./Version.ts"

/** What `ptth server` is told. */
export interface ServerFlags extends FileFlags.FileFlags {
  readonly configPath: Option.Option<string>
  readonly name: Option.Option<string>
  readonly relayUrl: Option.Option<string>
  readonly fileServerRoot: Option.Option<string>
  readonly to: Option.Option<string>
  readonly hostHeader: Option.Option<string>
  readonly auth: Option.Option<string>
  readonly ca: Option.Option<string>
  readonly transport: Option.Option<string>
  readonly connections: Option.Option<number>
  readonly throttleUpload: Option.Option<boolean>
  readonly autoGenKey: boolean
  readonly printTripcode: boolean
  readonly printConfig: boolean
  readonly insecure: boolean
  readonly assetRoot: Option.Option<string>
  readonly qr: boolean
}

/** How an error names the place of something that is missing. */
const whereOf = (path: string | undefined): string =>
  path ?? `no ${LoadConfig.places(LoadConfig.serverFile).join(" or ")}`

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

const readCertificates = Effect.fnUntraced(function* (
  file: string | undefined,
  path: string | undefined,
) {
  const chosen = file ?? process.env.SSL_CERT_FILE
  if (chosen === undefined || chosen === "") return undefined
  const fs = yield* FileSystem.FileSystem
  return yield* Effect.mapError(fs.readFileString(chosen), () =>
    single({
      code: "PTTH_CONFIG_INVALID",
      where: file === undefined ? "SSL_CERT_FILE" : (path ?? "--ca"),
      detail: `the certificates ${chosen} cannot be read`,
      remedy: "Name a readable PEM file.",
    }),
  )
})

/** Runs until it is interrupted. */
export const runServer = Effect.fn("ptth server")(function* (flags: ServerFlags) {
  if (Option.isSome(flags.assetRoot)) yield* Effect.logInfo(Flags.assetRootNote)
  if (flags.autoGenKey) yield* autoGenKey(flags.configPath)
  const sources: LoadConfig.Sources = {
    configPath: flags.configPath,
    overrides: [
      ...FileFlags.overrides(flags),
      ...Flags.overrides({
        name: flags.name,
        relay_url: flags.relayUrl,
        file_server_root: flags.fileServerRoot,
        to: flags.to,
        host_header: flags.hostHeader,
        auth_user: flags.auth,
        ca: flags.ca,
        transport: flags.transport,
        connections: flags.connections,
        throttle_upload: flags.throttleUpload,
      }),
    ],
    env: process.env,
  }
  if (flags.printConfig) return yield* Console.log(yield* LoadConfig.explainServer(sources))
  const { config: settings, path } = yield* LoadConfig.loadServer(sources)
  const where = whereOf(path)
  if (flags.printTripcode) return yield* printTripcode(settings, where)

  const config = yield* Effect.fromResult(
    ServerConfig.require(settings, ["name", "apiKey", "relayUrl"], where),
  )
  const refusal = refuseInsecure(config.relayUrl, flags.insecure)
  if (refusal !== undefined) return yield* refusal
  yield* KeyStrength.check(config.apiKey, path ?? "PTTH_SERVER_API_KEY")
  const ca = yield* readCertificates(config.ca, path)
  return yield* Effect.scoped(
    Effect.gen(function* () {
      const { handler, row } = yield* Destination.make({
        to: config.to,
        hostHeader: config.hostHeader,
        folder: config.fileServerRoot,
        user: config.authUser,
        password: config.authPassword,
        rules: config,
        hiddenFiles: path === undefined ? [] : [path],
        realm: config.name,
      })
      yield* Console.log(
        Output.screen(`PTTH server ${version}`, [
          ["Name", config.name],
          ["Relay", `${config.relayUrl}/`],
          row,
          ["Open", `${config.relayUrl}/servers/${config.name}/`],
        ]),
      )
      if (flags.qr) yield* Output.printQr(`${config.relayUrl}/servers/${config.name}/`)
      return yield* Server.run({
        name: config.name,
        apiKey: config.apiKey,
        relayUrl: config.relayUrl,
        handler,
        throttle: config.throttleUpload,
        transport: config.transport,
        ...(config.connections === undefined ? {} : { connections: config.connections }),
        ...(ca === undefined ? {} : { ca }),
      })
    }),
  ).pipe(Effect.provide(SendTelemetry.layer(config.otlpEndpoint, "ptth-server")))
})
