/**
 * What this relay tells an administrator of itself, at whichever relay the
 * administrator asks (`AdminControl.ts`).
 */
import type { EngineShape } from "../../cluster/engine/Engine.ts"
import type { PeersShape } from "../../cluster/Peers.ts"
import type {
  RelayReport,
  ReportedConfig,
  ReportedRequest,
  ReportedServer,
  ReportedTraffic,
} from "../../protocol/peer/AdminControl.ts"
import type { Rendezvous } from "../dispatch/Rendezvous.ts"
import type { Inspector } from "../inspect/Inspector.ts"
import type { Servers } from "../registry/Servers.ts"
import type { ConfigStatus, RelaySettings } from "../settings/RelaySettings.ts"
import { Counters, type Recent } from "../traffic/Counters.ts"
import { summarize, type Traffic } from "../traffic/Traffic.ts"

/** What a report is made from. */
export interface ReportContext {
  readonly settings: RelaySettings["Service"]
  readonly servers: Servers["Service"]
  readonly rendezvous: Rendezvous["Service"]
  readonly traffic: Traffic["Service"]
  readonly inspector: Inspector["Service"]
  readonly peers: PeersShape
  readonly engine: EngineShape
  /** When the relay started, in milliseconds since 1970. */
  readonly startedAt: number
}

/** The state of a configuration as relays tell it. */
export const configOf = ({
  path,
  problem,
  serversFolder,
  since,
}: ConfigStatus): ReportedConfig => ({
  since,
  ...(path === undefined ? {} : { path }),
  ...(serversFolder === undefined ? {} : { serversFolder }),
  ...(problem === undefined ? {} : { problem }),
})

/** A request that is over as relays tell it; the record itself has more, in accessors too. */
export const requestOf = (recent: Recent): ReportedRequest => ({
  at: recent.at,
  method: recent.method,
  path: recent.path,
  status: recent.status,
  code: recent.code,
  transport: recent.transport,
  hop: recent.hop,
  millis: recent.millis,
  waitMillis: recent.waitMillis,
  tunnelMillis: recent.tunnelMillis,
  bytesIn: recent.bytesIn,
  bytesOut: recent.bytesOut,
  whole: recent.whole,
})

/** The report of this relay. */
export const reportOf = (context: ReportContext): RelayReport => {
  const { engine, inspector, peers, servers, settings, startedAt } = context
  const { digest, id, machine, program, worker } = peers.self
  const { reason, since, state } = engine.status()
  return {
    id,
    machine,
    ...(worker === undefined ? {} : { worker }),
    program,
    startedAt,
    digest: digest(),
    config: configOf(settings.status()),
    engine: { state, since, ...(reason === undefined ? {} : { reason }) },
    servers: settings.current().servers.flatMap(({ name }) => serverOf(context, name) ?? []),
    own: trafficOf(context.traffic.counters.get("") ?? new Counters()),
    strangers: servers.unregistered(),
    recordings: inspector.version(),
  }
}

/** A server; `undefined` if nothing has happened to it and it is not inspected. */
const serverOf = (
  { inspector, rendezvous, traffic }: ReportContext,
  server: Parameters<Rendezvous["Service"]["status"]>[0],
): ReportedServer | undefined => {
  const { lastSeen, name, programs, reason, transports, waiting } = rendezvous.status(server)
  const counters = traffic.counters.get(server)
  const isInspected = inspector.inspects(server)
  const inspection = inspector.inspection(server)
  if (lastSeen === undefined && counters === undefined && !isInspected && waiting === 0)
    return undefined
  return {
    name,
    transports,
    reason,
    programs,
    ...(lastSeen === undefined ? {} : { lastSeen }),
    waiting,
    isInspected,
    ...(inspection === undefined ? {} : { inspection }),
    traffic: trafficOf(counters ?? new Counters()),
  }
}

const trafficOf = (counters: Counters): ReportedTraffic => {
  const { bytesIn, bytesOut, errors, inFlight, linksOpened, statuses } = summarize(counters)
  return {
    inFlight,
    bytesIn,
    bytesOut,
    statuses,
    linksOpened,
    errors: Object.fromEntries(errors),
    head: counters.head.counts,
    wait: counters.wait.counts,
    tunnel: counters.tunnel.counts,
  }
}
