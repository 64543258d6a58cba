/**
 * What servers and other relays connect to: the backend API by classic and by
 * stream, and the requests that hop from one relay to another.
 */
import * as Effect from "effect/Effect"
import { Peers } from "../cluster/Peers.ts"
import { Telemetry } from "../transport/observe/Telemetry.ts"
import { AuditLog } from "./audit/AuditLog.ts"
import { Rendezvous } from "./dispatch/Rendezvous.ts"
import { ClassicEndpoints } from "./links/ClassicEndpoints.ts"
import { StreamEndpoint } from "./links/StreamEndpoint.ts"
import { ClassicForward } from "./peers/ClassicForward.ts"
import { PeerDirectory } from "./peers/PeerDirectory.ts"
import { RelaySpread } from "./peers/RelaySpread.ts"
import { LinkLimit } from "./registry/LinkLimit.ts"
import { Servers } from "./registry/Servers.ts"
import { TicketCheck } from "./registry/TicketCheck.ts"
import { makeRedeem } from "./registry/Tickets.ts"
import { HandOver } from "./settings/HandOver.ts"
import { RelaySettings } from "./settings/RelaySettings.ts"
import { Traffic } from "./traffic/Traffic.ts"

/** The endpoints of one relay. */
export interface ServerSide {
  readonly classic: ClassicEndpoints
  readonly stream: StreamEndpoint
  readonly spread: RelaySpread
  /** Ends the links of servers that the configuration in force does not accept. */
  readonly recheck: () => void
}

/** Makes the endpoints, which are closed with the Scope. */
export const make = Effect.gen(function* () {
  const settings = yield* RelaySettings
  const servers = yield* Servers
  const rendezvous = yield* Rendezvous
  const peers = yield* Peers
  const limit = new LinkLimit({
    settings,
    audit: yield* AuditLog,
    deadlines: rendezvous.deadlines,
    elsewhere: (name) => peers.holders(name).flatMap(({ links }) => links),
  })
  const tickets = new TicketCheck(servers, yield* makeRedeem)
  const common = { settings, servers, rendezvous, limit, tickets }
  const others = new ClassicForward(peers)
  const classic = new ClassicEndpoints({ ...common, others })
  others.follow(classic)
  const directory = new PeerDirectory({
    peers,
    rendezvous,
    servers,
    backend: classic.handleForwarded,
    hops: (yield* Traffic).hops,
    telemetry: yield* Telemetry,
  })
  yield* Effect.addFinalizer(() => Effect.sync(() => directory.close()))
  const spread = new RelaySpread({ peers, settings })
  const stream = new StreamEndpoint({ ...common, spread, handOver: yield* HandOver })
  const unfollow = spread.follow(stream)
  yield* Effect.addFinalizer(() => Effect.sync(unfollow))
  yield* Effect.addFinalizer(() => Effect.sync(() => stream.close()))
  const side: ServerSide = {
    classic,
    stream,
    spread,
    recheck: () => {
      classic.recheck()
      stream.recheck()
      directory.recheck()
    },
  }
  return side
})
