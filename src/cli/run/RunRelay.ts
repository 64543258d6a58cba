/**
 * Runs a relay of one process from its configuration, which is reloaded when it changes.
 */
import { rmdir } from "node:fs/promises"
import * as NodePath from "node:path"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ClusterKey from "../../cluster/ClusterKey.ts"
import type { ConfigError } from "../../domain/config/ConfigError.ts"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import { unusedSettings } from "../../domain/config/RelayNotes.ts"
import { isLoopback } from "../../domain/ListenAddress.ts"
import type { AuditLog } from "../../relay/audit/AuditLog.ts"
import type { Rendezvous } from "../../relay/dispatch/Rendezvous.ts"
import { Relay, StartsAfter } from "../../relay/Relay.ts"
import * as SharedApprovals from "../../relay/registry/SharedApprovals.ts"
import { RelaySettings } from "../../relay/settings/RelaySettings.ts"
import { Relays } from "../../relay/status/Relays.ts"
import { namingListen } from "../../transport/front/NodeFront.ts"
import * as BusyPoll from "../../transport/runtime/BusyPoll.ts"
import * as RuntimeFolder from "../control/RuntimeFolder.ts"
import * as StatusSocket from "../control/StatusSocket.ts"
import * as SendTelemetry from "../serve/SendTelemetry.ts"
import * as ClusterEngine from "../shared/ClusterEngine.ts"
import { warnUntimely } from "../shared/LoadCertificate.ts"
import * as LoadConfig from "../shared/LoadConfig.ts"
import * as Output from "../shared/Output.ts"
import { version } from "../shared/Version.ts"

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

