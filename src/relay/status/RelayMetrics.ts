/**
 * The relay's counters as metrics, for `/metrics` on the administrator's
 * address and for OTLP.
 */

import type { EngineShape } from "../../cluster/engine/Engine.ts"
import { isExpected, type PeersShape, type PeerView } from "../../cluster/Peers.ts"
import type { Distribution, Metric, Sample } from "../../transport/observe/Metric.ts"
import * as ProcessMetrics from "../../transport/observe/ProcessMetrics.ts"
import * as CertificateMetrics from "../certificates/CertificateMetrics.ts"
import type { CertificatesShape } from "../certificates/Certificates.ts"
import type { Rendezvous } from "../dispatch/Rendezvous.ts"
import type { RelaySettings } from "../settings/RelaySettings.ts"
import { type Counters, type StatusClass, transports } from "../traffic/Counters.ts"
import { bounds, type Histogram } from "../traffic/Histogram.ts"
import type { PeerHops } from "../traffic/HopCounters.ts"
import type { Traffic } from "../traffic/Traffic.ts"

/** What the metrics are read from. */
export interface MetricsContext {
  readonly settings: RelaySettings["Service"]
  readonly rendezvous: Rendezvous["Service"]
  readonly traffic: Traffic["Service"]
  readonly peers: PeersShape
  readonly engine: EngineShape
  readonly certificates: CertificatesShape
  /** The version of this package; empty if another metric has it. */
  readonly version: string
}

const statuses: ReadonlyArray<readonly [StatusClass, string]> = [
  [0, "none"],
  [1, "1xx"],
  [2, "2xx"],
  [3, "3xx"],
  [4, "4xx"],
  [5, "5xx"],
]

const seconds = bounds.map((bound) => bound / 1000)

const requests = (server: string, counters: Counters): ReadonlyArray<Sample> =>
  transports.flatMap((transport, i) =>
    statuses.flatMap(([kind, status]) => {
      const value = counters.requestsBy(i, kind)
      return value === 0 ? [] : [{ labels: { server, transport, status }, value }]
    }),
  )

const distribution = (server: string, { counts, sum }: Histogram): Distribution => ({
  labels: { server },
  counts,
  sum: sum / 1000,
})

/** What is counted of requests. Long, since it is a table: an entry for each metric. */
const traffic = (all: ReadonlyMap<string, Counters>): ReadonlyArray<Metric> => {
  const each = [...all]
  const counted = (
    type: "counter" | "gauge",
    name: string,
    help: string,
    value: (counters: Counters) => number,
  ): Metric => ({
    type,
    name,
    help,
    samples: each.map(([server, counters]) => ({ labels: { server }, value: value(counters) })),
  })
  const timed = (name: string, help: string, of: (counters: Counters) => Histogram): Metric => ({
    type: "histogram",
    name,
    help,
    bounds: seconds,
    samples: each.map(([server, counters]) => distribution(server, of(counters))),
  })
  return [
    {
      type: "counter",
      name: "ptth_relay_requests_total",
      help: "Visitors' requests by server, transport and class of status; none: left before there was an answer.",
      samples: each.flatMap(([server, counters]) => requests(server, counters)),
    },
    {
      type: "counter",
      name: "ptth_relay_failures_total",
      help: "Requests that the relay answered with a failure of its own, by server and code.",
      samples: each.flatMap(([server, { errors }]) =>
        [...errors].map(([code, value]) => ({ labels: { server, code }, value })),
      ),
    },
    counted(
      "gauge",
      "ptth_relay_requests_in_flight",
      "Requests whose answer is being made or sent.",
      ({ inFlight }) => inFlight,
    ),
    counted(
      "counter",
      "ptth_relay_received_bytes_total",
      "Bytes of visitors' bodies.",
      ({ bytesIn }) => bytesIn,
    ),
    counted(
      "counter",
      "ptth_relay_sent_bytes_total",
      "Bytes of bodies to visitors.",
      ({ bytesOut }) => bytesOut,
    ),
    timed(
      "ptth_relay_response_head_seconds",
      "From a request's head to the head of its answer.",
      ({ head }) => head,
    ),
    timed(
      "ptth_relay_wait_seconds",
      "From a request's head until a link took it.",
      ({ wait }) => wait,
    ),
    timed(
      "ptth_relay_tunnel_seconds",
      "From a link taking a request to the head of its answer.",
      ({ tunnel }) => tunnel,
    ),
    {
      type: "counter",
      name: "ptth_relay_links_opened_total",
      help: "Links that servers opened; more than they keep are reconnects.",
      samples: each.flatMap(([server, { linksOpened }]) =>
        transports.flatMap((transport, i) => {
          const value = linksOpened[i] ?? 0
          return value === 0 ? [] : [{ labels: { server, transport }, value }]
        }),
      ),
    },
  ]
}

