/**
 * Servers' links over several relays that serve as one: what servers are told of
 * the relays, which links are refused, and which are ended because their server
 * has opened them elsewhere.
 */
import type { Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import type { ServerName } from "../../../src/domain/ServerName.ts"
import type * as StreamFrame from "../../../src/protocol/StreamFrame.ts"
import { HandOver, type HandOverShape } from "../../../src/relay/settings/HandOver.ts"
import { balancer } from "../../support/Balancer.ts"
import * as Harness from "../../support/Harness.ts"
import { type RawLink, rawLink } from "../../support/RawLink.ts"

/** The response to the first request of a link. */
const noContent: StreamFrame.Frame = {
  _tag: "Response",
  stream: 1,
  head: { status: 204, headers: [] },
  bytes: Buffer.alloc(0),
  end: true,
}

type Relay = Harness.ClusterRelay

const demo = "demo" as ServerName

const twoRelays = Effect.gen(function* () {
  const cluster = yield* Harness.cluster(["a", "b"], { servers: ["demo"] })
  const [a, b] = cluster.relays as [Relay, Relay]
  return { cluster, a, b }
})

/** The list that came last on a link. */
const lastList = (link: RawLink) => link.frames.findLast((frame) => frame._tag === "Relays")

const openWith = (relay: Harness.TestRelay, key: string, have: string) =>
  Harness.visit(relay, "/7ZSFUKGV/stream/demo", {
    headers: [
      ["Connection", "Upgrade"],
      ["Upgrade", "websocket"],
      ["Sec-WebSocket-Version", "13"],
      ["Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="],
      ["X-ApiKey", key],
      ["X-PTTH-Have", have],
    ],
  })

describe("a relay that is alone", () => {
  it.effect("says nothing of relays, and accepts a link whatever relays it is not to be at", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const link = yield* rawLink(relay, { instance: "i", have: "a,b", pongs: true })
      yield* link.until("a pong comes", () => link.frames.some(({ _tag }) => _tag === "Ping"))
      assert.isUndefined(link.headers["x-ptth-relay"])
      assert.isUndefined(link.headers["x-ptth-links"])
      assert.isUndefined(lastList(link))
    }),
  )
})

describe("a relay of several", () => {
  it.effect("says its id and how many links it wants, and whenever relays come or go", () =>
    Effect.gen(function* () {
      const { a, b, cluster } = yield* twoRelays
      const link = yield* rawLink(a, { instance: "i" })
      assert.strictEqual(link.headers["x-ptth-relay"], "a")
      assert.strictEqual(link.headers["x-ptth-links"], "2")
      const { url } = a
      assert.notStrictEqual(url, b.url)
      yield* link.until("the list comes", () => lastList(link) !== undefined)
      assert.deepStrictEqual(lastList(link), {
        _tag: "Relays",
        links: 2,
        machines: [["a"], ["b"]],
      })
      yield* cluster.start("c")
      yield* link.until("the third is in it", () => lastList(link)?.links === 3)
      assert.deepStrictEqual(lastList(link)?.machines, [["a"], ["b"], ["c"]])
      yield* b.kill
      yield* link.until("the second is not in it", () => lastList(link)?.links === 2)
      assert.deepStrictEqual(lastList(link)?.machines, [["a"], ["c"]])
    }),
  )

  it.effect("is left out of the list when it drains", () =>
    Effect.gen(function* () {
      const { a, b } = yield* twoRelays
      const link = yield* rawLink(a, { instance: "i" })
      b.peers.withdraw()
      yield* link.until("it is not in it", () => lastList(link)?.links === 1)
      assert.deepStrictEqual(lastList(link)?.machines, [["a"]])
    }),
  )

  it.effect("asks for no more links than its configuration has, but for two of two machines", () =>
    Effect.gen(function* () {
      const { relays } = yield* Harness.cluster(["a", "b", "c"], {
        servers: ["demo"],
        config: { cluster: { peers: [], name: "ptth", spread: 1 } as never },
      })
      const link = yield* rawLink(relays[0] as Relay, { instance: "i" })
      assert.strictEqual(link.headers["x-ptth-links"], "2")
    }),
  )

  it.effect("refuses a link that is to be elsewhere, after it has checked the key", () =>
    Effect.gen(function* () {
      const { a, b } = yield* twoRelays
      const refused = yield* openWith(a, Harness.keyOf("demo"), "b, a")
      assert.strictEqual(refused.status, 409)
      assert.strictEqual(refused.header("x-ptth-relay"), "a")
      const unknown = yield* openWith(a, "a wrong key of somebody else", "a")
      assert.strictEqual(unknown.status, 401)
      assert.isUndefined(unknown.header("x-ptth-relay"))
      const link = yield* rawLink(b, { instance: "i", have: "a" })
      assert.strictEqual(link.headers["x-ptth-relay"], "b")
    }),
  )

  it.effect("accepts several links of a server that does not say where it has others", () =>
    Effect.gen(function* () {
      const { a } = yield* twoRelays
      for (const link of ["0", "1"]) yield* rawLink(a, { instance: "i", link, pongs: true })
      yield* Harness.until("there are two", () => a.status("demo").transports.length === 2)
    }),
  )
})

