/**
 * A server as people and scripts are shown it: what is registered, how it is
 * connected, and what was carried for it.
 */
import type { RegisteredServer } from "../../domain/config/RelayConfig.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import type { Tripcode } from "../../domain/Tripcode.ts"
import type { Rendezvous } from "../dispatch/Rendezvous.ts"
import type { ServerTraffic, Traffic } from "../traffic/Traffic.ts"

/** How a registered server is now. */
export interface ServerView {
  readonly name: ServerName
  readonly displayName: string
  /** `never`: not since the relay was started. */
  readonly state: "connected" | "away" | "never"
  /** By which transports, once each. */
  readonly transports: ReadonlyArray<string>
  /** Why they are no better ones, in the server's words; empty if there is nothing to say. */
  readonly reason: string
  /** The programs of its processes and their versions, as far as they say. */
  readonly programs: ReadonlyArray<string>
  /** How many links there are. */
  readonly connections: number
  /** When it was last heard of, in milliseconds since 1970. */
  readonly lastSeen: number | undefined
  /** Requests that wait for it. */
  readonly waiting: number
  readonly tripcodes: ReadonlyArray<Tripcode>
  readonly traffic: ServerTraffic
}

/** How a server of the configuration is now. */
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
