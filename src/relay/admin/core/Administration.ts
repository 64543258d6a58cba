/**
 * What an administrator can see and do, for the pages and the API alike. It is
 * about all relays that serve as one, and says which of them did not answer.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Engine, type EngineStatus } from "../../../cluster/engine/Engine.ts"
import { isExpected, type PeersShape } from "../../../cluster/Peers.ts"
import {
  type RegisteredServer,
  type RelayConfig,
  type ServerLimits,
  speaksTls,
} from "../../../domain/config/RelayConfig.ts"
import * as ListenAddress from "../../../domain/ListenAddress.ts"
import type { ServerName } from "../../../domain/ServerName.ts"
import type { Tripcode } from "../../../domain/Tripcode.ts"
import * as TripcodeWords from "../../../domain/TripcodeWords.ts"
import * as AdminControl from "../../../protocol/peer/AdminControl.ts"
import type { CertificateStatus } from "../../../transport/acme/CertificateKeeper.ts"
import type { Metric } from "../../../transport/observe/Metric.ts"
import * as ProcessMetrics from "../../../transport/observe/ProcessMetrics.ts"
import { type AuditEntry, AuditLog } from "../../audit/AuditLog.ts"
import * as CertificateMetrics from "../../certificates/CertificateMetrics.ts"
import { Certificates } from "../../certificates/Certificates.ts"
import type { LinkView } from "../../dispatch/Rendezvous.ts"
import { History } from "../../history/History.ts"
import type * as Approval from "../../registry/Approval.ts"
import * as RegisterServer from "../../registry/RegisterServer.ts"
import type { RefusedStranger } from "../../registry/Servers.ts"
import type { DerivedConfig } from "../../settings/DerivedConfig.ts"
import { type ConfigStatus, RelaySettings } from "../../settings/RelaySettings.ts"
import * as Subdomains from "../../settings/Subdomains.ts"
import * as MergedMetrics from "../../status/MergedMetrics.ts"
import {
  type Reached,
  type RelayAnswers,
  type RelayIdentity,
  Relays,
  type SilentRelay,
} from "../../status/Relays.ts"
import * as RelayView from "../../status/RelayView.ts"
import { type ServerView, viewServers } from "../../status/ServerView.ts"
import type { Recent } from "../../traffic/Counters.ts"
import * as AuditFilter from "./AuditFilter.ts"
import * as Requests from "./Requests.ts"

/** A server that was refused because its name or key is not registered. */
export interface StrangerView extends RefusedStranger {
  /** The tripcode as six words, for people to compare. */
  readonly words: string
}

/** A request that is over, and which relay its visitor came to; `undefined` for a relay by itself. */
export interface RecentView extends Recent {
  readonly relay: string | undefined
}

/** A link of a server, and which relay has it; `undefined` for a relay by itself. */
export interface LinkAtRelay extends LinkView {
  readonly relay: string | undefined
}

/** The links of a server, the oldest first. */
export interface LinksView extends Reached {
  readonly links: ReadonlyArray<LinkAtRelay>
}

/** What of the relay's configuration holds for servers that have nothing of their own. */
export type RelayDefaults = Pick<
  RelayConfig,
  keyof ServerLimits | "frontendAuth" | "responseTimeout"
>

/** All relays at one moment. */
export interface Overview {
  /** Whether there is one relay, which needs no name. */
  readonly isAlone: boolean
  readonly servers: ReadonlyArray<ServerView>
  /** Servers that were refused and are not registered, most recently seen first. */
  readonly unregistered: ReadonlyArray<StrangerView>
  readonly relays: ReadonlyArray<RelayView.RelayView>
  /** Relays of which nothing in here tells. */
  readonly silent: ReadonlyArray<SilentRelay>
  /** Those by ACME, of the process that answers the administrator. */
  readonly certificates: ReadonlyArray<CertificateStatus>
  /** Whether the files of a configuration are invalid at any relay. */
  readonly hasConfigProblem: boolean
  /** A text that differs whenever any of this does. */
  readonly version: string
}

