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
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as SharedMarks from "../cluster/engine/SharedMarks.ts"
import * as SharedUsage from "../cluster/engine/SharedUsage.ts"
import { Peers } from "../cluster/Peers.ts"
import type { RelayConfig } from "../domain/config/RelayConfig.ts"
import { fromRaw, type HeaderList } from "../domain/HeaderList.ts"
import type { ServerName } from "../domain/ServerName.ts"
import type { FrontHandler } from "../transport/front/FrontRequest.ts"
import { onlyOwnHosts } from "../transport/front/HostCheck.ts"
import { type BindError, serve } from "../transport/front/NodeFront.ts"
import * as Http2Front from "../transport/h2/Http2Front.ts"
import * as Certificate from "../transport/net/Certificate.ts"
import type { TlsHosts } from "../transport/net/TlsHandshake.ts"
import { Telemetry } from "../transport/observe/Telemetry.ts"
import type { Observe } from "../transport/observe/VisitNotes.ts"
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
import { ClassicEndpoints } from "./links/ClassicEndpoints.ts"
import { StreamEndpoint } from "./links/StreamEndpoint.ts"
import { PassedVisits } from "./passthrough/PassedVisits.ts"
import { ClassicForward } from "./peers/ClassicForward.ts"
import * as LinkHandOver from "./peers/LinkHandOver.ts"
import { PeerDirectory } from "./peers/PeerDirectory.ts"
import { RelaySpread } from "./peers/RelaySpread.ts"
import { LinkLimit } from "./registry/LinkLimit.ts"
import { Servers } from "./registry/Servers.ts"
import { TicketCheck } from "./registry/TicketCheck.ts"
import { makeRedeem } from "./registry/Tickets.ts"
import { HandOver } from "./settings/HandOver.ts"
import { RelaySettings } from "./settings/RelaySettings.ts"
import * as Subdomains from "./settings/Subdomains.ts"
import { Successor } from "./settings/Successor.ts"
import { SignIn } from "./signin/SignIn.ts"
import { Relays } from "./status/Relays.ts"
import * as SendMetrics from "./status/SendMetrics.ts"
import * as AccessLogging from "./traffic/AccessLogging.ts"
import { Traffic } from "./traffic/Traffic.ts"
import { AllowedHosts } from "./visitors/AllowedHosts.ts"
import { AppBeside } from "./visitors/AppBeside.ts"
import * as PlainPort from "./visitors/PlainPort.ts"
import * as RelayPages from "./visitors/RelayPages.ts"
import { Resender } from "./visitors/Resender.ts"
import { ScraperNotes } from "./visitors/ScraperNotes.ts"
import { ServerLimits } from "./visitors/ServerLimits.ts"
import { ServerPlaces } from "./visitors/ServerPlaces.ts"
import { VisitorAuth } from "./visitors/VisitorAuth.ts"
import { VisitorFront } from "./visitors/VisitorFront.ts"

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

  /** The relay with given services. One function: here they are joined, each step with what those before gave. */
  static readonly layerNoDeps: Layer.Layer<
    Relay,
    BindError,
    RelaySettings | Servers | Rendezvous | AuditLog | Traffic | Inspector | Relays
  > = Layer.effect(
    Relay,
    Effect.gen(function* () {
      const settings = yield* RelaySettings
      const servers = yield* Servers
      const rendezvous = yield* Rendezvous
      const audit = yield* AuditLog
      const traffic = yield* Traffic
      const app = yield* AppBeside
      const peers = yield* Peers
      const limit = new LinkLimit({
        settings,
        audit,
        deadlines: rendezvous.deadlines,
        elsewhere: (name) => peers.holders(name).flatMap(({ links }) => links),
      })
      const others = new ClassicForward(peers)
      const tickets = new TicketCheck(servers, yield* makeRedeem)
      const classic = new ClassicEndpoints({
        settings,
        servers,
        rendezvous,
        limit,
        tickets,
        others,
      })
      others.follow(classic)
      const directory = new PeerDirectory({
        peers,
        rendezvous,
        servers,
        backend: classic.handleForwarded,
        hops: traffic.hops,
        telemetry: yield* Telemetry,
      })
      yield* Effect.addFinalizer(() => Effect.sync(() => directory.close()))
      const spread = new RelaySpread({ peers, settings })
      const handOver = yield* HandOver
      const stream = new StreamEndpoint({
        settings,
        servers,
        rendezvous,
        limit,
        tickets,
        spread,
        handOver,
      })
      const unfollow = spread.follow(stream)
      yield* Effect.addFinalizer(() => Effect.sync(unfollow))
      yield* Effect.addFinalizer(() => Effect.sync(() => stream.close()))
      const certificates = yield* Certificates
      const state = { draining: false }
      const { now } = rendezvous.deadlines
      const signIn = new SignIn({ derived: settings.derived, now, audit, peers })
      const auth = new VisitorAuth(settings.derived, now, signIn, yield* SharedMarks.make())
      const limits = new ServerLimits(settings.derived, now)
      yield* SharedUsage.share(limits)
      const sweep = (): void => {
        auth.sweep()
        signIn.sweep()
        limits.sweep()
      }
      yield* Effect.sync(sweep).pipe(
        Effect.schedule(Schedule.spaced("1 minute")),
        Effect.forkScoped,
      )
      const config = settings.current()
      /** The hosts of servers have none of the relay's endpoints. */
      const atServersHost = (request: IncomingMessage): boolean => {
        const { hosts } = settings.derived()
        return (
          hosts !== undefined && Subdomains.route(hosts, fromRaw(request.rawHeaders)) !== undefined
        )
      }
      const isDraining = () => state.draining
      const moveLinks = Effect.suspend(() => {
        stream.drain()
        return LinkHandOver.run(peers, rendezvous)
      })
      const pages = RelayPages.make({
        settings,
        rendezvous,
        relays: yield* Relays,
        isDraining,
        isSettled: () => peers.isSettled(),
      })
      yield* Effect.addFinalizer(() => Effect.sync(pages.close))
      const inspector = yield* Inspector
      const visitors = new VisitorFront({
        settings,
        servers,
        rendezvous,
        auth,
        signIn,
        limits,
        places: new ServerPlaces(settings.current, rendezvous.deadlines.elapsed),
        inspector,
        scrapers: new ScraperNotes(audit),
        page: pages.answer,
        app,
      })
      const resender = new Resender({ inspector, limits, rendezvous, servers, traffic })
      inspector.resendWith((name, original, address, replayOf) =>
        resender.send(name as ServerName, original, address, replayOf),
      )
      const observe: Observe = (head, address, version) => traffic.observe(head, address, version)
      const passed = new PassedVisits({ derived: settings.derived, visitors, observe })
      yield* Effect.addFinalizer(() => Effect.sync(() => passed.close()))
      const allowedHosts = yield* AllowedHosts
      const visit: FrontHandler = (request, reply) => visitors.handle(request, reply)
      const isReplaced = yield* Successor
      const front = yield* serve({
        ...config.listen,
        isReplaced,
        certificate: config.tls ?? certificates.fallback(),
        hosts: tlsHosts(settings, certificates),
        http2: Http2Front.make,
        maxHead: config.maxHead,
        idleMillis: () => Duration.toMillis(settings.current().idleTimeout),
        graceMillis: Duration.toMillis(config.shutdownGrace),
        lameDuckMillis: () => Duration.toMillis(settings.current().lameDuck),
        isIntercepted: (target) => classic.takes(target),
        intercept: (request, response) =>
          !atServersHost(request) && classic.intercept(request, response),
        interceptUpgrade: (request, socket, head) =>
          !atServersHost(request) && stream.upgrade(request, socket, head),
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
        fields: () => strictTransport(settings.current()),
        observe,
        routes: {
          isWanted: () => passed.isWanted(),
          take: (serverName, socket) => passed.take(serverName, socket),
        },
        handler: allowedHosts === undefined ? visit : onlyOwnHosts(visit, () => allowedHosts),
        ...(peers.isAlone ? {} : { handOver: peers.leave.pipe(Effect.andThen(moveLinks)) }),
        others: stream.ended,
        onStop: () => {
          state.draining = true
          spread.drain()
          audit.record({ _tag: "RelayStopping" })
        },
        onDrain: () => {
          pages.close()
          stream.drain()
          rendezvous.drain()
        },
      })
      const unlisten = certificates.listen({
        fallback: (certificate) => {
          if (settings.current().tls === undefined) front.renew(certificate)
        },
        attempt: recordAttempt(audit),
      })
      yield* Effect.addFinalizer(() => Effect.sync(unlisten))
      yield* PlainPort.serve(() => front.port)
      certificates.start()
      yield* settings.changes.pipe(
        Stream.runForEach((now) =>
          Effect.sync(() => {
            if (now !== config) {
              audit.record({ _tag: "ConfigReloaded", servers: now.servers.length })
            }
            servers.recordApproved()
            if (now.tls !== undefined) front.renew(now.tls)
            classic.recheck()
            stream.recheck()
            directory.recheck()
          }),
        ),
        Effect.forkScoped,
      )
      yield* settings.statuses.pipe(
        Stream.runForEach(({ problem }) =>
          Effect.sync(() => {
            if (problem !== undefined) {
              audit.record({ _tag: "ConfigRefused", problem: problem.message })
            }
          }),
        ),
        Effect.forkScoped,
      )
      audit.record({ _tag: "RelayStarted", address: `${front.host}:${front.port}` })
      return Relay.of(front)
    }),
  )
}

/** Records in the audit log what becomes of certificates. */
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
