/**
 * Makes the traffic of each minute from what relays have counted since they
 * started: the difference of two reports. A request costs nothing for it.
 */
import type { RelayReport, ReportedTraffic } from "../../protocol/peer/AdminControl.ts"
import type { RelayAnswers } from "../status/Relays.ts"
import { place, Series, width } from "./Series.ts"

/** The name under which the traffic of all servers is kept, with what relays answer themselves. */
export const everything = ""

/** How long a relay may have run for its counters to belong to the minute in which it is first seen, in milliseconds. */
const freshMillis = 60_000

/** What one relay had counted when it was last asked. */
interface Baseline {
  readonly startedAt: number
  /** The counters of each server. */
  readonly counted: Map<string, Float64Array>
}

const countersOf = (traffic: ReportedTraffic): Float64Array => {
  const values = new Float64Array(width)
  values.set(traffic.statuses.slice(0, 6))
  values[place.bytesIn] = traffic.bytesIn
  values[place.bytesOut] = traffic.bytesOut
  values.set((traffic.wait ?? []).slice(0, place.tunnel - place.wait), place.wait)
  values.set((traffic.tunnel ?? []).slice(0, width - place.tunnel), place.tunnel)
  return values
}

/** See the file's header. */
export class Sampler {
  /** By the server's name; {@link everything} is all of them. */
  readonly series = new Map<string, Series>()
  private readonly baselines = new Map<string, Baseline>()
  private sampledAt = Number.POSITIVE_INFINITY

  /**
   * Takes what relays report.
   *
   * @param at the time to which it belongs, in milliseconds since 1970
   * @returns the names of the servers that had any traffic, link or waiting request
   */
  take({ answers }: RelayAnswers<RelayReport>, at: number): ReadonlySet<string> {
    const sums = new Map<string, Float64Array>()
    for (const { relay, value } of answers) this.addRelay(sums, relay.id, value, at)
    for (const [name, values] of sums) this.seriesOf(name).add(at, values)
    this.sampledAt = at
    this.forget(answers.map(({ relay }) => relay.id))
    return new Set(sums.keys())
  }

  /** Drops the series of servers that are not registered any more. */
  keepOnly(names: ReadonlySet<string>): ReadonlyArray<string> {
    const removed = [...this.series.keys()].filter(
      (name) => name !== everything && !names.has(name),
    )
    for (const name of removed) this.series.delete(name)
    return removed
  }

  /** The series of a server; made when it is first needed. */
  seriesOf(name: string): Series {
    let series = this.series.get(name)
    if (series === undefined) {
      series = new Series()
      this.series.set(name, series)
    }
    return series
  }

  private addRelay(
    sums: Map<string, Float64Array>,
    id: string,
    report: RelayReport,
    at: number,
  ): void {
    const before = this.baselines.get(id)
    const isSame = before?.startedAt === report.startedAt
    const counted = isSame ? before.counted : new Map<string, Float64Array>()
    const isFresh =
      isSame || at - report.startedAt < freshMillis || report.startedAt >= this.sampledAt
    this.baselines.set(id, { startedAt: report.startedAt, counted })
    const add = (name: string, traffic: ReportedTraffic, links: number, waiting: number): void => {
      const now = countersOf(traffic)
      const difference = now.slice()
      const last = counted.get(name)
      // Counters of a server that was registered again start at zero.
      const isContinued = last !== undefined && now.every((value, i) => value >= (last[i] ?? 0))
      if (isContinued)
        for (let i = 0; i < width; i++) difference[i] = (now[i] ?? 0) - (last[i] ?? 0)
      else if (!isFresh) difference.fill(0)
      counted.set(name, now)
      difference[place.links] = links
      difference[place.waiting] = waiting
      if (!difference.some((value) => value > 0)) return
      addTo(sums, everything, difference)
      if (name !== everything) addTo(sums, name, difference)
    }
    if (report.own !== undefined) add(everything, report.own, 0, 0)
    for (const { name, traffic, transports, waiting } of report.servers)
      add(name, traffic, transports.length, waiting)
  }

  /** Forgets relays that have not answered; one that comes back is the same if it has not restarted. */
  private forget(present: ReadonlyArray<string>): void {
    if (this.baselines.size <= 2 * present.length + 16) return
    const ids = new Set(present)
    for (const id of this.baselines.keys()) if (!ids.has(id)) this.baselines.delete(id)
  }
}

const addTo = (sums: Map<string, Float64Array>, name: string, values: Float64Array): void => {
  const sum = sums.get(name)
  if (sum === undefined) sums.set(name, values.slice())
  else for (let i = 0; i < width; i++) sum[i] = (sum[i] ?? 0) + (values[i] ?? 0)
}
