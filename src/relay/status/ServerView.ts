/**
 * A server as the pages and the API show it: its registration, its links and
 * its traffic at all relays together, and at each of them.
 */
import type { RegisteredServer } from "../../domain/config/RelayConfig.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import type { Tripcode } from "../../domain/Tripcode.ts"
import type { RelayReport, ReportedServer } from "../../protocol/peer/AdminControl.ts"
import { Histogram } from "../traffic/Histogram.ts"
import { quantilesOf, type ServerTraffic } from "../traffic/Traffic.ts"
import type { RelayAnswers, RelayIdentity } from "./Relays.ts"

/** What one relay has of a server. */
export interface ServerAtRelay {
  readonly relay: RelayIdentity
  readonly connections: number
  readonly waiting: number
  readonly inFlight: number
  readonly requests: number
  readonly bytesIn: number
  readonly bytesOut: number
}

/** The current state of a registered server. */
export interface ServerView {
  readonly name: ServerName
  readonly displayName: string
  /** `never`: not since the relay started. */
  readonly state: "connected" | "away" | "never"
  /** Whether its visitors are refused for now. */
  readonly isPaused: boolean
  /** Whether its requests are recorded. */
  readonly isInspected: boolean
  /** Until when an administrator wants that, in milliseconds since 1970; `undefined` if the configuration decides. */
  readonly inspectedUntil: number | undefined
  /** The transports of its links, each once. */
  readonly transports: ReadonlyArray<string>
  /** Why no better transport is used, in the server's words; empty if it gives no reason. */
  readonly reason: string
  /** The programs of its processes and their versions, as far as they tell. */
  readonly programs: ReadonlyArray<string>
  /** The number of links. */
  readonly connections: number
  /** When a message of it last arrived, in milliseconds since 1970. */
  readonly lastSeen: number | undefined
  /** The number of requests that wait for a link. */
  readonly waiting: number
  readonly tripcodes: ReadonlyArray<Tripcode>
  readonly traffic: Omit<ServerTraffic, "recent">
  /** At each relay that has something of it; empty for a relay by itself. */
  readonly relays: ReadonlyArray<ServerAtRelay>
}

interface ServerPart {
  readonly relay: RelayIdentity
  readonly server: ReportedServer
}

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((a, b) => a + b, 0)

const unique = (texts: ReadonlyArray<string>): ReadonlyArray<string> => [...new Set(texts)]

const statusClasses = [0, 1, 2, 3, 4, 5] as const

const trafficOf = (parts: ReadonlyArray<ServerPart>): ServerView["traffic"] => {
  const all = parts.map(({ server }) => server.traffic)
  const errors = new Map<string, number>()
  const head = new Histogram()
  for (const traffic of all) {
    for (const [code, count] of Object.entries(traffic.errors))
      errors.set(code, (errors.get(code) ?? 0) + count)
    head.addCounts(traffic.head)
  }
  const statuses = statusClasses.map((status) =>
    sum(all.map((traffic) => traffic.statuses[status] ?? 0)),
  )
  return {
    requests: sum(statuses),
    inFlight: sum(all.map(({ inFlight }) => inFlight)),
    bytesIn: sum(all.map(({ bytesIn }) => bytesIn)),
    bytesOut: sum(all.map(({ bytesOut }) => bytesOut)),
    statuses,
    latency: quantilesOf(head),
    errors,
    linksOpened: sum(all.map(({ linksOpened }) => linksOpened)),
  }
}

const atRelay = ({ relay, server }: ServerPart): ServerAtRelay => ({
  relay,
  connections: server.transports.length,
  waiting: server.waiting,
  inFlight: server.traffic.inFlight,
  requests: sum(server.traffic.statuses),
  bytesIn: server.traffic.bytesIn,
  bytesOut: server.traffic.bytesOut,
})

const viewServer = (
  { displayName, name, paused, tripcodes }: RegisteredServer,
  parts: ReadonlyArray<ServerPart>,
  isAlone: boolean,
): ServerView => {
  const servers = parts.map(({ server }) => server)
  const transports = servers.flatMap((server) => server.transports)
  const times = servers.flatMap(({ lastSeen }) => lastSeen ?? [])
  return {
    name,
    displayName: displayName ?? name,
    state: transports.length > 0 ? "connected" : times.length === 0 ? "never" : "away",
    isPaused: paused,
    isInspected: servers.some(({ isInspected }) => isInspected),
    inspectedUntil: servers.find(({ inspection }) => inspection?.isOn === true)?.inspection?.until,
    transports: unique(transports),
    reason: servers.find(({ reason }) => reason !== "")?.reason ?? "",
    programs: unique(servers.flatMap(({ programs }) => programs)),
    connections: transports.length,
    lastSeen: times.length === 0 ? undefined : Math.max(...times),
    waiting: sum(servers.map(({ waiting }) => waiting)),
    tripcodes,
    traffic: trafficOf(parts),
    relays: isAlone
      ? []
      : parts.map(atRelay).sort((one, other) => (one.relay.id < other.relay.id ? -1 : 1)),
  }
}

/** The current state of the servers of a configuration, by the reports of all relays. */
export const viewServers = (
  servers: ReadonlyArray<RegisteredServer>,
  { answers }: RelayAnswers<RelayReport>,
  isAlone: boolean,
): ReadonlyArray<ServerView> => {
  const parts = new Map<string, Array<ServerPart>>()
  for (const { relay, value } of answers) {
    for (const server of value.servers) {
      const others = parts.get(server.name)
      if (others === undefined) parts.set(server.name, [{ relay, server }])
      else others.push({ relay, server })
    }
  }
  return servers.map((server) => viewServer(server, parts.get(server.name) ?? [], isAlone))
}
