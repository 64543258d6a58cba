/**
 * One visitor's request as it is counted on its way through the relay. Once it
 * is over this object itself is what is remembered of it.
 */
import type { HeaderList } from "../../domain/HeaderList.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import type { Telemetry } from "../../transport/observe/Telemetry.ts"
import { VisitRecord } from "../../transport/observe/VisitRecord.ts"
import { type Counters, type Recent, transports } from "./Counters.ts"
import { VisitTrace } from "./VisitTrace.ts"

/** How many characters of a path are remembered. */
const maxPath = 256

/** Called with every request that is over. `visit.head` is there only while the listener runs. */
export type VisitListener = (visit: CountedVisit) => void

/** What all requests of a relay share. */
export interface VisitContext {
  /** The counters of what the relay answers itself. */
  readonly own: Counters
  readonly countersOf: (server: string) => Counters
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly listeners: ReadonlySet<VisitListener>
  readonly telemetry: Telemetry | undefined
}

/** See the file's header. */
export class CountedVisit extends VisitRecord implements Recent {
  at = 0
  private transportIndex = 0
  private counters: Counters
  private readonly context: VisitContext
  private readonly trace: VisitTrace | undefined

  constructor(context: VisitContext, head: RequestHead, address: string, version: string) {
    super(head, address, version)
    this.context = context
    this.counters = context.own
    this.counters.inFlight += 1
    const { telemetry } = context
    this.trace = telemetry === undefined ? undefined : new VisitTrace(telemetry, head.headers)
  }

  /** The id of its trace, if that is recorded. */
  get traceId(): string | undefined {
    return this.trace?.context.sampled === true ? this.trace.context.traceId : undefined
  }

  /** Its target without the query. */
  get path(): string {
    const question = this.target.indexOf("?")
    return question < 0 ? this.target : this.target.slice(0, question)
  }

  override routed(server: string, target: string): void {
    super.routed(server, target)
    this.counters.inFlight -= 1
    this.counters.bytesIn -= this.bytesIn
    this.counters = this.context.countersOf(server)
    this.counters.inFlight += 1
    this.counters.bytesIn += this.bytesIn
  }

  override forwarded(headers: HeaderList): HeaderList {
    return this.trace === undefined ? headers : this.trace.forwarded(headers)
  }

  override offered(transport: string, hop?: string, linkMillis?: number): void {
    super.offered(transport, hop, linkMillis)
    this.transportIndex = Math.max(0, transports.indexOf(transport))
  }

  override failed(code: string, id?: string): void {
    super.failed(code, id)
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
    this.at = this.context.now()
    const { context, counters } = this
    counters.inFlight -= 1
    if (this.status === undefined) counters.count(this.transportIndex, 0)
    this.trace?.send(this)
    for (const listener of context.listeners) listener(this)
    this.target = shortened(this.path)
    counters.remember(this)
  }
}

/** The start of a path, in a string of its own so that a longer one is not retained. */
const shortened = (path: string): string =>
  path.length > maxPath ? Buffer.from(path.slice(0, maxPath), "latin1").toString("latin1") : path
