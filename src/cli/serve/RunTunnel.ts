/**
 * One name that is served through a relay, from a decoded configuration: checks
 * that the key is not sent unencrypted, opens what is served, and connects.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as ApiKey from "../../domain/ApiKey.ts"
import { type ConfigError, single } from "../../domain/config/ConfigError.ts"
import type * as ServerConfig from "../../domain/config/ServerConfig.ts"
import { isConfidential } from "../../domain/ListenAddress.ts"
import * as TripcodeWords from "../../domain/TripcodeWords.ts"
import * as Server from "../../server/Server.ts"
import * as SharedTunnel from "../../server/SharedTunnel.ts"
import type { SharedNames } from "../../server/uplink/SharedNames.ts"
import type { LastFailure, UplinkStatus } from "../../server/uplink/UplinkStatus.ts"
import type { Handler } from "../../transport/body/Handler.ts"
import * as ProxyChoice from "../../transport/client/ProxyChoice.ts"
import type { Service } from "../control/StatusReport.ts"
import * as PassedTls from "../passthrough/PassedTls.ts"
import { loadTrusted } from "../shared/LoadCertificate.ts"
import * as Output from "../shared/Output.ts"
import { version } from "../shared/Version.ts"
import type { OwnerView, ServiceView } from "../terminal/OwnerView.ts"
import * as Destination from "./Destination.ts"
import * as SwitchedDestination from "./SwitchedDestination.ts"
import * as TunnelEvents from "./TunnelEvents.ts"

/** The error if the key would be sent unencrypted. */
export const refuseInsecure = (relayUrl: string, insecure: boolean): ConfigError | undefined =>
  insecure || isConfidential(relayUrl)
    ? undefined
    : single({
        code: "PTTH_INSECURE_RELAY",
        where: relayUrl,
        detail: "plain http would send the key unencrypted",
      })

/**
 * The certificates to trust besides the usual ones; `SSL_CERT_FILE` by default.
 *
 * @param path the configuration that names the file; `undefined` if a flag does
 */
export const readCertificates = Effect.fnUntraced(function* (
  file: string | undefined,
  path: string | undefined,
) {
  const chosen = file ?? process.env.SSL_CERT_FILE
  if (chosen === undefined || chosen === "") return undefined
  return yield* loadTrusted(chosen, file === undefined ? "SSL_CERT_FILE" : (path ?? "--ca"))
})

/** The fields for which a changed configuration needs a new connection. */
const connectionFields = [
  "name",
  "apiKey",
  "relayUrl",
  "ca",
  "transport",
  "connections",
  "responseTimeout",
  "throttleUpload",
  "tlsCert",
  "tlsKey",
  "acme",
  "acmeDirectory",
  "acmeCa",
  "acmeEabKeyId",
  "acmeEabKeyFile",
  "stateDir",
] as const satisfies ReadonlyArray<keyof ServerConfig.ServerConfig>

/** Whether one configuration can take the place of another on the same links. */
export const isSameConnection = (
  one: ServerConfig.ServerConfig,
  other: ServerConfig.ServerConfig,
): boolean => connectionFields.every((field) => Equal.equals(one[field], other[field]))

const destinationOf = (
  config: ServerConfig.ServerConfig,
  path: string | undefined,
  view: ServiceView,
  title: () => string,
): Destination.DestinationOptions => ({
  origin: config,
  routes: config.routes ?? [],
  folder: config.fileServerRoot,
  user: config.authUser,
  password: config.authPassword,
  rules: config,
  hiddenFiles: path === undefined ? [] : [path],
  realm: config.name,
  title,
  onProblem: view.setOrigin,
})

/** How a name takes part in what is served on the same links. */
export interface Sharing {
  readonly names: SharedNames
  /** Whether its links carry the other names. */
  readonly isCarrier: boolean
  /** Whether there is no other name, so that the log need not say which one it is about. */
  readonly isOnly: boolean
}

/** What a name needs besides its configuration, as it is when it is opened. */
interface Surroundings {
  readonly options: TunnelEvents.TunnelOptions
  readonly ownerView: OwnerView
  readonly sharing: Sharing
  readonly view: ServiceView
  readonly handler: Handler
  /** Certificates to trust besides the usual ones. */
  readonly ca: string | undefined
  readonly tls: Effect.Success<ReturnType<typeof PassedTls.make>>
}

/** What is known of a name that is served. */
class TunnelStatus {
  /** What pages call the server, as the relay says. */
  site: string
  read: (() => UplinkStatus) | undefined

  constructor(site: string) {
    this.site = site
  }
}

/** Connects a name to its relay, and never ends. */
const connect = Effect.fnUntraced(function* (
  config: ServerConfig.ServerConfig,
  { ca, handler, options, ownerView, sharing, tls, view }: Surroundings,
  status: TunnelStatus,
) {
  const responseMillis =
    config.responseTimeout === undefined ? undefined : Duration.toMillis(config.responseTimeout)
  const { callbacks, failed } = yield* TunnelEvents.make(
    config,
    options,
    ownerView.isLive ? view : undefined,
  )
  const serverOptions: Server.ServerOptions = {
    name: config.name,
    apiKey: config.apiKey,
    ticket: options.ticket,
    relayUrl: config.relayUrl,
    handler: view.watch(handler),
    program: `ptth/${version}`,
    throttle: config.throttleUpload,
    transport: config.transport,
    ...(config.connections === undefined ? {} : { connections: config.connections }),
    ...(responseMillis === undefined ? {} : { responseMillis }),
    ...(ca === undefined ? {} : { ca }),
    ...(tls === undefined ? {} : { tls: tls.hosts }),
    onStart: (read) => {
      status.read = read
    },
    ...callbacks,
    onConnected: (url, site) => {
      status.site = site
      return Effect.andThen(
        tls?.onConnected(url) ?? Effect.void,
        callbacks.onConnected?.(url, site) ?? Effect.void,
      )
    },
  }
  const mayShare = tls === undefined && config.transport !== "classic"
  const tunnel = Effect.raceFirst(
    failed,
    sharing.isCarrier
      ? Server.run({ ...serverOptions, shared: sharing.names })
      : mayShare
        ? SharedTunnel.run(serverOptions, sharing.names)
        : Server.run(serverOptions),
  )
  if (!sharing.isCarrier && mayShare) return yield* tunnel
  const statusNow = () => status.read?.()
  return yield* TunnelEvents.tellingOfSilence(tunnel, config.relayUrl, statusNow, ownerView.isLive)
})

