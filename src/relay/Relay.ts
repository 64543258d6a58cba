/**
 * The relay as a Layer: its services with an HTTP front. Closing it drains:
 * servers are told, waiting requests fail, and running ones may finish within
 * the grace period.
 */
import type { IncomingMessage } from "node:http"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Peers } from "../cluster/Peers.ts"
import type { RelayConfig } from "../domain/config/RelayConfig.ts"
import { fromRaw, type HeaderList } from "../domain/HeaderList.ts"
import {
  type BindError,
  type Front,
  type FrontOptions,
  serve,
} from "../transport/front/NodeFront.ts"
import * as Http2Front from "../transport/h2/Http2Front.ts"
import * as Certificate from "../transport/net/Certificate.ts"
import type { TlsHosts } from "../transport/net/TlsHandshake.ts"
import * as FailurePage from "../web/FailurePage.ts"
import * as AuditFile from "./audit/AuditFile.ts"
import { AuditLog } from "./audit/AuditLog.ts"
import * as AuditVisits from "./audit/AuditVisits.ts"
import * as SharedAudit from "./audit/SharedAudit.ts"
import {
  type CertificateListener,
  Certificates,
  type CertificatesShape,
} from "./certificates/Certificates.ts"
import { Rendezvous } from "./dispatch/Rendezvous.ts"
import * as FailureSite from "./failures/FailureSite.ts"
import { Inspector } from "./inspect/Inspector.ts"
import * as LinkHandOver from "./peers/LinkHandOver.ts"
import { Servers } from "./registry/Servers.ts"
import * as ServerSide from "./ServerSide.ts"
import { RelaySettings } from "./settings/RelaySettings.ts"
import * as Subdomains from "./settings/Subdomains.ts"
import { Successor } from "./settings/Successor.ts"
import { Relays } from "./status/Relays.ts"
import * as SendMetrics from "./status/SendMetrics.ts"
import * as AccessLogging from "./traffic/AccessLogging.ts"
import { Traffic } from "./traffic/Traffic.ts"
import * as VisitorSide from "./VisitorSide.ts"
import * as PlainPort from "./visitors/PlainPort.ts"

/** A relay that is listening, and where. */
export class Relay extends Context.Service<
  Relay,
  {
    readonly host: string
    readonly port: number
    /** Whether it speaks TLS itself. */
    readonly secure: boolean
  }
>()("ptth/relay/Relay") {
  /** The relay with its own services, which it provides too; fails if its address cannot be bound. */
  static readonly layer: Layer.Layer<
    Relay | Servers | Rendezvous | AuditLog | Traffic | Inspector | Relays,
    BindError,
    RelaySettings
  > = Layer.suspend(() =>
    layerWith(
      // After the file, from which it knows what this relay has recorded before.
      SharedAudit.layer.pipe(
        Layer.provideMerge(AuditFile.layer),
        Layer.provideMerge(AuditLog.layer),
      ),
    ),
  )

  /** The same for a worker, whose audit log another process writes. */
  static readonly layerOfWorker = (audit: Layer.Layer<AuditLog>): typeof Relay.layer =>
    layerWith(audit)

  /** The relay with given services. */
  static readonly layerNoDeps: Layer.Layer<
    Relay,
    BindError,
    RelaySettings | Servers | Rendezvous | AuditLog | Traffic | Inspector | Relays
  > = Layer.effect(
    Relay,
    Effect.suspend(() => make),
  )
}

/**
 * What else has to listen before the relay has started, as the audit log has it;
 * by default nothing.
 */
export const StartsAfter = Context.Reference<Effect.Effect<void> | undefined>(
  "ptth/relay/StartsAfter",
  { defaultValue: () => undefined },
)

interface RunState {
  hasStarted: boolean
  isDraining: boolean
}