describe("an opening that comes to one worker of a machine and belongs to another", () => {
  /** Workers in one process: a connection is passed on as it is. */
  const workersOf = Effect.fnUntraced(function* (
    ids: ReadonlyArray<string>,
    optionsOf: (id: string) => Harness.RelayOptions = () => ({ servers: ["demo"] }),
  ) {
    const listeners: Array<(about: unknown, socket: Socket) => void> = []
    const handOver: HandOverShape = {
      give: (to, about, socket) =>
        listeners[ids.indexOf(to)]?.(JSON.parse(JSON.stringify(about)), socket),
      onGiven: (listener) => listeners.push(listener),
    }
    const { relays } = yield* Harness.cluster(ids, optionsOf).pipe(
      Effect.provideService(HandOver, handOver),
    )
    return relays
  })
  const workers = (...ids: ReadonlyArray<string>) => workersOf(ids)

  it.effect("is answered by that one, on the same connection", () =>
    Effect.gen(function* () {
      const [first, second] = (yield* workers("m.0", "m.1")) as [Relay, Relay]
      const link = yield* rawLink(first, { instance: "i", have: "m.0", pongs: true })
      assert.strictEqual(link.headers["x-ptth-relay"], "m.1")
      yield* Harness.until("it is there", () => second.status("demo").transports.length === 1)
      assert.strictEqual(first.status("demo").transports.length, 0)
      const visit = yield* Harness.open(second, "/servers/demo/")
      yield* link.until("its request comes", () =>
        link.frames.some(({ _tag }) => _tag === "Request"),
      )
      yield* visit.leave
    }),
  )

  it.effect(
    "stays while a request of another worker runs, until the grace of its own is over",
    () =>
      Effect.gen(function* () {
        const [first, second] = (yield* workersOf(["m.0", "m.1"], () => ({
          servers: ["demo"],
          shutdownGrace: "1 minute",
        }))) as [Relay, Relay]
        const link = yield* rawLink(first, { instance: "i", have: "m.0", pongs: true })
        yield* Harness.knowsLinks(first, "demo", 1)
        const visit = yield* Harness.open(first, "/servers/demo/")
        yield* link.until("its request comes", () =>
          link.frames.some(({ _tag }) => _tag === "Request"),
        )
        const stopping = yield* Effect.forkScoped(second.stop)
        yield* link.until("it is drained", () => link.frames.some(({ _tag }) => _tag === "Drain"))
        link.say({ _tag: "Drain" })
        for (let second = 0; second < 20; second++) {
          yield* TestClock.adjust("1 second")
          yield* Harness.turns(20)
        }
        assert.isFalse(link.isClosed())
        assert.isUndefined(stopping.pollUnsafe())
        link.say(noContent)
        assert.strictEqual((yield* visit.head).status, 204)
        yield* Harness.advanceUntil(
          "it has stopped",
          () => stopping.pollUnsafe() !== undefined,
          "1 second",
        )
      }),
  )

  it.effect("is refused if no worker of the machine is to have it", () =>
    Effect.gen(function* () {
      const [first] = (yield* workers("m.0", "m.1", "n.0")) as [Relay]
      const refused = yield* openWith(first, Harness.keyOf("demo"), "m.0,m.1")
      assert.strictEqual(refused.status, 409)
    }),
  )

  it.effect("gives a server a link at each worker although all come to the same", () =>
    Effect.gen(function* () {
      const [first, ...others] = (yield* workers("m.0", "m.1", "m.2", "m.3")) as [
        Relay,
        ...ReadonlyArray<Relay>,
      ]
      yield* Harness.server(first, "demo", Harness.echo, { transport: "stream" })
      for (const relay of [first, ...others])
        yield* Harness.until(
          `${relay.id} has one`,
          () => relay.status("demo").transports.length === 1,
        )
    }),
  )
})

