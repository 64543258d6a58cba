/**
 * Where the links of our server go when several relays serve as one, while they
 * come, go, drain, die and stand still.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import * as StreamFrame from "../../../src/protocol/StreamFrame.ts"
import { empty } from "../../../src/transport/body/Body.ts"
import { FakeCluster } from "../../support/FakeCluster.ts"
import * as Harness from "../../support/Harness.ts"
import { Seeded } from "../../support/Seeded.ts"

const serve = (cluster: FakeCluster, options: Harness.ServerOptions = {}, name = "demo") =>
  Harness.serverAt(cluster.url, name, Harness.echo, { transport: "stream", ...options })

const untilPlaces = (cluster: FakeCluster, ...expected: ReadonlyArray<string>) =>
  Harness.advanceUntil(`there are links at ${expected.join(", ")}`, () => {
    const places = cluster.places()
    return places.length === expected.length && places.every((id, i) => id === expected[i])
  })

/** The list of relays that cannot reach the relay `c`. */
const partialList = () => StreamFrame.relays({ links: 2, machines: [["a"], ["b"]] })

const machinesOf = (ids: ReadonlyArray<string>) => new Set(ids.map((id) => id.split(".")[0]))

describe("a machine that was restarted", () => {
  it.effect("has a link of the server again, if another has two", () =>
    Effect.gen(function* () {
      const cluster = yield* FakeCluster.start(["a.0", "a.1", "b.0", "b.1", "c.0", "c.1"])
      yield* serve(cluster)
      for (const id of ["c", "a", "b", "c"]) {
        cluster.kill(`${id}.0`)
        cluster.kill(`${id}.1`)
        yield* Harness.advanceUntil(
          `four links without ${id}`,
          () => cluster.places().length === 4 && !machinesOf(cluster.places()).has(id),
        )
        cluster.add(`${id}.0`)
        cluster.add(`${id}.1`)
        yield* Harness.advanceUntil(
          `a link at ${id} again`,
          () => cluster.places().length === 4 && machinesOf(cluster.places()).size === 3,
        )
      }
    }),
  )

  it.effect("has its part of all servers' links again, if there are more machines than links", () =>
    Effect.gen(function* () {
      const cluster = yield* FakeCluster.start(["a", "b", "c", "d"])
      cluster.spread = 2
      const names = Array.from({ length: 24 }, (_, i) => `s${i}`)
      for (const name of names) yield* serve(cluster, {}, name)
      const has = (id: string) => cluster.places().filter((one) => one === id).length
      const isComplete = (): boolean => cluster.places().length === 2 * names.length
      yield* Harness.advanceUntil("all are connected", isComplete)
      cluster.kill("d")
      yield* Harness.advanceUntil("all are connected without it", isComplete)
      assert.strictEqual(has("d"), 0)
      cluster.add("d")
      for (let seconds = 0; seconds < 10; seconds++) {
        yield* TestClock.adjust("1 second")
        yield* Harness.turns(20)
      }
      yield* Harness.advanceUntil("all are connected", isComplete)
      // Half of 24 servers are to have one there.
      assert.isAtLeast(has("d"), 2)
      assert.isAtMost(has("d"), 22)
    }),
  )
})

describe("the links of a server", () => {
  it.effect("are one for each relay, as far as the relays ask for", () =>
    Effect.gen(function* () {
      const cluster = yield* FakeCluster.start(["a.0", "a.1", "b.0"])
      yield* serve(cluster)
      yield* untilPlaces(cluster, "a.0", "a.1", "b.0")
    }),
  )

  it.effect("are at two machines, however many relays one of them has", () =>
    Effect.gen(function* () {
      const ids = Array.from({ length: 8 }, (_, i) => `a.${i}`)
      const cluster = yield* FakeCluster.start([...ids, "b.0"])
      cluster.spread = 2
      yield* serve(cluster)
      yield* Harness.until("there are two links", () => cluster.places().length === 2)
      assert.strictEqual(machinesOf(cluster.places()).size, 2)
    }),
  )

  it.effect("are as many as it is told, and as evenly spread as can be", () =>
    Effect.gen(function* () {
      const cluster = yield* FakeCluster.start(["a", "b"])
      yield* serve(cluster, { connections: 5 })
      yield* Harness.until("there are five links", () => cluster.places().length === 5)
      const atA = cluster.places().filter((id) => id === "a").length
      assert.include([2, 3], atA)
    }),
  )

  it.effect("are two at old relays, which are sent no field that says where they are", () =>
    Effect.gen(function* () {
      const cluster = yield* FakeCluster.start(["a", "b"])
      cluster.isOld = true
      yield* serve(cluster)
      yield* Harness.until("there are two links", () => cluster.places().length === 2)
      assert.deepStrictEqual(
        cluster.openings.map(({ have }) => have),
        [undefined, undefined],
      )
    }),
  )
})