/** See the file's header. */
export class Administration extends Context.Service<
  Administration,
  {
    readonly overview: Effect.Effect<Overview>
    /** The state of the engine; `off` if the relays share nothing that lasts. */
    readonly engine: () => EngineStatus
    /** Those by ACME, of the process that answers the administrator. */
    readonly certificates: () => ReadonlyArray<CertificateStatus>
    /** A server's last requests, newest first; none of an unknown server. */
    readonly recent: (name: string) => Effect.Effect<ReadonlyArray<RecentView>>
    /** Events of the audit log, newest first. */
    readonly audit: (filter: AuditFilter.AuditFilter) => ReadonlyArray<AuditEntry>
    /** The configuration of the process that answers the administrator. */
    readonly config: () => ConfigStatus
    /**
     * Registers a server at all relays, with an engine also at those of other machines;
     * it is in force here when this succeeds.
     *
     * @param by who did it, for the audit log
     */
    readonly approve: (
      name: string,
      tripcode: string,
      by: string,
    ) => Effect.Effect<Reached, Approval.ApprovalError>
    /** Hides an unregistered server at all relays; `undefined` if there is none. */
    readonly ignore: (
      name: string,
      tripcode: string,
      by: string,
    ) => Effect.Effect<Reached | undefined>
    /** Has all relays load their configuration. */
    readonly reload: Effect.Effect<Reached>
    /** The registration of a server in the configuration in force. */
    readonly registered: (name: string) => RegisteredServer | undefined
    /** What holds for a server that has nothing of its own. */
    readonly defaults: () => RelayDefaults
    /** The links of a server at all relays; none of an unknown server. */
    readonly links: (name: string) => Effect.Effect<LinksView>
    /** The configuration in force with the source of each value, without secrets; empty if it came from no file. */
    readonly explain: () => string
    /**
     * The relay's address for servers and visitors: the configured one, where it
     * listens at the host of an administrator's request, or an example.
     *
     * @param origin that of the request
     */
    readonly relayUrl: (origin: string) => string
    /** Whether that address is configured. */
    readonly hasPublicUrl: () => boolean
    /**
     * The server's address for visitors, where it is known: the configured one, or
     * that below where the relay listens.
     *
     * @param origin as for `relayUrl`
     */
    readonly openAt: (name: ServerName, origin: string) => string | undefined
    /** The metrics of all relays, or of those of this machine. */
    readonly metrics: (isOnlyMachine: boolean) => Effect.Effect<ReadonlyArray<Metric>>
  }
>()("ptth/relay/Administration") {
  /**
   * @param version the version of this package
   * @param explain see `explain` above
   */
  static readonly layer = (
    version: string,
    explain: () => string = () => "",
  ): Layer.Layer<Administration, never, RelaySettings | AuditLog | Relays | History> =>
    Layer.effect(Administration, make(version, explain))
}

/**
 * Where the relay listens, at the host of an administrator's request; `undefined`
 * if the port is not known, or a proxy at that host stands in front.
 */
const listeningUrl = (config: RelayConfig, origin: string): string | undefined => {
  const { fd, host, port } = config.listen
  if (port === 0 || fd !== undefined || !URL.canParse(origin)) return undefined
  const { hostname } = new URL(origin)
  if (ListenAddress.isLoopback(host) && !ListenAddress.isLoopback(hostname)) return undefined
  return new URL(`${speaksTls(config) ? "https" : "http"}://${hostname}:${port}`).origin
}

const relayUrlOf = (config: RelayConfig, origin: string): string =>
  config.publicUrl ?? listeningUrl(config, origin) ?? "https://relay.example.com"

const openAtOf = (
  { config, servers }: DerivedConfig,
  name: ServerName,
  origin: string,
): string | undefined => {
  const url = Subdomains.urlOf(config, name)
  // It is reached only at a host of its own.
  if (url !== undefined || servers.get(name)?.tls === "passthrough") return url
  const base = listeningUrl(config, origin)
  return base === undefined ? undefined : new URL(`/servers/${name}/`, base).href
}