describe("a link that is opened again at another relay", () => {
  it.effect("replaces the one before, and only that", () =>
    Effect.gen(function* () {
      const { a, b } = yield* twoRelays
      const before = yield* rawLink(a, { instance: "i", link: "0", pongs: true })
      const other = yield* rawLink(a, { instance: "i", link: "1", pongs: true })
      yield* Harness.knowsLinks(b, "demo", 2)
      const after = yield* rawLink(b, { instance: "i", link: "0", pongs: true })
      yield* before.until("it is closed", before.isClosed)
      yield* Harness.turns(50)
      assert.isFalse(other.isClosed())
      assert.isFalse(after.isClosed())
    }),
  )

  it.effect("replaces it although the other relay's clock is ahead", () =>
    Effect.gen(function* () {
      const { a, b } = yield* twoRelays
      const before = yield* rawLink(a, { instance: "i", link: "0", pongs: true })
      yield* Harness.until("it has joined", () => a.status("demo").transports.length === 1)
      yield* Harness.knowsLinks(b, "demo", 1)
      const [present] = b.peers.holders(demo)[0]?.links ?? []
      assert.isDefined(present)
      // What relay a announces of the link is an hour ahead of the clock of relay b.
      a.peers.announce({ ...present, openedAt: present.openedAt + 3_600_000 })
      yield* Harness.until("the other relay knows it", () =>
        b.peers
          .holders(demo)
          .some(({ links }) => links.some(({ openedAt }) => openedAt > present.openedAt)),
      )
      const after = yield* rawLink(b, { instance: "i", link: "0", pongs: true })
      yield* before.until("it is closed", before.isClosed)
      assert.isFalse(after.isClosed())
    }),
  )

  it.effect("does not end one that is drained", () =>
    Effect.gen(function* () {
      const { a, b } = yield* twoRelays
      const before = yield* rawLink(a, { instance: "i", link: "0", pongs: true })
      const visit = yield* Harness.open(a, "/servers/demo/")
      yield* before.until("the request comes", () =>
        before.frames.some(({ _tag }) => _tag === "Request"),
      )
      before.say({ _tag: "Drain" })
      yield* before.until("the relay agrees", () =>
        before.frames.some(({ _tag }) => _tag === "Drain"),
      )
      yield* rawLink(b, { instance: "i", link: "0", pongs: true })
      yield* Harness.knowsLinks(a, "demo", 1)
      yield* Harness.turns(50)
      assert.isFalse(before.isClosed())
      before.say(noContent)
      assert.strictEqual((yield* visit.head).status, 204)
    }),
  )
})

