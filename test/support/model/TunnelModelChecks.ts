/**
 * What must hold after a run of the tunnel's model test: for each request, and
 * for everything that relay and servers keep in memory.
 */
import type { Pending } from "../../../src/relay/dispatch/Pending.ts"
import type { Multiplexer } from "../../../src/transport/mux/Multiplexer.ts"
import * as CountedDeadlines from "../CountedDeadlines.ts"
import type { Simulation } from "./Simulation.ts"
import type { Handlers } from "./TunnelModelHandlers.ts"
import type { Processes, Span } from "./TunnelModelProcesses.ts"
import {
  disruptionMillis,
  idleMillis,
  offersAtMost,
  responseMillis,
  waitMillis,
} from "./TunnelModelTimes.ts"
import type { Visit, Visitors } from "./TunnelModelVisitors.ts"

/** What the code under test has made: links and waiting requests. */
export interface Internals {
  readonly links: ReadonlySet<Multiplexer>
  readonly pendings: ReadonlySet<Pending>
}

/** What is checked. */
export interface Checked {
  readonly simulation: Simulation
  readonly visitors: Visitors
  readonly handlers: Handlers
  readonly processes: Processes
  readonly internals: Internals
}

/** See the file's header. */
export class Checks {
  private readonly simulation: Simulation
  private readonly visitors: Visitors
  private readonly handlers: Handlers
  private readonly processes: Processes
  private readonly internals: Internals

  constructor({ handlers, internals, processes, simulation, visitors }: Checked) {
    this.simulation = simulation
    this.visitors = visitors
    this.handlers = handlers
    this.processes = processes
    this.internals = internals
  }

  private get isCalm(): boolean {
    return (
      this.simulation.schedule.faults.length === 0 &&
      this.simulation.schedule.requests.every(
        ({ leavesAfter, way }) => leavesAfter === undefined && way.startsWith("answer"),
      )
    )
  }

  /** Whether only relays fail, of which one at least is always there, and it may be offered to another server. */
  private mustBeServed({ method, way }: Visit): boolean {
    const { faults, relays = 1 } = this.simulation.schedule
    return (
      relays > 1 &&
      faults.length < relays &&
      faults.every(({ kind }) => kind === "restart the relay" || kind === "crash the relay") &&
      ["GET", "HEAD", "OPTIONS"].includes(method) &&
      way.startsWith("answer")
    )
  }

  private isDuring(
    spans: ReadonlyArray<Span>,
    { overAt = Number.POSITIVE_INFINITY, startedAt }: Visit,
  ): boolean {
    return spans.some(({ from, to }) => startedAt <= to && overAt >= from)
  }

  /** Every visitor got what the handler sent, or a failure that the faults explain. */
  checkVisits(): void {
    for (const visit of this.visitors.visits) {
      const what = `${visit.id} (${visit.method} ${visit.way})`
      const safe = ["GET", "HEAD", "OPTIONS"].includes(visit.method)
      if (visit.served > (safe ? offersAtMost : 1))
        this.simulation.complain(`${what}: served ${visit.served} times`)
      if (visit.overAt === undefined) {
        this.simulation.complain(`${what}: hangs`)
        continue
      }
      if (visit.left) continue
      const { trouble } = this.processes.placeOf(`visitor-${visit.id}`)
      const relayWasAway = this.isDuring(trouble, visit)
      if (visit.status === undefined) {
        // A response that fails before its head was sent is a reset and nothing else.
        const isCut =
          visit.way === "cut" || (visit.served > 0 && this.isAfterDisruption(visit.overAt))
        if (!visit.disturbed && !relayWasAway && !isCut)
          this.simulation.complain(`${what}: no answer but ${visit.error}`)
      } else if (visit.status === 200) this.checkResponse(visit, what, relayWasAway)
      else if (visit.status === 101) this.checkUpgrade(visit, what, relayWasAway)
      else this.checkFailure(visit, what, relayWasAway)
      if (visit.isProbe && visit.status !== 200)
        this.simulation.complain(`${what}: ${visit.status} ${visit.failure} after the faults`)
      if (visit.isProbe && visit.served === 0) this.simulation.complain(`${what}: served by nobody`)
    }
  }

