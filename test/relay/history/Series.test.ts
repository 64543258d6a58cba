/**
 * The rings in which traffic is kept, and how the traffic of a minute is made
 * from the counters of relays.
 */
import { assert, describe, it } from "@effect/vitest"
import type { RelayReport, ReportedTraffic } from "../../../src/protocol/peer/AdminControl.ts"
import { everything, Sampler } from "../../../src/relay/history/Sampler.ts"
import { place, Ring, type Slot, spans, width } from "../../../src/relay/history/Series.ts"
import { bounds } from "../../../src/relay/traffic/Histogram.ts"

const minute = 60_000
const start = Date.UTC(2026, 0, 31, 12)

const values = (requests: number, links = 0): ReadonlyArray<number> => {
  const all = new Array<number>(width).fill(0)
  all[2] = requests
  all[place.links] = links
  return all
}

const requestsOf = (slots: ReadonlyArray<Slot>): ReadonlyArray<number> =>
  slots.map(({ values }) => values[2] ?? 0)

describe("a ring", () => {
  it("sums what comes within a slot, and has the largest of what is a level", () => {
    const ring = new Ring(spans.hour)
    ring.add(start, values(1, 3))
    ring.add(start + 59_000, values(2, 1))
    const last = ring.read(start + 59_999).at(-1)
    assert.strictEqual(last?.start, start)
    assert.deepStrictEqual([last?.values[2], last?.values[place.links]], [3, 3])
  })

  it("is empty where nothing came, and forgets what is older than it is long", () => {
    const ring = new Ring(spans.hour)
    ring.add(start, values(1))
    ring.add(start + 3 * minute, values(2))
    assert.deepStrictEqual(requestsOf(ring.read(start + 4 * minute)).slice(-5), [1, 0, 0, 2, 0])
    ring.add(start + 60 * minute, values(4))
    const all = requestsOf(ring.read(start + 60 * minute))
    assert.strictEqual(all.length, 60)
    assert.deepStrictEqual([all[0], all[2], all.at(-1)], [0, 2, 4])
    assert.isFalse(ring.add(start, values(1)))
    assert.deepStrictEqual(requestsOf(ring.read(start + 60 * minute)), all)
    assert.deepStrictEqual(
      requestsOf(ring.read(start + 500 * minute)),
      new Array<number>(60).fill(0),
    )
  })
})

const traffic = (requests: number, waited = 0): ReportedTraffic => {
  const wait = new Array<number>(bounds.length + 1).fill(0)
  wait[3] = waited
  return {
    inFlight: 0,
    bytesIn: 10 * requests,
    bytesOut: 100 * requests,
    statuses: [0, 0, requests, 0, 0, 0],
    linksOpened: 1,
    errors: {},
    head: [],
    wait,
    tunnel: [],
  }
}

const report = (startedAt: number, requests: number, links = 1): RelayReport => ({
  id: "",
  machine: "",
  program: "",
  startedAt,
  digest: "",
  config: { since: 0 },
  engine: { state: "off", since: 0 },
  servers: [
    {
      name: "attic",
      transports: new Array<string>(links).fill("stream"),
      reason: "",
      programs: [],
      waiting: 2,
      isInspected: false,
      traffic: traffic(requests, requests),
    },
  ],
  own: traffic(1),
  strangers: [],
  recordings: 0,
})

const answers = (relays: Readonly<Record<string, RelayReport>>) => ({
  answers: Object.entries(relays).map(([id, value]) => ({
    relay: { id, machine: id, worker: undefined },
    value,
  })),
  silent: [],
})

const last = (sampler: Sampler, name: string, at: number): Slot =>
  sampler.seriesOf(name).rings.hour.read(at).at(-1) as Slot

describe("the sampler", () => {
  it("takes the difference of two reports, of every relay and of all together", () => {
    const sampler = new Sampler()
    const at = start + 5_000
    sampler.take(answers({ a: report(start, 4), b: report(start, 1) }), at)
    sampler.take(answers({ a: report(start, 10), b: report(start, 3) }), at + minute)
    const slot = last(sampler, "attic", at + minute).values
    assert.deepStrictEqual(
      [2, place.bytesIn, place.bytesOut, place.links, place.waiting, place.wait + 3].map(
        (index) => slot[index],
      ),
      [8, 80, 800, 2, 4, 8],
    )
    assert.strictEqual(last(sampler, everything, at + minute).values[2], 8)
    assert.strictEqual(last(sampler, "attic", at).values[2], 5)
    assert.strictEqual(last(sampler, everything, at).values[2], 7)
  })

  it("does not take what a relay has counted for long as the traffic of this minute", () => {
    const sampler = new Sampler()
    const at = start + 600 * minute
    sampler.take(answers({ a: report(start, 1_000_000) }), at)
    assert.strictEqual(last(sampler, "attic", at).values[2], 0)
    sampler.take(answers({ a: report(start, 1_000_001) }), at + minute)
    assert.strictEqual(last(sampler, "attic", at + minute).values[2], 1)
  })

  it("takes all that a relay has counted that was started again", () => {
    const sampler = new Sampler()
    const at = start + 10 * minute
    sampler.take(answers({ a: report(start + 590_000, 50) }), at)
    sampler.take(answers({ a: report(at + 1, 7) }), at + 3 * minute)
    assert.strictEqual(last(sampler, "attic", at + 3 * minute).values[2], 7)
  })

  it("drops servers that are not registered any more", () => {
    const sampler = new Sampler()
    sampler.take(answers({ a: report(start, 4) }), start)
    assert.deepStrictEqual(sampler.keepOnly(new Set(["cellar"])), ["attic"])
    assert.deepStrictEqual([...sampler.series.keys()], [everything])
  })
})