const presence = ({ rendezvous, settings }: MetricsContext): ReadonlyArray<Metric> => {
  const statuses = settings.current().servers.map(({ name }) => rendezvous.status(name))
  return [
    {
      type: "gauge",
      name: "ptth_relay_server_connected",
      help: "Whether a registered server is connected: 1 or 0.",
      samples: statuses.map(({ name, transports: links }) => ({
        labels: { server: name },
        value: links.length > 0 ? 1 : 0,
      })),
    },
    {
      type: "gauge",
      name: "ptth_relay_links",
      help: "Links of a server by transport.",
      samples: statuses.flatMap(({ name, transports: links }) =>
        [...new Set(links)].map((transport) => ({
          labels: { server: name, transport },
          value: links.filter((other) => other === transport).length,
        })),
      ),
    },
    {
      type: "gauge",
      name: "ptth_relay_queue_length",
      help: "Requests that wait for a link of a server.",
      samples: statuses.map(({ name, waiting }) => ({ labels: { server: name }, value: waiting })),
    },
  ]
}

/** The version of a relay. */
export const infoOf = (version: string): Metric => ({
  type: "gauge",
  name: "ptth_relay_info",
  help: "The version of the relay.",
  samples: [{ labels: { version }, value: 1 }],
})

/** What a relay of several has of the others. Long, since it is a table: an entry for each metric. */
const cluster = ({ engine, peers, traffic }: MetricsContext): ReadonlyArray<Metric> => {
  const present = peers.list().filter(isExpected)
  const ofPeers = (
    name: string,
    help: string,
    value: (peer: PeerView) => number,
    peers = present,
  ): Metric => ({
    type: "gauge",
    name,
    help,
    samples: peers.map((peer) => ({ labels: { peer: peer.id }, value: value(peer) })),
  })
  const hops = (
    name: string,
    help: string,
    value: (hops: Readonly<PeerHops>) => number,
  ): Metric => ({
    type: "counter",
    name,
    help,
    samples: [...traffic.hops.peers].map(([peer, one]) => ({
      labels: { peer },
      value: value(one),
    })),
  })
  const { state } = engine.status()
  return [
    ofPeers("ptth_relay_peer_up", "Whether another relay is connected: 1 or 0.", ({ state }) =>
      state === "up" ? 1 : 0,
    ),
    ofPeers(
      "ptth_relay_peer_round_trip_seconds",
      "The last round trip to another relay.",
      ({ roundTrip }) => roundTrip / 1000,
      present.filter(({ state }) => state === "up"),
    ),
    ofPeers(
      "ptth_relay_peer_config_differs",
      "Whether the configuration of another relay is another one: 1 or 0.",
      ({ digest }) => (digest === peers.self.digest() ? 0 : 1),
    ),
    ofPeers(
      "ptth_relay_peer_links",
      "Links of servers that another relay has.",
      ({ links }) => links,
    ),
    hops(
      "ptth_relay_hops_sent_total",
      "Visitors' requests that went on to another relay with a link.",
      (one) => one.out,
    ),
    hops(
      "ptth_relay_hops_received_total",
      "Requests of another relay's visitors for links of this one.",
      (one) => one.in,
    ),
    {
      type: "counter",
      name: "ptth_relay_hop_failures_total",
      help: "Requests that went on to another relay and had no response, by reason.",
      samples: [...traffic.hops.peers].flatMap(([peer, { failures }]) =>
        [...failures].map(([reason, value]) => ({ labels: { peer, reason }, value })),
      ),
    },
    ...(state === "off"
      ? []
      : [
          {
            type: "gauge",
            name: "ptth_relay_engine_connected",
            help: "Whether the engine of the cluster answers: 1 or 0.",
            samples: [{ value: state === "connected" ? 1 : 0 }],
          } satisfies Metric,
        ]),
  ]
}

/** All metrics of the relay and its process. Requests that the relay answers itself have the server "". */
export const read = (context: MetricsContext): ReadonlyArray<Metric> => [
  ...(context.version === "" ? [] : [infoOf(context.version)]),
  ...traffic(context.traffic.counters),
  ...presence(context),
  ...(context.peers.isAlone ? [] : cluster(context)),
  ...CertificateMetrics.read(context.certificates.statuses()),
  {
    type: "counter",
    name: "ptth_relay_keys_refused_total",
    help: "Keys of servers that were refused, by reason.",
    samples: (["unknown name", "wrong key"] as const).map((reason) => ({
      labels: { reason },
      value: context.traffic.refusals(reason),
    })),
  },
  ...ProcessMetrics.read(),
]