  private isAfterDisruption(at: number): boolean {
    return this.simulation.disruptions.some(
      (begin) => begin <= at && at <= begin + disruptionMillis,
    )
  }

  private checkResponse(visit: Visit, what: string, relayWasAway: boolean): void {
    const expected = visit.method === "HEAD" ? 0 : visit.down.length
    if (visit.isWhole && visit.received !== expected)
      this.simulation.complain(`${what}: ends whole after ${visit.received} of ${expected}`)
    const isCut = visit.cutAt < visit.down.length || visit.downAs === "unknown"
    if (visit.isWhole && visit.way === "cut" && isCut && visit.method !== "HEAD")
      this.simulation.complain(`${what}: ends whole although it was cut`)
    if (!visit.isWhole && (this.isCalm || visit.isProbe) && !relayWasAway)
      this.simulation.complain(`${what}: ${visit.error} after ${visit.received} of ${expected}`)
    if (visit.served === 0) this.simulation.complain(`${what}: answered by nobody`)
  }

  private checkUpgrade(visit: Visit, what: string, relayWasAway: boolean): void {
    if (visit.method !== "UPGRADE") this.simulation.complain(`${what}: is changed unasked`)
    if (visit.isWhole && visit.received !== visit.down.length)
      this.simulation.complain(
        `${what}: ends whole after ${visit.received} of ${visit.down.length}`,
      )
    if (visit.isWhole && visit.way === "cut")
      this.simulation.complain(`${what}: ends whole although it was cut`)
    if (this.isCalm && !relayWasAway && !(visit.isWhole && visit.isHeard))
      this.simulation.complain(
        `${what}: ${visit.error} after ${visit.received} of ${visit.down.length}`,
      )
    if (visit.served === 0) this.simulation.complain(`${what}: answered by nobody`)
  }

  private checkFailure(visit: Visit, what: string, relayWasAway: boolean): void {
    const { failure, status } = visit
    if (status === 404) {
      this.simulation.complain(`${what}: 404`)
      return
    }
    if (![502, 503, 504].includes(status ?? 0))
      this.simulation.complain(`${what}: ${status} ${failure}`)
    if (visit.isWhole && failure === "" && visit.method !== "HEAD")
      this.simulation.complain(`${what}: ${status} without a reason`)
    if (this.isCalm && !relayWasAway)
      this.simulation.complain(`${what}: ${status} ${failure} without a fault`)
    if (this.mustBeServed(visit) && !relayWasAway)
      this.simulation.complain(`${what}: ${status} ${failure} although other relays have links`)
  }

  /** Nothing is left of the requests: no stream, no deadline, no connection, no body. */
  checkLeftovers(): void {
    for (const { lines } of this.processes.relays)
      for (const line of lines) if (line.includes("has failed")) this.simulation.complain(line)
    for (const error of CountedDeadlines.failed())
      this.simulation.complain(`a deadline has failed: ${error}`)
    for (const link of this.internals.links)
      if (link.active > 0) this.simulation.complain(`${link.active} streams are left`)
    for (const { name, state } of this.internals.pendings)
      if (state === "waiting" || state === "offered")
        this.simulation.complain(`a request for ${name} is left`)
    for (const { isOver, visit } of this.handlers.bodyReads)
      if (!isOver)
        this.simulation.complain(`${visit.id}: its handler never learns how its body ends`)
    for (const { state } of this.handlers.bodies)
      if (state === "reading") this.simulation.complain("a body is left")
    for (const { host } of this.simulation.network.connections)
      if (host.startsWith("visitor-")) this.simulation.complain(`the connection of ${host} is left`)
    const spans = CountedDeadlines.count()
    for (const [millis, what] of [
      [waitMillis, "waits"],
      [responseMillis, "answers"],
      [idleMillis, "bodies"],
    ] as const)
      if (spans.has(millis))
        this.simulation.complain(`deadlines of ${spans.get(millis)} ${what} are left`)
  }
}
