/**
 * Runs a server from a decoded configuration, after checking that its key is
 * strong and would not be sent unencrypted.
 */
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as ApiKey from "../../domain/ApiKey.ts"
import { type ConfigError, single } from "../../domain/config/ConfigError.ts"
import * as ServerConfig from "../../domain/config/ServerConfig.ts"
import { entry } from "../../domain/ErrorRegistry.ts"
import { isLoopback } from "../../domain/ListenAddress.ts"
import * as TripcodeWords from "../../domain/TripcodeWords.ts"
import * as Server from "../../server/Server.ts"
import * as KeyStrength from "../../transport/auth/KeyStrength.ts"
import * as BusyPoll from "../../transport/runtime/BusyPoll.ts"
import * as Output from "../shared/Output.ts"
import { version } from "../shared/Version.ts"
import * as Destination from "./Destination.ts"
import * as SendTelemetry from "./SendTelemetry.ts"

/** How a server is run. */
export interface TunnelOptions {
  /** The file of its configuration. */
  readonly path: string | undefined
  /** Whether the key may be sent unencrypted. */
  readonly insecure: boolean
  /** Whether the address is also shown as a QR code. */
  readonly qr: boolean
  /** Whether it keeps trying if the relay does not know the key. */
  readonly wait: boolean
  /** The row `Key` of the screen, for a server without a configuration. */
  readonly pairing: string | undefined
}

/** The relay does not know the key, and `--no-wait` is given. */
export class KeyRefusedError extends Data.TaggedError("KeyRefusedError")<{
  readonly relayUrl: string
  readonly command: string
}> {
  readonly code = "PTTH_KEY_REFUSED"
  override get message(): string {
    return `${this.code}: the relay ${this.relayUrl} does not know this server. ${otherKey}; otherwise have it approved there: ${this.command}`
  }
}

/** Approval never replaces a key, and the relay does not tell strangers which names are registered. */
const otherKey =
  "If the name is registered there with another key, add the tripcode to that server's `tripcode` list in the relay's configuration"

/** The relay's certificate is not trusted, and `--no-wait` is given. */
export class RelayUntrustedError extends Data.TaggedError("RelayUntrustedError")<{
  readonly relayUrl: string
  /** Node's error code for the certificate. */
  readonly detail: string
}> {
  readonly code = "PTTH_RELAY_UNTRUSTED"
  override get message(): string {
    return `${this.code}: the certificate of the relay ${this.relayUrl} is not trusted (${this.detail}). ${entry(this.code).remedy}`
  }
}

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
  const fs = yield* FileSystem.FileSystem
  return yield* Effect.mapError(fs.readFileString(chosen), () =>
    single({
      code: "PTTH_CONFIG_INVALID",
      where: file === undefined ? "SSL_CERT_FILE" : (path ?? "--ca"),
      detail: `the certificates ${chosen} cannot be read`,
      remedy: "Use a readable PEM file.",
    }),
  )
})

type Config = ServerConfig.ServerSettings &
  Required<{ [K in "name" | "apiKey" | "relayUrl"]: NonNullable<ServerConfig.ServerSettings[K]> }>

/** Handles refusals and acceptances by the relay: prints the address, waits, or fails. */
const pairingEvents = Effect.fnUntraced(function* (
  config: Config,
  options: TunnelOptions,
  open: string,
) {
  const startedAt = yield* Clock.currentTimeMillis
  const refused = yield* Deferred.make<never, KeyRefusedError | RelayUntrustedError>()
  const { relayUrl } = config
  const command = `ptth relay approve ${config.name} ${ApiKey.tripcode(config.apiKey)}`
  const state = { waited: false, open, qr: "" }
  const qr = (url: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      const isNew = options.qr && url !== state.qr
      state.qr = url
      return isNew ? Output.printQr(url) : Effect.void
    })
  /** Prints the address if the relay reports a different one: only the relay knows it for certain. */
  const shown = (url: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      const isNew = url !== state.open
      state.open = url
      return isNew ? Console.log(`Open ${url}`) : Effect.void
    })
  const events: Pick<Server.ServerOptions, "onRefused" | "onUntrusted" | "onConnected"> = {
    ...(options.wait
      ? {}
      : {
          onRefused: Deferred.fail(refused, new KeyRefusedError({ relayUrl, command })),
          onUntrusted: (detail: string) =>
            Deferred.fail(refused, new RelayUntrustedError({ relayUrl, detail })),
        }),
    ...(options.wait && options.pairing !== undefined
      ? {
          onRefused: Effect.suspend(() => {
            state.waited = true
            return Console.log(
              `Waiting for approval. The relay's administrator sees this server under "Unregistered",\ncompares the words or the tripcode, and approves it there or by\n  ${command}\n${otherKey}.`,
            )
          }),
        }
      : {}),
    ...(options.pairing === undefined
      ? { onConnected: (url: string) => Effect.andThen(shown(url), qr(url)) }
      : {
          onConnected: (url: string) =>
            Effect.flatMap(Clock.currentTimeMillis, (now) => {
              const { waited } = state
              state.waited = false
              const after = Math.round((now - startedAt) / 1000)
              return Effect.andThen(
                Console.log(`${waited ? `Approved (${after} s).` : "Connected."} Open ${url}`),
                qr(url),
              )
            }),
        }),
  }
  return { events, refused: Deferred.await(refused) }
})

/** Runs until it is interrupted. */
export const runTunnel = Effect.fn("RunTunnel.runTunnel")(function* (
  config: Config,
  options: TunnelOptions,
) {
  const { path } = options
  const refusal = refuseInsecure(config.relayUrl, options.insecure)
  if (refusal !== undefined) return yield* refusal
  yield* KeyStrength.check(config.apiKey, path ?? "PTTH_SERVER_API_KEY")
  const ca = yield* readCertificates(config.ca, options.pairing === undefined ? path : undefined)
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
      })
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
      const { events, refused } = yield* pairingEvents(config, options, open)
      return yield* Effect.raceFirst(
        refused,
        Server.run({
          name: config.name,
          apiKey: config.apiKey,
          relayUrl: config.relayUrl,
          handler,
          program: `ptth/${version}`,
          throttle: config.throttleUpload,
          transport: config.transport,
          connections: config.connections,
          ...(ca === undefined ? {} : { ca }),
          ...events,
        }),
      )
    }),
  ).pipe(Effect.provide(SendTelemetry.layer(config.otlpEndpoint, "ptth-server")))
})