/** Logs each setting that has no effect, once for as long as it has none. */
const unusedWarnings = () => {
  let warned: ReadonlyArray<string> = []
  return (config: RelayConfig): Effect.Effect<void> => {
    const notes = unusedSettings(config)
    const newNotes = notes.filter((note) => !warned.includes(note))
    warned = notes
    return Effect.forEach(newNotes, (note) => Effect.logWarning(`configuration: ${note}`), {
      discard: true,
    })
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

/** A relay's configuration as it was loaded at the start, and how to load it again. */
export interface RelayStart {
  readonly config: RelayConfig
  /** The file; `undefined` if there is none. */
  readonly path: string | undefined
  readonly load: Effect.Effect<RelayConfig, ConfigError>
  /** What the last load that succeeded has read. */
  readonly lastValid: () => LoadConfig.RelayTexts
  /** The configuration of that load with the source of each value, without secrets. */
  readonly explain: () => string
}

/** Fails for a valid configuration that cannot be put in force, by where it is from. */
export type ConfigCheck = (config: RelayConfig, where: string) => Effect.Effect<void, ConfigError>

/** Logs that the keys of the cluster have changed, which are no part of the configuration itself. */
const tellNewKeys = (
  { clusterKeys: before }: LoadConfig.RelayTexts,
  { clusterKeys: keys }: LoadConfig.RelayTexts,
): Effect.Effect<void> =>
  before === undefined || keys === undefined || ClusterKey.isSame(before, keys)
    ? Effect.void
    : Effect.logInfo(`cluster key reloaded: lines: ${keys.length}`)

/**
 * Loads a relay's configuration.
 *
 * @param check of each configuration that is loaded
 * @param recover may supply another one if the first is invalid
 */
export const loadStart = Effect.fnUntraced(function* (
  sources: LoadConfig.Sources,
  check: ConfigCheck = () => Effect.void,
  recover: (error: ConfigError) => Effect.Effect<LoadConfig.LoadedRelay, ConfigError> = Effect.fail,
): Effect.fn.Return<RelayStart, ConfigError, FileSystem.FileSystem> {
  const checked = LoadConfig.loadRelay(sources, LoadConfig.makeRelayDecoder()).pipe(
    Effect.tap(({ config, path }) => check(config, path ?? "the configuration")),
  )
  const { config, path, texts } = yield* Effect.catch(checked, recover)
  let lastValid = texts
  const fs = yield* FileSystem.FileSystem
  const load = checked.pipe(
    Effect.tap(({ texts }) => tellNewKeys(lastValid, texts)),
    Effect.map((loaded) => {
      lastValid = loaded.texts
      return loaded.config
    }),
    Effect.provideService(FileSystem.FileSystem, fs),
  )
  return {
    config,
    path,
    load,
    lastValid: () => lastValid,
    explain: () => LoadConfig.explainTexts(lastValid, sources),
  }
})

/** The settings of a relay that watches its configuration. */
export const watchedSettings = ({ config, load, path }: RelayStart) =>
  RelaySettings.layerWatched({
    path: path ?? `./${LoadConfig.relayFile}`,
    serversFolder: LoadConfig.serversFolder(path),
    initial: config,
    load,
  })

/** From where a relay is reached, as a remark behind its address. */
const reachOf = ({ listen }: RelayConfig, address: Relay["Service"]): string => {
  if (isLoopback(listen.host))
    return `   (this machine only; ${address.secure ? "" : "put TLS in front, or "}see --listen)`
  const others = Output.networkUrlOf(address)
  return others === undefined ? "" : `   (from other machines: ${others}/)`
}

/** What a relay prints once it serves; `admin` says where the administrator's pages are. */
export const describe = (
  { config, path }: RelayStart,
  address: Relay["Service"],
  admin: string,
  more: ReadonlyArray<readonly [label: string, value: string]> = [],
): string => {
  const count = config.servers.length
  return Output.screen(`PTTH relay ${version}`, [
    ["Listening", `${Output.urlOf(address)}/${reachOf(config, address)}`],
    ...(config.publicUrl === undefined ? [] : [["Public", `${config.publicUrl}/`] as const]),
    ...more,
    ["Admin", admin],
    [
      "Config",
      path ??
        `none; looked for ${LoadConfig.places(LoadConfig.relayFile).join(" and ")} in ${process.cwd()}`,
    ],
    ["servers.d", NodePath.resolve(LoadConfig.serversFolder(path))],
    ["Servers", count > 0 ? `${count} registered` : "none yet. Invite one: ptth relay invite NAME"],
  ])
}

/** Starts the administrator's pages, if they are enabled; where they are, for {@link describe}. */
export const startAdmin = Effect.fnUntraced(function* ({ config, explain }: RelayStart) {
  if (config.adminListen === false) return "off"
  const { Admin } = yield* Effect.promise(() => import("../../relay/admin/Admin.ts"))
  const layer = Admin.layer({
    version,
    explain,
    announce: (link) => Console.log(`Admin login (one use, 10 minutes): ${link}`),
  })
  const { newLink } = Context.get(yield* Layer.build(layer), Admin)
  return `${yield* newLink}   (one use, 10 minutes)`
})

/** Tells `ptth status` how a relay is, for as long as the Scope is open. */
export const publishStatus = Effect.fnUntraced(function* (
  { path }: RelayStart,
  address: Relay["Service"],
  admin: string,
) {
  const settings = yield* RelaySettings
  const { reports } = yield* Relays
  const adminUrl = /^https?:\/\/[^/]+/.exec(admin)?.[0]
  const tell = Effect.map(reports, ({ answers }): StatusSocket.Told => {
    const { publicUrl, servers } = settings.current()
    const { problem } = settings.status()
    const reported = answers.flatMap(({ value }) => value.servers)
    const connected = new Set(
      reported.flatMap(({ name, transports }) => (transports.length > 0 ? [name] : [])),
    )
    return {
      kind: "relay",
      ...(path === undefined ? {} : { config: NodePath.resolve(path) }),
      relay: {
        address: `${Output.networkUrlOf(address) ?? Output.urlOf(address)}/`,
        ...(publicUrl === undefined ? {} : { publicUrl }),
        ...(adminUrl === undefined ? {} : { admin: adminUrl }),
        registered: servers.length,
        connected: connected.size,
        links: reported.reduce((sum, { transports }) => sum + transports.length, 0),
        requests: reported.reduce((sum, { traffic }) => sum + traffic.inFlight, 0),
        ...(problem === undefined ? {} : { lastFailure: problem }),
      },
    }
  })
  yield* StatusSocket.publish(RuntimeFolder.ofProcess(), tell)
})

/** What a relay does besides serving, for as long as the Scope is open: see the functions. */
export const besides = Effect.fnUntraced(function* (
  { path }: RelayStart,
  follow: (config: RelayConfig) => Effect.Effect<void>,
) {
  if (path === undefined) yield* keepServersFolder(LoadConfig.serversFolder(path))
  const { changes } = yield* RelaySettings
  const [warnOfCertificate, warnOfUnused] = [certificateWarnings(), unusedWarnings()]
  yield* Effect.forkScoped(
    Stream.runForEach(changes, (now) =>
      follow(now).pipe(Effect.andThen(warnOfCertificate(now)), Effect.andThen(warnOfUnused(now))),
    ),
  )
})

/** The peers of a relay with a cluster; loaded only then. */
const clusterPeers = (start: RelayStart) =>
  start.config.cluster === undefined
    ? Layer.empty
    : Layer.unwrap(
        Effect.map(
          Effect.promise(() => import("../shared/ClusterPeers.ts")),
          (ClusterPeers) => ClusterPeers.layer(start),
        ),
      )

/** Obtains certificates, if the configuration says so; loaded only then. */
export const certificates = ({ config, path }: RelayStart) =>
  config.acme === undefined
    ? Layer.empty
    : Layer.unwrap(
        Effect.gen(function* () {
          const { loadAcme } = yield* Effect.promise(() => import("../load/LoadAcme.ts"))
          const options = yield* loadAcme(config, () => path ?? "the configuration")
          if (options === undefined) return Layer.empty
          const Kept = yield* Effect.promise(
            () => import("../../relay/certificates/KeptCertificates.ts"),
          )
          return Kept.layer(options)
        }),
      )

/** Runs until it is interrupted; `alongside` starts what else runs for as long as the Scope is open. */
export const runRelay = Effect.fn("ptth relay")(function* (
  start: RelayStart,
  alongside: Effect.Effect<void, never, AuditLog | Rendezvous | Scope.Scope> = Effect.void,
) {
  const { config } = start
  const allListens = yield* Deferred.make<void>()
  yield* Effect.gen(function* () {
    yield* besides(start, followBusyPoll)
    yield* alongside
    const admin = yield* startAdmin(start)
    yield* Deferred.succeed(allListens, undefined)
    const address = yield* Relay
    yield* publishStatus(start, address, admin)
    yield* Output.banner(describe(start, address, admin))
    return yield* Effect.never
  }).pipe(
    Effect.provide(
      SharedApprovals.layer.pipe(
        Layer.provideMerge(Relay.layer),
        Layer.provide(Layer.succeed(StartsAfter, Deferred.await(allListens))),
        Layer.provideMerge(certificates(start)),
        Layer.provideMerge(clusterPeers(start)),
        Layer.provideMerge(watchedSettings(start)),
        Layer.provideMerge(ClusterEngine.layer(config)),
        Layer.provide(SendTelemetry.layer(config.otlpEndpoint, "ptth-relay", config.cluster?.id)),
      ),
    ),
    namingListen,
    Effect.scoped,
  )
})