describe("a relay that has a link of the server already", () => {
  it.effect("refuses another, and the next one gets it; that is no reason for classic", () =>
    Effect.gen(function* () {
      const cluster = yield* FakeCluster.start(["a", "b"])
      const order = ["a", "a", "a", "b"]
      cluster.balance = (relays) => relays.find(({ id }) => id === order[cluster.openings.length])
      const server = yield* serve(cluster, { transport: "auto" })
      yield* untilPlaces(cluster, "a", "b")
      assert.deepStrictEqual(
        cluster.openings.map(({ have, relay, status }) => [relay, have, status]),
        [
          ["a", undefined, 101],
          ["a", "a", 409],
          ["a", "a", 409],
          ["b", "a", 101],
        ],
      )
      assert.strictEqual(server.lines.length, 1)
    }),
  )

  it.effect("gets it after three tries for each link, if all come there", () =>
    Effect.gen(function* () {
      const cluster = yield* FakeCluster.start(["a", "b"])
      cluster.balance = ([first]) => first
      yield* serve(cluster)
      yield* untilPlaces(cluster, "a", "a")
      assert.deepStrictEqual(
        cluster.openings.map(({ have, status }) => [have, status]),
        [[undefined, 101], ...Array.from({ length: 6 }, () => ["a", 409]), [undefined, 101]],
      )
    }),
  )

  it.effect(
    "is not asked again and again where no other can be reached, until relays come or go",
    () =>
      Effect.gen(function* () {
        const cluster = yield* FakeCluster.start(["a", "b"])
        cluster.balance = ([first]) => first
        yield* serve(cluster)
        yield* untilPlaces(cluster, "a", "a")
        const before = cluster.openings.length
        yield* Harness.advanceUntil("it is tried again", () => cluster.openings.length > before)
        for (let minute = 0; minute < 5; minute++) {
          yield* TestClock.adjust("1 minute")
          yield* Harness.turns(20)
        }
        // The waits double from a second to ten minutes, and each round has six tries.
        assert.isAtMost(cluster.openings.length, before + 10 * 6)
        assert.deepStrictEqual(cluster.places(), ["a", "a"])
        cluster.balance = (relays) => relays.at(-1)
        cluster.add("c")
        yield* untilPlaces(cluster, "a", "a", "c")
      }),
  )
})

