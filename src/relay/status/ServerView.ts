/**
 * A server as the pages and the API show it: its registration, its links and
 * its traffic.
 */
import type { RegisteredServer } from "../../domain/config/RelayConfig.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import type { Tripcode } from "../../domain/Tripcode.ts"
import type { Rendezvous } from "../dispatch/Rendezvous.ts"
import type { ServerTraffic, Traffic } from "../traffic/Traffic.ts"

/** The current state of a registered server. */
export interface ServerView {
  readonly name: ServerName
  readonly displayName: string
  /** `never`: not since the relay started. */
  readonly state: "connected" | "away" | "never"
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
  readonly traffic: ServerTraffic
}

/** The current state of a server of the configuration. */
export const viewServer = (
  server: RegisteredServer,
  rendezvous: Rendezvous["Service"],
  traffic: Traffic["Service"],
): ServerView => {
  const { lastSeen, programs, reason, transports, waiting } = rendezvous.status(server.name)
  return {
    name: server.name,
    displayName: server.displayName ?? server.name,
    state: transports.length > 0 ? "connected" : lastSeen === undefined ? "never" : "away",
    transports: [...new Set(transports)],
    reason,
    programs,
    connections: transports.length,
    lastSeen,
    waiting,
    tripcodes: server.tripcodes,
    traffic: traffic.server(server.name),
  }
}