/** Longer than most, since it names each thing that an administrator can see or do once. */
const make = Effect.fnUntraced(function* (version: string, explain: () => string) {
  const settings = yield* RelaySettings
  const audit = yield* AuditLog
  const relays = yield* Relays
  const history = yield* History
  const engine = yield* Engine
  const certificates = yield* Certificates
  const { isAlone, peers } = relays
  return Administration.of({
    overview: relays.ask(AdminControl.report, {}).pipe(
      Effect.tap((reports) => history.take(reports)),
      Effect.tap((reports) => Effect.forkDetach(Requests.spread(relays, reports))),
      Effect.map((reports) =>
        overviewOf(settings.current(), reports, relays, certificates.statuses()),
      ),
    ),
    engine: engine.status,
    certificates: certificates.statuses,
    recent: (name) =>
      Effect.map(relays.ask(AdminControl.recent, { name }), (reports) =>
        recentOf(reports, isAlone),
      ),
    audit: (filter) =>
      audit
        .entries()
        .filter((entry) => AuditFilter.matches(filter, entry))
        .reverse(),
    config: settings.status,
    ...(yield* makeActs),
    registered: (name) => settings.derived().servers.get(name),
    defaults: () => settings.current(),
    links: (name) =>
      Effect.map(relays.ask(AdminControl.links, { name }), (reports) => ({
        links: atRelays(reports, isAlone).sort((one, other) => one.since - other.since),
        silent: reports.silent,
      })),
    explain,
    hasPublicUrl: () => settings.current().publicUrl !== undefined,
    relayUrl: (origin) => relayUrlOf(settings.current(), origin),
    openAt: (name, origin) => openAtOf(settings.derived(), name, origin),
    metrics: (isOnlyMachine) => {
      const isWanted = ({ machine }: RelayIdentity): boolean => machine === peers.self.machine
      return relays.ask(AdminControl.metrics, {}, isOnlyMachine ? isWanted : undefined).pipe(
        Effect.map(({ answers, silent }) => {
          const ofProcess = relays.isRelay
            ? []
            : [{ relay: peers.self, value: metricsOfProcess(certificates.statuses()) }]
          return MergedMetrics.merge(
            { answers: [...answers, ...ofProcess], silent },
            isAlone,
            version,
          )
        }),
      )
    },
  })
})

const metricsOfProcess = (certificates: ReadonlyArray<CertificateStatus>) => [
  ...CertificateMetrics.read(certificates),
  ...ProcessMetrics.read(),
]

/** What all relays have answered, each item with the id of its relay unless that is alone. */
const atRelays = <Item extends object>(
  { answers }: RelayAnswers<ReadonlyArray<Item>>,
  isAlone: boolean,
): Array<Item & { readonly relay: string | undefined }> =>
  answers.flatMap(({ relay, value }) =>
    value.map((item) => ({ ...item, relay: isAlone ? undefined : relay.id })),
  )

/** The last requests of a server at all relays, the newest first. */
const recentOf = (
  reports: RelayAnswers<ReadonlyArray<AdminControl.ReportedRequest>>,
  isAlone: boolean,
): ReadonlyArray<RecentView> =>
  atRelays(reports, isAlone)
    .map((request) => ({
      ...request,
      status: request.status,
      code: request.code,
      waitMillis: request.waitMillis,
      tunnelMillis: request.tunnelMillis,
    }))
    .sort((one, other) => other.at - one.at)

