/**
 * `ptth relay`: runs a relay from its configuration, which is reloaded when it changes.
 */
import { rmdir } from "node:fs/promises"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import { relayKeys } from "../../domain/config/RelayKeys.ts"
import { Relay } from "../../relay/Relay.ts"
import { RelaySettings } from "../../relay/settings/RelaySettings.ts"
import * as BusyPoll from "../../transport/runtime/BusyPoll.ts"
import * as Flags from "../shared/Flags.ts"
import { warnUntimely } from "../shared/LoadCertificate.ts"
import * as LoadConfig from "../shared/LoadConfig.ts"
import * as Output from "../shared/Output.ts"
import { version } from "../shared/Version.ts"
import * as SendTelemetry from "./SendTelemetry.ts"

const followBusyPoll = ({ busyPoll }: RelayConfig): Effect.Effect<void> =>
  Effect.sync(() => BusyPoll.allow(busyPoll))

/** Logs whenever another certificate is used that is not valid now. */
const certificateWarnings = () => {
  let warned: RelayConfig["tls"]
  return ({ tls }: RelayConfig): Effect.Effect<void> => {
    if (tls === undefined || tls.chain === warned?.chain) return Effect.void
    warned = tls
    return warnUntimely(tls)
  }
}

/**
 * Makes the folder `servers.d` of a relay without a configuration, by which
 * `ptth relay approve` sees that a relay runs here; removed at the end if it is
 * still empty.
 */
const keepServersFolder = (folder: string) =>
  Effect.acquireRelease(
    FileSystem.FileSystem.use((fs) =>
      fs.makeDirectory(folder).pipe(
        Effect.as(true),
        Effect.orElseSucceed(() => false),
      ),
    ),
    (isNew) => (isNew ? Effect.ignore(Effect.tryPromise(() => rmdir(folder))) : Effect.void),
  )

/** The values of the flags. */
export interface RelayFlags {
  readonly configPath: Option.Option<string>
  readonly config: Flags.RowFlags
  readonly assetRoot: Option.Option<string>
  readonly printConfig: boolean
}

const describe = (
  config: RelayConfig,
  path: string | undefined,
  address: Relay["Service"],
  link: string | undefined,
): string => {
  const loopback = config.listen.host === "127.0.0.1" || config.listen.host === "::1"
  const count = config.servers.length
  return Output.screen(`PTTH relay ${version}`, [
    [
      "Listening",
      `${Output.urlOf(address)}/${loopback ? `   (this machine only; ${address.secure ? "" : "put TLS in front, or "}see --listen)` : ""}`,
    ],
    ...(config.publicUrl === undefined ? [] : [["Public", `${config.publicUrl}/`] as const]),
    ["Admin", link === undefined ? "off" : `${link}   (one use, 10 minutes)`],
    ["Config", path ?? `none; looked for ${LoadConfig.places(LoadConfig.relayFile).join(" and ")}`],
    [
      "Servers",
      count > 0
        ? `${count} registered`
        : `none yet. On the other machine run:\n             ptth fileserver DIR --relay ${config.publicUrl ?? "URL"} --name NAME`,
    ],
  ])
}

/** Starts the administrator's pages, if they are enabled, and returns the first login link. */
const adminLink = Effect.fnUntraced(function* (config: RelayConfig) {
  if (config.adminListen === false) return undefined
  const { Admin } = yield* Effect.promise(() => import("../../relay/admin/Admin.ts"))
  const layer = Admin.layer({
    version,
    announce: (link) => Console.log(`Admin login (one use, 10 minutes): ${link}`),
  })
  const { newLink } = Context.get(yield* Layer.build(layer), Admin)
  return yield* newLink
})

/** Runs until it is interrupted. */
export const runRelay = Effect.fn("ptth relay")(function* (flags: RelayFlags) {
  if (Option.isSome(flags.assetRoot)) yield* Effect.logInfo(Flags.assetRootNote)
  const sources: LoadConfig.Sources = {
    configPath: flags.configPath,
    overrides: Flags.overrides(relayKeys, flags.config),
    env: process.env,
  }
  if (flags.printConfig) return yield* Console.log(yield* LoadConfig.explainRelay(sources))
  const { config, path } = yield* LoadConfig.loadRelay(sources)
  const fs = yield* FileSystem.FileSystem
  const serversFolder = LoadConfig.serversFolder(path)
  const settings = RelaySettings.layerWatched({
    path: path ?? `./${LoadConfig.relayFile}`,
    serversFolder,
    initial: config,
    load: LoadConfig.loadRelay(sources).pipe(
      Effect.map((loaded) => loaded.config),
      Effect.provideService(FileSystem.FileSystem, fs),
    ),
  })
  yield* Effect.gen(function* () {
    if (path === undefined) yield* keepServersFolder(serversFolder)
    const { changes } = yield* RelaySettings
    const warn = certificateWarnings()
    const follow = (now: RelayConfig) => Effect.andThen(followBusyPoll(now), warn(now))
    yield* Effect.forkScoped(Stream.runForEach(changes, follow))
    const link = yield* adminLink(config)
    yield* Console.log(describe(config, path, yield* Relay, link))
    return yield* Effect.never
  }).pipe(
    Effect.provide(
      Relay.layer.pipe(
        Layer.provideMerge(settings),
        Layer.provide(SendTelemetry.layer(config.otlpEndpoint, "ptth-relay")),
      ),
    ),
    Effect.scoped,
  )
})
