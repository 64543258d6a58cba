/**
 * Runs a server from a decoded configuration, after checking that its key is
 * strong and would not be sent unencrypted.
 */
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ApiKey from "../../domain/ApiKey.ts"
import { type ConfigError, single } from "../../domain/config/ConfigError.ts"
import * as ServerConfig from "../../domain/config/ServerConfig.ts"
import { isLoopback } from "../../domain/ListenAddress.ts"
import * as TripcodeWords from "../../domain/TripcodeWords.ts"
import * as Server from "../../server/Server.ts"
import * as KeyStrength from "../../transport/auth/KeyStrength.ts"
import * as ProxyChoice from "../../transport/net/ProxyChoice.ts"
import * as BusyPoll from "../../transport/runtime/BusyPoll.ts"
import { loadTrusted } from "../shared/LoadCertificate.ts"
import * as Output from "../shared/Output.ts"
import * as PassedCertificate from "../shared/PassedCertificate.ts"
import { version } from "../shared/Version.ts"
import * as Destination from "./Destination.ts"
import * as SendTelemetry from "./SendTelemetry.ts"
import * as TunnelEvents from "./TunnelEvents.ts"

/** The error if the key would be sent unencrypted. */
export const refuseInsecure = (relayUrl: string, insecure: boolean): ConfigError | undefined =>
  insecure || !ServerConfig.showsKey(relayUrl, isLoopback)
    ? undefined
    : single({
        code: "PTTH_INSECURE_RELAY",
        where: relayUrl,
        detail: "plain http would send the key unencrypted",
      })

const readCertificates = Effect.fnUntraced(function* (
  file: string | undefined,
  path: string | undefined,
) {
  const chosen = file ?? process.env.SSL_CERT_FILE
  if (chosen === undefined || chosen === "") return undefined
  return yield* loadTrusted(chosen, file === undefined ? "SSL_CERT_FILE" : (path ?? "--ca"))
})

/** Runs until it is interrupted. */
export const runTunnel = Effect.fn("RunTunnel.runTunnel")(function* (
  config: ServerConfig.ServerConfig,
  options: TunnelEvents.TunnelOptions,
) {
  const { path } = options
  const refusal = refuseInsecure(config.relayUrl, options.insecure)
  if (refusal !== undefined) return yield* refusal
  const ca = yield* readCertificates(config.ca, options.pairing === undefined ? path : undefined)
  yield* KeyStrength.check(config.apiKey, path ?? "PTTH_SERVER_API_KEY")
  const tripcode = ApiKey.tripcode(config.apiKey)
  BusyPoll.allow(config.busyPoll)
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
        title: config.name,
      })
      yield* Effect.fromResult(ProxyChoice.of(process.env, new URL(config.relayUrl)))
      const files = PassedCertificate.filesOf(config, path ?? "--tls-cert")
      const certificate = files === undefined ? undefined : yield* PassedCertificate.follow(files)
      const open = `${config.relayUrl}/servers/${config.name}/`
      yield* Console.log(
        Output.screen(`PTTH server ${version}`, [
          ["Name", config.name],
          ["Relay", `${config.relayUrl}/`],
          row,
          ...(options.pairing === undefined
            ? ([["Open", open]] as const)
            : ([
                ["Key", options.pairing],
                ["Tripcode", tripcode],
                ["Words", TripcodeWords.toWords(tripcode)],
              ] as const)),
        ]),
      )
      const { callbacks, failed } = yield* TunnelEvents.make(config, options, open)
      return yield* Effect.raceFirst(
        failed,
        Server.run({
          name: config.name,
          apiKey: config.apiKey,
          relayUrl: config.relayUrl,
          handler,
          program: `ptth/${version}`,
          throttle: config.throttleUpload,
          transport: config.transport,
          ...(config.connections === undefined ? {} : { connections: config.connections }),
          ...(config.responseTimeout === undefined
            ? {}
            : { responseMillis: Duration.toMillis(config.responseTimeout) }),
          ...(ca === undefined ? {} : { ca }),
          ...(certificate === undefined ? {} : { certificate }),
          ...callbacks,
        }),
      )
    }),
  ).pipe(Effect.provide(SendTelemetry.layer(config.otlpEndpoint, "ptth-server")))
})