const overviewOf = (
  { servers: registered }: ReturnType<RelaySettings["Service"]["current"]>,
  reports: RelayAnswers<AdminControl.RelayReport>,
  { isAlone, peers }: Relays["Service"],
  certificates: ReadonlyArray<CertificateStatus>,
): Overview => {
  const { answers, silent } = reports
  const servers = viewServers(registered, reports, isAlone)
  const unregistered = mergeStrangers(answers.map(({ value }) => value))
  const relays = RelayView.viewRelays(reports, peers)
  return {
    isAlone,
    servers,
    unregistered,
    relays,
    silent,
    certificates,
    hasConfigProblem: answers.some(({ value }) => value.config.problem !== undefined),
    version: JSON.stringify([
      servers.map(({ lastSeen, traffic, ...view }) => [
        view,
        view.state === "connected" ? 0 : lastSeen,
        { ...traffic, errors: [...traffic.errors] },
      ]),
      unregistered,
      relays.map((relay) => ({ ...relay, roundTrip: 0 })),
      silent,
      certificates,
      answers.map(({ value }) => [value.recordings, value.config]),
    ]),
  }
}

/** Each refused server once, the last seen first; ignored if it is so at any relay. */
const mergeStrangers = (
  reports: ReadonlyArray<AdminControl.RelayReport>,
): ReadonlyArray<StrangerView> => {
  const merged = new Map<string, AdminControl.ReportedStranger>()
  for (const { strangers } of reports) {
    for (const stranger of strangers) {
      const key = `${stranger.name} ${stranger.tripcode}`
      const known = merged.get(key)
      const newest = known === undefined || stranger.lastSeen >= known.lastSeen ? stranger : known
      merged.set(key, {
        ...newest,
        firstSeen: Math.min(stranger.firstSeen, known?.firstSeen ?? stranger.firstSeen),
        ignored: stranger.ignored || known?.ignored === true,
      })
    }
  }
  return [...merged.values()]
    .map((stranger) => ({
      ...stranger,
      name: stranger.name as ServerName,
      tripcode: stranger.tripcode as Tripcode,
      words: TripcodeWords.toWords(stranger.tripcode as Tripcode),
    }))
    .reverse()
    .sort((one, other) => other.lastSeen - one.lastSeen)
}

/** The other machines, each of which has its own approvals if there is no engine. */
const apartFrom = (peers: PeersShape): ReadonlyArray<SilentRelay> => {
  const machines = peers
    .list()
    .filter((peer) => peer.machine !== peers.self.machine && isExpected(peer))
    .map(({ machine }) => machine)
  return [...new Set(machines)].map((id) => ({
    id,
    reason:
      "without an engine, each machine has its own approvals; approve the server there as well",
  }))
}

/** The acts that reach all relays. */
const makeActs = Effect.gen(function* () {
  const relays = yield* Relays
  const audit = yield* AuditLog
  const engine = yield* Engine
  const settings = yield* RelaySettings
  const register = yield* RegisterServer.make
  const { self } = relays.peers
  const isOther = ({ id }: { readonly id: string }): boolean => id !== self.id
  const isBeside = (relay: { readonly id: string; readonly machine: string }): boolean =>
    isOther(relay) && relay.machine === self.machine

  return {
    approve: Effect.fn("Administration.approve")(function* (
      name: string,
      tripcode: string,
      by: string,
    ) {
      yield* relays.ask(AdminControl.approving, { name, tripcode, isDone: false }, isBeside)
      yield* register(name, tripcode, by)
      const beside = yield* relays.ask(
        AdminControl.approving,
        { name, tripcode, isDone: true },
        isBeside,
      )
      const apart = engine.status().state === "off" ? apartFrom(relays.peers) : []
      return { silent: [...beside.silent, ...apart] }
    }),
    ignore: Effect.fn("Administration.ignore")(function* (
      name: string,
      tripcode: string,
      by: string,
    ) {
      const { answers, silent } = yield* relays.ask(AdminControl.ignore, { name, tripcode })
      if (!answers.some(({ value }) => value)) return undefined
      audit.record({
        _tag: "ServerIgnored",
        name: name as ServerName,
        tripcode: tripcode as Tripcode,
        by,
      })
      return { silent }
    }),
    reload: Effect.gen(function* () {
      yield* settings.reload
      const { silent } = yield* relays.ask(AdminControl.reload, {}, isOther)
      return { silent }
    }),
  }
})