const make = Effect.gen(function* () {
  const initial = (yield* RelaySettings).current()
  const audit = yield* AuditLog
  const certificates = yield* Certificates
  const state: RunState = { hasStarted: false, isDraining: false }
  const servers = yield* ServerSide.make
  const visitors = yield* VisitorSide.make(() => state.isDraining)
  const front = yield* serve({
    ...(yield* listenerOptions),
    ...(yield* requestOptions(servers, visitors)),
    ...(yield* drainOptions(servers, visitors, state)),
  })
  yield* followCertificates(front)
  yield* PlainPort.serve(() => front.port)
  certificates.start()
  yield* followSettings(initial, servers, front)
  const begin = Effect.sync(() => {
    state.hasStarted = true
    audit.record({ _tag: "RelayStarted", address: `${front.host}:${front.port}` })
  })
  const ready = yield* StartsAfter
  yield* ready === undefined ? begin : Effect.forkScoped(Effect.andThen(ready, begin))
  return Relay.of(front)
})

/** Where the front listens, with which certificates, and its limits. */
const listenerOptions = Effect.gen(function* () {
  const settings = yield* RelaySettings
  const certificates = yield* Certificates
  const config = settings.current()
  return {
    ...config.listen,
    certificate: config.tls ?? certificates.fallback(),
    hosts: tlsHosts(settings, certificates),
    http2: Http2Front.make,
    maxHead: config.maxHead,
    idleMillis: () => Duration.toMillis(settings.current().idleTimeout),
    fields: () => strictTransport(settings.current()),
  }
})

/** What answers requests: the backend API takes those of servers, and the others are visitors'. */
const requestOptions = Effect.fnUntraced(function* (
  { classic, stream }: ServerSide.ServerSide,
  { handler, observe, passed }: VisitorSide.VisitorSide,
) {
  const settings = yield* RelaySettings
  const rendezvous = yield* Rendezvous
  /** The hosts of servers have none of the relay's endpoints. */
  const isAtServersHost = (request: IncomingMessage): boolean => {
    const { hosts } = settings.derived()
    return hosts !== undefined && Subdomains.route(hosts, fromRaw(request.rawHeaders)) !== undefined
  }
  const options: RequestOptions = {
    isIntercepted: (target) => classic.takes(target),
    intercept: (request, response) =>
      !isAtServersHost(request) && classic.intercept(request, response),
    interceptUpgrade: (request, socket, head) =>
      !isAtServersHost(request) && stream.upgrade(request, socket, head),
    renderFailure: (failure, accept, request) =>
      FailurePage.render(
        failure,
        accept,
        request &&
          FailureSite.contextOf(
            settings.derived(),
            (name) => rendezvous.lastSeen(name),
            failure,
            request,
          ),
      ),
    observe,
    routes: {
      isWanted: () => passed.isWanted(),
      take: (serverName, socket) => passed.take(serverName, socket),
    },
    handler,
  }
  return options
})

type RequestOptions = Pick<
  FrontOptions,
  | "handler"
  | "intercept"
  | "interceptUpgrade"
  | "isIntercepted"
  | "observe"
  | "renderFailure"
  | "routes"
>

/** What happens when the Scope is closed. */
const drainOptions = Effect.fnUntraced(function* (
  { classic, spread, stream }: ServerSide.ServerSide,
  { pages }: VisitorSide.VisitorSide,
  state: RunState,
) {
  const settings = yield* RelaySettings
  const rendezvous = yield* Rendezvous
  const audit = yield* AuditLog
  const peers = yield* Peers
  const moveLinks = Effect.suspend(() => {
    stream.drain()
    return LinkHandOver.run(peers, rendezvous)
  })
  return {
    isReplaced: yield* Successor,
    graceMillis: Duration.toMillis(settings.current().shutdownGrace),
    lameDuckMillis: () => Duration.toMillis(settings.current().lameDuck),
    // Other relays pass on what servers send them for this one.
    ...(peers.isAlone
      ? { awaitedConnections: () => classic.awaitedConnections() }
      : { handOver: peers.leave.pipe(Effect.andThen(moveLinks)) }),
    others: stream.ended,
    onStop: () => {
      state.isDraining = true
      spread.drain()
      if (state.hasStarted) audit.record({ _tag: "RelayStopping" })
    },
    onDrain: () => {
      pages.close()
      stream.drain()
      rendezvous.drain()
    },
  }
})

