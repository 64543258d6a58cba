/**
 * What goes through the relay, counted: requests, bytes, how long they take,
 * and the last ones of each server. Only registered servers have counters of
 * their own, so nobody outside can make them grow; all else is counted as the
 * relay's own, under the name "".
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { HeaderList } from "../../domain/HeaderList.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import type { TransportName } from "../../protocol/TransportName.ts"
import { Telemetry } from "../../transport/observe/Telemetry.ts"
import type { Observe } from "../../transport/observe/VisitNotes.ts"
import { VisitRecord } from "../../transport/observe/VisitRecord.ts"
import { RelaySettings } from "../settings/RelaySettings.ts"
import { Histogram } from "./Histogram.ts"
import { VisitTrace } from "./VisitTrace.ts"

/** How a request can reach its server; `none`: it did not, or the relay answered itself. */
export const transports: ReadonlyArray<string> = ["none", "classic 1", "classic 2", "stream"]

/** The first digit of an answer's status; 0: the visitor left before there was one. */
export type StatusClass = 0 | 1 | 2 | 3 | 4 | 5

const statusClasses = 6

/** How many of the last requests of each server are remembered. */
export const maxRecent = 50

/** How many characters of a path are remembered. */
const maxPath = 256

/** One request that is over. Times are in milliseconds. */
export interface Recent {
  /** When it was over, since 1970. */
  readonly at: number
  readonly method: string
  /** As the server saw it, without its query, which may hold secrets; cut after 256 characters. */
  readonly path: string
  /** `undefined` where the visitor left before there was one. */
  readonly status: number | undefined
  /** Our own error code, where there was no answer of the server. */
  readonly code: string | undefined
  /** One of {@link transports}. */
  readonly transport: string
  /** From the first byte of the request's head to its end. */
  readonly millis: number
  /** Until a link handed it to the server. */
  readonly waitMillis: number | undefined
  /** From then to the head of the answer. */
  readonly tunnelMillis: number | undefined
  readonly bytesIn: number
  readonly bytesOut: number
  /** Whether the visitor was given all of the answer. */
  readonly whole: boolean
}

/** What a share of all requests stayed below, in milliseconds. */
export interface Quantiles {
  readonly p50: number
  readonly p90: number
  readonly p99: number
}

/** What is known of one server's traffic since the relay started. */
export interface ServerTraffic {
  /** All that were answered, or were left before; not those that still wait for an answer. */
  readonly requests: number
  /** Requests whose answer is still being made or sent. */
  readonly inFlight: number
  /** Bytes of visitors' bodies. */
  readonly bytesIn: number
  /** Bytes of bodies to visitors. */
  readonly bytesOut: number
  /** By the first digit of the status; index 0: left before there was one. */
  readonly statuses: ReadonlyArray<number>
  /** Until the head of the answer was written; `undefined` before the first one. */
  readonly latency: Quantiles | undefined
  /** Failures of ours by their code. */
  readonly errors: ReadonlyMap<string, number>
  /** Links that were opened; all but the first few are reconnects. */
  readonly linksOpened: number
  /** The last requests, the newest first. */
  readonly recent: ReadonlyArray<Recent>
}

/** Why a key was refused. */
export type Refusal = "unknown name" | "wrong key"

/** The counters of one server. */
export class Counters {
  /** By transport, then by class of status. */
  readonly requests: Array<number> = new Array<number>(transports.length * statusClasses).fill(0)
  readonly linksOpened: Array<number> = new Array<number>(transports.length).fill(0)
  readonly errors = new Map<string, number>()
  /** Until the head of an answer. */
  readonly head = new Histogram()
  /** Until a link took it. */
  readonly wait = new Histogram()
  /** From then to the head of the answer. */
  readonly tunnel = new Histogram()
  inFlight = 0
  bytesIn = 0
  bytesOut = 0
  private readonly ring: Array<Visit> = []
  private next = 0

  requestsBy(transport: number, status: StatusClass): number {
    return this.requests[transport * statusClasses + status] ?? 0
  }

  count(transport: number, status: number): void {
    const at = transport * statusClasses + status
    this.requests[at] = (this.requests[at] ?? 0) + 1
  }

  remember(visit: Visit): void {
    this.ring[this.next] = visit
    this.next = (this.next + 1) % maxRecent
  }

  get recent(): ReadonlyArray<Recent> {
    return [...this.ring.slice(0, this.next).reverse(), ...this.ring.slice(this.next).reverse()]
  }
}

/** A short text that keeps no longer one in memory. */
const cut = (text: string): string =>
  text.length > maxPath ? Buffer.from(text.slice(0, maxPath), "latin1").toString("latin1") : text

/** One request, counted; it is what is remembered of it afterwards. */
export class Visit extends VisitRecord implements Recent {
  at = 0
  private transportIndex = 0
  private counters: Counters
  private readonly book: Book
  private readonly trace: VisitTrace | undefined

  constructor(book: Book, head: RequestHead, address: string, version: string) {
    super(head, address, version)
    this.book = book
    this.counters = book.own
    this.counters.inFlight += 1
    const { telemetry } = book
    this.trace = telemetry === undefined ? undefined : new VisitTrace(telemetry, head.headers)
  }