describe("a server whose relays change", () => {
  it.effect("opens a link at one that joins", () =>
    Effect.gen(function* () {
      const cluster = yield* FakeCluster.start(["a", "b"])
      yield* serve(cluster)
      yield* untilPlaces(cluster, "a", "b")
      cluster.add("c")
      yield* untilPlaces(cluster, "a", "b", "c")
    }),
  )

  it.effect("opens another link for one that drains, and is never without one", () =>
    Effect.gen(function* () {
      const cluster = yield* FakeCluster.start(["a", "b", "c"])
      cluster.spread = 2
      const server = yield* serve(cluster)
      yield* Harness.until("there are two links", () => cluster.places().length === 2)
      for (const id of ["a", "b", "c"]) {
        cluster.drain(id)
        yield* Harness.advanceUntil("there are two links again", () => {
          assert.isAtLeast(cluster.places().length, 1)
          return cluster.places().length === 2
        })
        yield* Harness.advanceUntil("the drained link is closed", () => cluster.links.size === 2)
        cluster.kill(id)
        cluster.add(id)
      }
      assert.strictEqual(server.lines.length, 1)
    }),
  )

  it.effect("moves a link to another machine when there is one again, and cuts no request", () =>
    Effect.gen(function* () {
      const cluster = yield* FakeCluster.start(["a.0", "a.1"])
      cluster.spread = 2
      const calls: Array<() => void> = []
      yield* Harness.serverAt(
        cluster.url,
        "demo",
        Harness.handler(() => new Promise((answer) => calls.push(() => answer({ status: 204 })))),
        { transport: "stream" },
      )
      yield* untilPlaces(cluster, "a.0", "a.1")
      const statuses: Array<number | string> = []
      for (const { multiplexer } of cluster.serving())
        multiplexer.request({ method: "GET", target: "/", headers: [] }, empty, {
          respond: ({ status }, body) => {
            body.discard()
            statuses.push(status)
          },
          fail: ({ code }) => statuses.push(code),
        })
      yield* Harness.until("both requests have come", () => calls.length === 2)
      cluster.add("b.0")
      yield* Harness.advanceUntil("a link is there", () => {
        assert.isAtLeast(cluster.places().length, 1)
        return cluster.places().includes("b.0")
      })
      yield* Harness.until("another one is drained", () => cluster.places().length === 2)
      assert.strictEqual(cluster.links.size, 3)
      for (const answer of calls) answer()
      yield* Harness.until("both are answered", () => statuses.length === 2)
      assert.deepStrictEqual(statuses, [204, 204])
      yield* Harness.until("the drained link is closed", () => cluster.links.size === 2)
    }),
  )

  it.effect("opens another link for one that dies, and says nothing while others work", () =>
    Effect.gen(function* () {
      const cluster = yield* FakeCluster.start(["a", "b", "c"])
      cluster.spread = 2
      const server = yield* serve(cluster)
      yield* Harness.until("there are two links", () => cluster.places().length === 2)
      for (const id of ["a", "b", "c"]) {
        yield* TestClock.adjust("2 seconds")
        cluster.kill(id)
        yield* Harness.advanceUntil("there are two links again", () => {
          assert.isAtLeast(cluster.places().length, 1)
          return cluster.places().length === 2
        })
        cluster.add(id)
      }
      assert.strictEqual(server.lines.length, 1)
    }),
  )

  it.effect("does not open a link in a tight loop that is ended as soon as it works", () =>
    Effect.gen(function* () {
      const cluster = yield* FakeCluster.start(["a", "b"])
      cluster.spread = 2
      yield* serve(cluster)
      yield* untilPlaces(cluster, "a", "b")
      cluster.drain("b")
      cluster.acceptsWhileDraining = true
      cluster.balance = (relays) => relays.find(({ id }) => id === "b")
      const before = cluster.openings.length
      for (let i = 0; i < 40; i++) {
        yield* TestClock.adjust("250 millis")
        yield* Harness.turns(20)
      }
      assert.isBelow(cluster.openings.length - before, 80)
    }),
  )

  it.effect("drains the links that are too many when one has gone", () =>
    Effect.gen(function* () {
      const cluster = yield* FakeCluster.start(["a", "b", "c", "d"])
      yield* serve(cluster)
      yield* untilPlaces(cluster, "a", "b", "c", "d")
      cluster.spread = 3
      cluster.kill("d")
      yield* untilPlaces(cluster, "a", "b", "c")
      cluster.spread = 2
      cluster.add("d")
      yield* Harness.until("there are two links", () => cluster.places().length === 2)
    }),
  )

  it.effect("leaves one that stands still, as soon as the others miss it", () =>
    Effect.gen(function* () {
      const cluster = yield* FakeCluster.start(["a", "b", "c"])
      cluster.spread = 2
      yield* serve(cluster)
      yield* Harness.until("there are two links", () => cluster.places().length === 2)
      const [frozen = ""] = cluster.places()
      const rest = ["a", "b", "c"].filter((id) => id !== frozen)
      cluster.freeze(frozen)
      yield* untilPlaces(cluster, ...rest)
    }),
  )

  it.effect("keeps a link to one that the others cannot reach while it answers", () =>
    Effect.gen(function* () {
      const cluster = yield* FakeCluster.start(["a", "b", "c"])
      yield* serve(cluster)
      yield* untilPlaces(cluster, "a", "b", "c")
      const { openings } = cluster
      // A relay that drains is not named either, and answers.
      cluster.balance = () => undefined
      yield* Harness.turns(20)
      const before = openings.length
      for (const { multiplexer, relay } of cluster.serving())
        if (relay.id !== "c") multiplexer.send(partialList())
      for (let i = 0; i < 30; i++) {
        yield* TestClock.adjust("200 millis")
        yield* Harness.turns(5)
      }
      assert.deepStrictEqual(cluster.places(), ["a", "b", "c"])
      assert.strictEqual(openings.length, before)
    }),
  )
})

describe("fifty servers", () => {
  it.effect("have links at two machines within ten seconds of every change, and never none", () =>
    Effect.gen(function* () {
      const random = new Seeded(17)
      const ids = ["a.0", "a.1", "b.0", "b.1", "c.0", "c.1"]
      const cluster = yield* FakeCluster.start(ids, 5)
      const names = Array.from({ length: 50 }, (_, i) => `server-${i}`)
      for (const name of names) yield* serve(cluster, {}, name)
      const alone = (): ReadonlyArray<string> => {
        const places = cluster.placesOfServers()
        return names.filter((name) => machinesOf(places.get(name) ?? []).size < 2)
      }
      yield* Harness.advanceUntil("all have their links", () => alone().length === 0)
      const settle = Effect.fnUntraced(function* (what: string) {
        // What servers are told must have come before time goes on.
        yield* Harness.turns(100)
        for (let millis = 0; millis < 10_000; millis += 250) {
          if (millis > 1_000 && alone().length === 0) return
          yield* TestClock.adjust("250 millis")
          yield* Harness.turns(20)
          assert.strictEqual(cluster.placesOfServers().size, names.length, what)
        }
        assert.deepStrictEqual(alone(), [], what)
      })
      for (const machine of ["a", "b", "c"]) {
        const relays = ids.filter((id) => id.startsWith(machine))
        for (const id of relays) {
          if (random.chance(0.5)) cluster.kill(id)
          else {
            cluster.drain(id)
            yield* settle(`${id} drains`)
            cluster.kill(id)
          }
          yield* settle(`${id} is gone`)
        }
        for (const id of relays) {
          cluster.add(id)
          yield* settle(`${id} has joined`)
        }
      }
    }),
  )
})