type Row = readonly [label: string, text: string]

/** Opens what a name serves, in the Scope; `run` then connects, and never ends. */
export const prepare = Effect.fn("RunTunnel.prepare")(function* (
  config: ServerConfig.ServerConfig,
  options: TunnelEvents.TunnelOptions,
  ownerView: OwnerView,
  sharing: Sharing,
) {
  const { path } = options
  const refusal = refuseInsecure(config.relayUrl, options.insecure)
  if (refusal !== undefined) return yield* refusal
  const ca = yield* readCertificates(config.ca, options.pairing === undefined ? path : undefined)
  yield* Effect.fromResult(ProxyChoice.of(process.env, new URL(config.relayUrl)))
  const tls = yield* PassedTls.make(config, path ?? "the command line")
  const status = new TunnelStatus(config.name)
  const title = () => status.site
  const view = yield* Effect.acquireRelease(
    Effect.sync(() => ownerView.serve(config.name)),
    ({ remove }) => Effect.sync(remove),
  )
  const destination = yield* SwitchedDestination.make(destinationOf(config, path, view, title))
  const { handler } = destination
  const run = connect(config, { options, ownerView, sharing, view, handler, ca, tls }, status)
  return {
    /** Of the screen. */
    rows: (): ReadonlyArray<Row> => Destination.screenRows(destination.current()),
    run: sharing.isOnly ? run : Effect.annotateLogs(run, "server", config.name),
    /** For `ptth status`. */
    status: () => serviceOf(config, destination.current(), status.read?.()),
    /** Opens what another configuration serves; running the inner effect serves that on the same links. */
    replace: (next: ServerConfig.ServerConfig) =>
      destination.replace(destinationOf(next, path, view, title)),
  }
})

const notStarted: UplinkStatus = {
  state: { _tag: "Connecting" },
  url: undefined,
  requests: 0,
  lastFailure: undefined,
}

/** What `ptth status` shows of a connection. */
const connectionOf = ({
  requests,
  state,
}: UplinkStatus): Pick<Service, "state" | "transport" | "links" | "roundTrip" | "requests"> => {
  if (state._tag === "Connected") {
    const { links = 0, roundTrip, transport } = state
    const trip = roundTrip === undefined ? {} : { roundTrip }
    return { state: "connected", transport, links, requests, ...trip }
  }
  const isRefused = state._tag === "Waiting" && state.reason === "refused"
  return { state: isRefused ? "waiting for approval" : "connecting", links: 0, requests }
}

/** What `ptth status` shows of a failure. */
const failureOf = ({ at, error }: LastFailure) => ({
  at,
  message: error.code === undefined ? error.detail : `${error.code}: ${error.detail}`,
})

/** What `ptth status` shows of a name. */
const serviceOf = (
  { name, relayUrl }: ServerConfig.ServerConfig,
  destination: Destination.Destination,
  status: UplinkStatus = notStarted,
): Service => {
  const { lastFailure, url } = status
  return {
    name,
    ...Destination.statusOf(destination),
    relay: relayUrl,
    ...(url === undefined ? {} : { url }),
    ...connectionOf(status),
    ...(lastFailure === undefined ? {} : { lastFailure: failureOf(lastFailure) }),
  }
}

/** A name that is served; see {@link prepare}. */
export type Tunnel = Effect.Success<ReturnType<typeof prepare>>

/** Prints what is served under one name; the address follows when the relay has announced it. */
export const printOne = (
  config: ServerConfig.ServerConfig,
  { rows }: Pick<Tunnel, "rows">,
  { kept, pairing }: TunnelEvents.TunnelOptions,
): Effect.Effect<void> => {
  const tripcode = ApiKey.tripcode(config.apiKey)
  const last: ReadonlyArray<Row> =
    pairing === undefined
      ? []
      : [
          ["Key", pairing],
          ["Tripcode", tripcode],
          ["Words", TripcodeWords.toWords(tripcode)],
        ]
  return Output.banner(
    Output.screen(`PTTH server ${version}`, [
      ["Name", config.name],
      ["Relay", `${config.relayUrl}/`],
      ...rows(),
      ...(kept === undefined ? [] : [["Kept", kept] as const]),
      ...last,
    ]),
  )
}

/** The same for several names. */
export const printSeveral = (
  relayUrl: string,
  services: ReadonlyArray<readonly [name: string, tunnel: Pick<Tunnel, "rows">]>,
): Effect.Effect<void> =>
  Output.banner(
    Output.screen(`PTTH server ${version}`, [
      ["Relay", `${relayUrl}/`],
      ...services.flatMap(
        ([name, { rows }]): ReadonlyArray<Row> => [["", ""], ["Name", name], ...rows()],
      ),
    ]),
  )