  /** The trace that it belongs to, if it is recorded. */
  get traceId(): string | undefined {
    return this.trace?.context.sampled === true ? this.trace.context.traceId : undefined
  }

  get path(): string {
    const question = this.target.indexOf("?")
    return question < 0 ? this.target : this.target.slice(0, question)
  }

  override routed(server: string, target: string): void {
    super.routed(server, target)
    this.counters.inFlight -= 1
    this.counters = this.book.of(server)
    this.counters.inFlight += 1
  }

  override forwarded(headers: HeaderList): HeaderList {
    return this.trace === undefined ? headers : this.trace.forwarded(headers)
  }

  override offered(transport: string): void {
    super.offered(transport)
    this.transportIndex = Math.max(0, transports.indexOf(transport))
  }

  override failed(code: string): void {
    super.failed(code)
    const { errors } = this.counters
    errors.set(code, (errors.get(code) ?? 0) + 1)
  }

  override answered(status: number): void {
    super.answered(status)
    const { counters, tunnelMillis, waitMillis } = this
    counters.count(this.transportIndex, Math.floor(status / 100))
    counters.head.add((this.answeredAt ?? 0) - this.startedAt)
    if (waitMillis !== undefined) counters.wait.add(waitMillis)
    if (tunnelMillis !== undefined) counters.tunnel.add(tunnelMillis)
  }

  override received(bytes: number): void {
    super.received(bytes)
    this.counters.bytesIn += bytes
  }

  override sent(bytes: number): void {
    super.sent(bytes)
    this.counters.bytesOut += bytes
  }

  protected override ended(): void {
    this.at = this.book.now()
    const { book, counters } = this
    counters.inFlight -= 1
    if (this.status === undefined) counters.count(this.transportIndex, 0)
    this.trace?.send(this)
    for (const listener of book.listeners) listener(this)
    this.target = cut(this.path)
    counters.remember(this)
  }
}

/** Hears of every request that is over; while it runs `visit.head` is there. */
export type VisitListener = (visit: Visit) => void

/** What all visits share. */
interface Book {
  readonly own: Counters
  readonly of: (server: string) => Counters
  readonly now: () => number
  readonly listeners: Set<VisitListener>
  readonly telemetry: Telemetry | undefined
}

/** See the file's header. */
export class Traffic extends Context.Service<
  Traffic,
  {
    /** The notes of a visitor's request that has come. */
    readonly observe: Observe
    /** A link of a registered server was opened. */
    readonly linkOpened: (server: string, transport: TransportName) => void
    /** Somebody has shown a key that is not that of the name. */
    readonly keyRefused: (reason: Refusal) => void
    readonly refusals: (reason: Refusal) => number
    /** What is known of one server; of one that had no request yet all is zero. */
    readonly server: (name: string) => ServerTraffic
    /** Everything, by server; "" is what the relay answers itself. */
    readonly counters: ReadonlyMap<string, Counters>
    /** Calls the listener for every request that is over until the returned function is called. */
    readonly listen: (listener: VisitListener) => () => void
  }
>()("ptth/relay/Traffic") {
  static readonly layer: Layer.Layer<Traffic, never, RelaySettings> = Layer.effect(
    Traffic,
    Effect.gen(function* () {
      const settings = yield* RelaySettings
      const clock = yield* Clock.Clock
      const telemetry = yield* Telemetry
      const counters = new Map<string, Counters>()
      yield* settings.changes.pipe(
        Stream.runForEach(({ servers }) =>
          Effect.sync(() => {
            const names = new Set<string>(servers.map(({ name }) => name))
            for (const name of counters.keys())
              if (name !== "" && !names.has(name)) counters.delete(name)
          }),
        ),
        Effect.forkScoped,
      )
      return Traffic.of(make(counters, telemetry, () => clock.currentTimeMillisUnsafe()))
    }),
  )
}

const quantilesOf = (histogram: Histogram): Quantiles | undefined => {
  const [p50, p90, p99] = [0.5, 0.9, 0.99].map((share) => histogram.quantile(share))
  return p50 === undefined || p90 === undefined || p99 === undefined ? undefined : { p50, p90, p99 }
}

const total = (numbers: ReadonlyArray<number>): number => numbers.reduce((a, b) => a + b, 0)

const describe = (counters: Counters): ServerTraffic => ({
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
  recent: counters.recent,
})

const make = (
  counters: Map<string, Counters>,
  telemetry: Telemetry | undefined,
  now: () => number,
): Traffic["Service"] => {
  const own = new Counters()
  counters.set("", own)
  const refusals = { "unknown name": 0, "wrong key": 0 }
  const of = (server: string): Counters => {
    let found = counters.get(server)
    if (found === undefined) {
      found = new Counters()
      counters.set(server, found)
    }
    return found
  }
  const listeners = new Set<VisitListener>()
  const book: Book = { own, of, now, listeners, telemetry }
  return {
    counters,
    observe: (head, address, version) => new Visit(book, head, address, version),
    linkOpened: (server, transport) => {
      const { linksOpened } = of(server)
      const at = transports.indexOf(transport)
      linksOpened[at] = (linksOpened[at] ?? 0) + 1
    },
    keyRefused: (reason) => {
      refusals[reason] += 1
    },
    refusals: (reason) => refusals[reason],
    server: (name) => describe(counters.get(name) ?? new Counters()),
    listen: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