describe("a process that listens by classic at one relay", () => {
  it.effect("has its own links pinged at all relays, and those closed that do not answer", () =>
    Effect.gen(function* () {
      const { a, b } = yield* twoRelays
      const other = yield* rawLink(a, { instance: "other", link: "1", pongs: true })
      const dead = yield* rawLink(a, { instance: "moved", link: "1" })
      yield* Harness.knowsLinks(b, "demo", 2)
      yield* TestClock.adjust("3 seconds")
      const pings = () => other.frames.filter(({ _tag }) => _tag === "Ping").length
      const before = pings()
      assert.isFalse(dead.isClosed())
      yield* Harness.visit(b, "/7ZSFUKGV/http_listen/demo", {
        headers: [
          ["X-ApiKey", Harness.keyOf("demo")],
          ["X-PTTH-Version", "2"],
          ["X-PTTH-Instance", "moved"],
        ],
      })
      yield* Harness.knowsLinks(a, "demo", 1)
      yield* Harness.turns(20)
      yield* TestClock.adjust("2200 millis")
      yield* dead.until("it is closed", dead.isClosed)
      assert.strictEqual(pings(), before)
      assert.isFalse(other.isClosed())
    }),
  )
})

describe("a new process of a server at one relay", () => {
  it.effect("has the others pinged at all relays, and those closed that do not answer", () =>
    Effect.gen(function* () {
      const { a, b } = yield* twoRelays
      const alive = yield* rawLink(a, { instance: "alive", pongs: true })
      const dead = yield* rawLink(a, { instance: "dead", pongs: false })
      yield* Harness.knowsLinks(b, "demo", 2)
      yield* TestClock.adjust("1 second")
      yield* rawLink(b, { instance: "new", pongs: true })
      yield* Harness.knowsLinks(a, "demo", 1)
      yield* Harness.turns(20)
      yield* TestClock.adjust("2 seconds")
      yield* dead.until("it is closed", dead.isClosed)
      yield* Harness.turns(20)
      assert.isFalse(alive.isClosed())
    }),
  )

  it.effect("is new only once, however many links it opens", () =>
    Effect.gen(function* () {
      const { a, b } = yield* twoRelays
      const silent = yield* rawLink(a, { instance: "silent", pongs: true })
      yield* rawLink(b, { instance: "other", link: "0", pongs: true })
      yield* Harness.knowsLinks(a, "demo", 1)
      yield* Harness.turns(50)
      const pings = () => silent.frames.filter(({ _tag }) => _tag === "Ping").length
      const before = pings()
      yield* TestClock.adjust("1 second")
      yield* rawLink(b, { instance: "other", link: "1", pongs: true })
      yield* Harness.knowsLinks(a, "demo", 2)
      yield* Harness.turns(50)
      assert.strictEqual(pings(), before)
    }),
  )
})

describe("fifty servers behind a balancer of three relays", () => {
  it.effect("have links at two of them within ten seconds of every change", () =>
    Effect.gen(function* () {
      const names = Array.from({ length: 50 }, (_, i) => `server-${i}`)
      const cluster = yield* Harness.cluster(["a", "b", "c"], {
        servers: names,
        config: { maxLinks: 4 },
      })
      const relays = new Map(cluster.relays.map((relay) => [relay.id, relay]))
      const { targets, url } = yield* balancer()
      for (const relay of relays.values()) targets.add(relay)
      for (const name of names)
        yield* Harness.serverAt(url, name, Harness.echo, { transport: "stream" })
      const linked = (name: string): number =>
        [...relays.values()].filter((relay) => relay.status(name).transports.length > 0).length
      const settle = Effect.fnUntraced(function* (what: string) {
        yield* Harness.turns(100)
        for (let millis = 0; millis < 10_000; millis += 250) {
          if (names.every((name) => linked(name) >= 2)) return
          yield* TestClock.adjust("250 millis")
          yield* Harness.turns(20)
        }
        assert.deepStrictEqual(
          names.filter((name) => linked(name) < 2),
          [],
          what,
        )
      })
      const leave = (relay: Relay, how: Effect.Effect<void>) =>
        Effect.suspend(() => {
          targets.delete(relay)
          relays.delete(relay.id)
          return how
        })
      yield* settle("the start")
      for (const id of ["a", "b", "c"]) {
        const relay = relays.get(id) as Relay
        yield* leave(relay, id === "b" ? relay.stop : relay.kill)
        yield* settle(`${id} is gone`)
        const again = yield* cluster.start(id)
        relays.set(id, again)
        targets.add(again)
        yield* settle(`${id} has joined`)
      }
    }),
  )
})
