/**
 * `ptth dev`: relay, server and file server in one process, on loopback, with a
 * throwaway key.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as ApiKey from "../../domain/ApiKey.ts"
import { usage } from "../../domain/config/ConfigError.ts"
import * as RelayConfig from "../../domain/config/RelayConfig.ts"
import * as ServerConfig from "../../domain/config/ServerConfig.ts"
import { devKeys } from "../../domain/config/ServerKeys.ts"
import { isLoopback } from "../../domain/ListenAddress.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import { Relay } from "../../relay/Relay.ts"
import { RelaySettings } from "../../relay/settings/RelaySettings.ts"
import { AllowedHosts as RelayAllowedHosts } from "../../relay/visitors/AllowedHosts.ts"
import * as Server from "../../server/Server.ts"
import { newKey } from "../../transport/auth/NewKey.ts"
import { namingListen } from "../../transport/front/NodeFront.ts"
import * as BusyPoll from "../../transport/runtime/BusyPoll.ts"
import * as RuntimeFolder from "../control/RuntimeFolder.ts"
import * as StatusSocket from "../control/StatusSocket.ts"
import * as Destination from "../serve/Destination.ts"
import * as AllowedHosts from "../shared/AllowedHosts.ts"
import * as Flags from "../shared/Flags.ts"
import { listenFlag } from "../shared/ListenFlag.ts"
import * as Output from "../shared/Output.ts"
import { version } from "../shared/Version.ts"
import * as ViewChoice from "../terminal/ViewChoice.ts"
import { viewOptions } from "../text/OutputFlags.ts"

/** The values of the flags. */
export interface DevFlags {
  readonly folder: Option.Option<string>
  readonly listen: Option.Option<string>
  readonly allowedHosts: Option.Option<string>
  /** The flags of `devKeys`. */
  readonly config: Flags.RowFlags
  readonly qr: boolean
}

const name = "dev" as ServerName

/** How long running downloads may go on after a signal; short, since Ctrl+C is the usual way to stop. */
const grace = Duration.seconds(2)

/** Runs until it is interrupted. One function, since each step of the start needs those before. */
export const runDev = Effect.fn("ptth dev")(function* (flags: DevFlags) {
  const listen = yield* listenFlag(flags.listen)
  if (!isLoopback(listen.host)) {
    return yield* usage(
      "--listen",
      `${listen.host} is not this machine only`,
      "Use `ptth relay` and `ptth server` for others.",
    )
  }
  const hosts = (yield* AllowedHosts.parse(flags.allowedHosts)) ?? []
  const rules = yield* Effect.fromResult(
    ServerConfig.decodeSettings("", { overrides: Flags.overrides(devKeys, flags.config) }),
  )
  const { isLive, serve } = yield* ViewChoice.make(yield* viewOptions)
  const view = serve(name)
  const destination = yield* Destination.make({
    origin: rules,
    folder: Option.getOrUndefined(flags.folder),
    user: undefined,
    password: undefined,
    rules,
    hiddenFiles: [],
    realm: name,
    onProblem: view.setOrigin,
  })
  const apiKey = newKey()
  const settings = RelaySettings.layerStatic({
    ...RelayConfig.empty,
    listen,
    shutdownGrace: grace,
    lameDuck: Duration.zero,
    servers: [{ ...RelayConfig.plainServer, name, tripcodes: [ApiKey.tripcode(apiKey)] }],
  })
  BusyPoll.allow(true)
  return yield* Effect.gen(function* () {
    const relayUrl = Output.urlOf(yield* Relay)
    const address = `${relayUrl}/servers/${name}/`
    view.setAddress(address)
    yield* Output.banner(
      Output.screen(`PTTH ${version} · development: loopback only, throwaway key`, [
        ["Open", address],
        ["Relay", `${relayUrl}/`],
        ...destination.rows,
      ]),
    )
    yield* StatusSocket.publish(
      RuntimeFolder.ofProcess(),
      Effect.succeed({
        kind: "dev",
        address,
        serves: Destination.statusOf(destination).serves,
      }),
    )
    if (flags.qr) yield* Output.printQr(address)
    if (!isLive) yield* Output.banner("Ctrl+C stops")
    return yield* Server.run({
      name,
      apiKey,
      relayUrl,
      handler: view.watch(destination.handler),
      ...(isLive ? { onState: view.setLink } : {}),
      program: `ptth/${version}`,
      transport: "auto",
      proxies: false,
      graceMillis: Duration.toMillis(grace),
    })
  }).pipe(
    // The server ends before the relay, which would otherwise tell it to come back.
    Effect.scoped,
    Effect.provide(
      Relay.layer.pipe(
        Layer.provide(settings),
        Layer.provide(Layer.succeed(RelayAllowedHosts, hosts)),
      ),
    ),
    namingListen,
  )
}, Effect.scoped)