/** Uses each new certificate of the relay's own host, unless a file has one. */
const followCertificates = Effect.fnUntraced(function* (front: Front) {
  const settings = yield* RelaySettings
  const certificates = yield* Certificates
  const unlisten = certificates.listen({
    fallback: (certificate) => {
      if (settings.current().tls === undefined) front.renew(certificate)
    },
    attempt: recordAttempt(yield* AuditLog),
  })
  yield* Effect.addFinalizer(() => Effect.sync(unlisten))
})

/** Applies each new configuration, tells the peers that it is another one, and records those that are refused. */
const followSettings = Effect.fnUntraced(function* (
  initial: RelayConfig,
  { recheck }: ServerSide.ServerSide,
  front: Front,
) {
  const settings = yield* RelaySettings
  const servers = yield* Servers
  const audit = yield* AuditLog
  const peers = yield* Peers
  yield* settings.changes.pipe(
    Stream.runForEach((now) =>
      Effect.sync(() => {
        if (now !== initial) {
          audit.record({ _tag: "ConfigReloaded", servers: now.servers.length })
        }
        servers.recordApproved()
        if (now.tls !== undefined) front.renew(now.tls)
        recheck()
        peers.refresh()
      }),
    ),
    Effect.forkScoped,
  )
  yield* recordRefusals(settings, audit)
})

/** Records in the audit log each configuration that is refused, while the Scope is open. */
export const recordRefusals = (
  { statuses }: RelaySettings["Service"],
  audit: AuditLog["Service"],
) =>
  statuses.pipe(
    Stream.runForEach(({ problem }) =>
      Effect.sync(() => {
        if (problem !== undefined) {
          audit.record({ _tag: "ConfigRefused", problem: problem.message })
        }
      }),
    ),
    Effect.forkScoped,
  )

/** Records in the audit log each attempt to obtain a certificate. */
export const recordAttempt =
  (audit: AuditLog["Service"]): NonNullable<CertificateListener["attempt"]> =>
  ({ names }, failure) => {
    const hosts = names.join(", ")
    audit.record(
      failure === undefined
        ? { _tag: "CertificateIssued", hosts }
        : { _tag: "CertificateFailed", hosts, code: failure.code, reason: failure.detail },
    )
  }

/** The certificates by hosts; those of files come first. */
const tlsHosts = (
  { current }: RelaySettings["Service"],
  { challenge, find }: CertificatesShape,
): TlsHosts => ({
  challenge,
  find: (host, done) => {
    const { tls } = current()
    if (tls !== undefined && Certificate.isFor(tls, host)) done(undefined)
    else find(host, done)
  },
})

/** The field by which browsers use https only. */
const strictTransport = ({ hsts }: RelayConfig): HeaderList =>
  hsts === false ? noFields : [["Strict-Transport-Security", hsts]]

const noFields: HeaderList = []

const layerWith = <R>(audit: Layer.Layer<AuditLog, never, R>) =>
  Relay.layerNoDeps.pipe(
    Layer.provideMerge(SendMetrics.layer),
    Layer.provideMerge(Relays.layerOfRelay),
    Layer.provideMerge(Layer.mergeAll(Servers.layer, Rendezvous.layer)),
    // Provided to the front, so that it closes after the last request.
    Layer.provideMerge(Layer.mergeAll(AccessLogging.layer, AuditVisits.layer)),
    Layer.provideMerge(Layer.mergeAll(audit, Traffic.layer, Inspector.layer)),
  )
