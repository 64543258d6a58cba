/**
 * The relay's traffic: requests, bytes, durations, and the last requests of
 * each server. Only registered servers have counters of their own, so that
 * their number is bounded; everything else counts as the relay's own, under
 * the name "".
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import type { TransportName } from "../../protocol/TransportName.ts"
import { Telemetry } from "../../transport/observe/Telemetry.ts"
import type { VisitNotes } from "../../transport/observe/VisitNotes.ts"
import { RelaySettings } from "../settings/RelaySettings.ts"
import { CountedVisit, type VisitContext, type VisitListener } from "./CountedVisit.ts"
import { Counters, type Recent, transports } from "./Counters.ts"
import type { Histogram } from "./Histogram.ts"
import { HopCounters } from "./HopCounters.ts"

export type { Counters, Recent }

/** Quantiles of a duration, in milliseconds. */
export interface Quantiles {
  readonly p50: number
  readonly p90: number
  readonly p99: number
}

/** One server's traffic since the relay started. */
export interface ServerTraffic {
  /** Requests with a response, or whose visitor left before; without those that are still waiting. */
  readonly requests: number
  /** Requests whose response is not sent to its end yet. */
  readonly inFlight: number
  /** Bytes of visitors' bodies. */
  readonly bytesIn: number
  /** Bytes of bodies to visitors. */
  readonly bytesOut: number
  /** By the first digit of the status; index 0: the visitor left before there was one. */
  readonly statuses: ReadonlyArray<number>
  /** Until the head of the response was written; `undefined` before the first one. */
  readonly latency: Quantiles | undefined
  /** Responses that the relay made itself because of an error, by its code. */
  readonly errors: ReadonlyMap<string, number>
  /** How many links were opened; all but the first few are reconnects. */
  readonly linksOpened: number
  /** The last requests, the newest first. */
  readonly recent: ReadonlyArray<Recent>
}

/** Why a key was refused. */
export type Refusal = "unknown name" | "wrong key"

/** See the file's header. */
export class Traffic extends Context.Service<Traffic, TrafficCounters>()("ptth/relay/Traffic") {
  static readonly layer: Layer.Layer<Traffic, never, RelaySettings> = Layer.effect(
    Traffic,
    Effect.gen(function* () {
      const settings = yield* RelaySettings
      const clock = yield* Clock.Clock
      const telemetry = yield* Telemetry
      const traffic = new TrafficCounters(telemetry, () => clock.currentTimeMillisUnsafe())
      yield* settings.changes.pipe(
        Stream.runForEach((config) => Effect.sync(() => traffic.dropUnregistered(config))),
        Effect.forkScoped,
      )
      return Traffic.of(traffic)
    }),
  )
}

/** What the service {@link Traffic} does. */
export class TrafficCounters {
  /** Requests that hopped to or from other relays. */
  readonly hops = new HopCounters()
  private readonly byServer = new Map<string, Counters>()
  private readonly refusedKeys: Record<Refusal, number> = { "unknown name": 0, "wrong key": 0 }
  private readonly listeners = new Set<VisitListener>()
  private readonly visitContext: VisitContext

  /** @param now milliseconds since 1970 */
  constructor(telemetry: Telemetry | undefined, now: () => number) {
    this.visitContext = {
      own: this.countersOf(""),
      countersOf: (server) => this.countersOf(server),
      now,
      listeners: this.listeners,
      telemetry,
    }
  }

  /** All counters by server; "" is what the relay answers itself. */
  get counters(): ReadonlyMap<string, Counters> {
    return this.byServer
  }

  /** Begins to count a visitor's request; see `Observe`. */
  observe(head: RequestHead, address: string, version: string): VisitNotes {
    return new CountedVisit(this.visitContext, head, address, version)
  }

  /** A link of a registered server was opened. */
  linkOpened(server: string, transport: TransportName): void {
    const { linksOpened } = this.countersOf(server)
    const index = transports.indexOf(transport)
    linksOpened[index] = (linksOpened[index] ?? 0) + 1
  }

  /** A key was refused. */
  keyRefused(reason: Refusal): void {
    this.refusedKeys[reason] += 1
  }

  /** How many keys were refused for this reason. */
  refusals(reason: Refusal): number {
    return this.refusedKeys[reason]
  }

  /** One server's traffic; all zero if it had none. */
  server(name: string): ServerTraffic {
    const counters = this.byServer.get(name) ?? new Counters()
    return { ...summarize(counters), recent: counters.recent }
  }

  /** Calls the listener with every request that is over, until the returned function is called. */
  listen(listener: VisitListener): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Drops the counters of servers that a configuration does not register. */
  dropUnregistered({ servers }: RelayConfig): void {
    const names = new Set<string>(servers.map(({ name }) => name))
    for (const name of this.byServer.keys())
      if (name !== "" && !names.has(name)) this.byServer.delete(name)
  }

  private countersOf(server: string): Counters {
    let counters = this.byServer.get(server)
    if (counters === undefined) {
      counters = new Counters()
      this.byServer.set(server, counters)
    }
    return counters
  }
}

/** The quantiles that are shown; `undefined` without values. */
export const quantilesOf = (histogram: Histogram): Quantiles | undefined => {
  const [p50, p90, p99] = [0.5, 0.9, 0.99].map((share) => histogram.quantile(share))
  return p50 === undefined || p90 === undefined || p99 === undefined ? undefined : { p50, p90, p99 }
}

const total = (numbers: ReadonlyArray<number>): number => numbers.reduce((a, b) => a + b, 0)

/** What counters say in all, without the last requests. */
export const summarize = (counters: Counters): Omit<ServerTraffic, "recent"> => ({
  requests: total(counters.requests),
  inFlight: counters.inFlight,
  bytesIn: counters.bytesIn,
  bytesOut: counters.bytesOut,
  statuses: ([0, 1, 2, 3, 4, 5] as const).map((status) =>
    total(transports.map((_, transport) => counters.requestsBy(transport, status))),
  ),
  latency: quantilesOf(counters.head),
  errors: counters.errors,
  linksOpened: total(counters.linksOpened),
})
