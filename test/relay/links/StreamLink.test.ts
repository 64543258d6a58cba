/**
 * Our relay and our server over one WebSocket or several, on real sockets: how
 * links come and go, what that does to the requests on them, and when classic
 * is spoken instead.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import type { ServerName } from "../../../src/domain/ServerName.ts"
import type { Tripcode } from "../../../src/domain/Tripcode.ts"
import { Pending } from "../../../src/relay/dispatch/Pending.ts"
import { StreamLink } from "../../../src/relay/links/StreamLink.ts"
import { empty } from "../../../src/transport/body/Body.ts"
import { Multiplexer, maxStreams, version } from "../../../src/transport/mux/Multiplexer.ts"
import * as Deadlines from "../../../src/transport/runtime/Deadlines.ts"
import * as Harness from "../../support/Harness.ts"
import { ownerOf } from "../../support/PendingOwner.ts"
import { hello, type RawLink, rawLink } from "../../support/RawLink.ts"
import { bytesOf } from "../../support/SimulatedLink.ts"
import { type OnUpgrade, type UpgradeProxy, upgradeProxy } from "../../support/UpgradeProxy.ts"

const stream = { transport: "stream" } as const

const relayOf = (options: Harness.RelayOptions = {}) =>
  Harness.relay({ servers: ["demo"], ...options })

const links = (relay: Harness.TestRelay): number => relay.status("demo").transports.length

const untilLinks = (relay: Harness.TestRelay, count: number) =>
  Harness.until(`there are ${count} links`, () => links(relay) === count)

/** A handler that keeps its calls, each to be answered by the test. */
const kept = () => {
  const calls: Array<Harness.Call & { readonly answer: (answer: Harness.Answer) => void }> = []
  const handler = Harness.handler(
    (call) => new Promise((answer) => calls.push({ ...call, answer })),
  )
  return { calls, handler }
}

describe("a server that speaks stream", () => {
  it.effect("keeps two links unless told otherwise, and answers over them", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf({ config: { publicUrl: "https://relay.example.com" } })
      const server = yield* Harness.server(relay, "demo", Harness.echo, stream)
      yield* untilLinks(relay, 2)
      assert.deepStrictEqual(relay.status("demo").transports, ["stream", "stream"])
      assert.include(server.lines, "connected: https://relay.example.com/servers/demo/")
      const bytes = Buffer.alloc(3 * 1024 * 1024, "stream ")
      const answer = yield* Harness.visit(relay, "/servers/demo/x?y=z", {
        method: "PATCH",
        body: bytes,
      })
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.header("x-method"), "PATCH")
      assert.strictEqual(answer.header("x-target"), "/x?y=z")
      assert.isTrue(answer.body.equals(bytes))
    }),
  )

  it.effect("keeps as many links as it is told", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf()
      yield* Harness.server(relay, "demo", Harness.echo, { ...stream, connections: 5 })
      yield* untilLinks(relay, 5)
    }),
  )

  it.effect("opens a link anew when that one breaks, whichever it is", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf()
      const proxy = yield* upgradeProxy(relay, "pass")
      yield* Harness.serverAt(proxy.url, "demo", Harness.echo, stream)
      yield* untilLinks(relay, 2)
      for (const which of [1, 0, 1]) {
        const before = proxy.upgrades
        proxy.breakUpgrade(which)
        yield* Harness.advanceUntil("it is opened anew", () => proxy.upgrades > before)
        yield* untilLinks(relay, 2)
      }
      assert.strictEqual((yield* Harness.get(relay, "/servers/demo/")).status, 200)
    }),
  )

  it.effect("whose key is taken from the configuration loses its links at once", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf()
      const { calls, handler } = kept()
      const server = yield* Harness.server(relay, "demo", handler, stream)
      yield* untilLinks(relay, 2)
      const visit = yield* Harness.open(relay, "/servers/demo/", { method: "POST" })
      yield* Harness.until("it is served", () => calls.length === 1)
      yield* relay.change({ servers: [{ name: "demo", key: "another-key" }] })
      yield* untilLinks(relay, 0)
      assert.strictEqual((yield* visit.head).status, 502)
      yield* Harness.until("the handler is cancelled", () => calls[0]?.isCancelled() === true)
      yield* Harness.advanceUntil("it says so", () =>
        server.lines.some((line) => line.includes("PTTH_KEY_REFUSED")),
      )
      yield* relay.change({ servers: ["demo"] })
      yield* Harness.advanceUntil("it is back", () => links(relay) === 2)
    }),
  )

  it.effect("whose relay stops is told, and finishes what runs meanwhile", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf({ shutdownGrace: "1 minute" })
      const body = new Harness.FedBody()
      const server = yield* Harness.server(
        relay,
        "demo",
        Harness.handler(() => ({ body })),
        stream,
      )
      yield* untilLinks(relay, 2)
      const visit = yield* Harness.open(relay, "/servers/demo/")
      yield* Harness.promised(() => body.untilRead())
      const whole = yield* Effect.forkChild(visit.whole)
      const stop = yield* Effect.forkChild(relay.stop)
      yield* Harness.until("it says so", () =>
        server.lines.some((line) => line.includes("is shutting down")),
      )
      body.feed("to the ")
      body.feed("end")
      body.end()
      assert.strictEqual((yield* Fiber.join(whole)).text, "to the end")
      yield* Fiber.join(stop)
      assert.strictEqual(links(relay), 0)
    }),
  )
})

// ---------------------------------------------------------------- links by hand

const requests = (link: RawLink) => link.frames.filter((frame) => frame._tag === "Request")

it.effect("a link takes no more requests once large heads have filled its wire", () =>
  Effect.gen(function* () {
    const deadlines = yield* Deadlines.make
    const multiplexer = new Multiplexer({
      deadlines,
      heartbeatMillis: 60_000,
      hello: { version, maxStreams, window: 0, publicUrl: "" },
      wire: {
        write: () => false,
        pause: () => {},
        resume: () => {},
        end: () => {},
        close: () => {},
      },
    })
    multiplexer.bytes(bytesOf({ _tag: "Hello", version, maxStreams, window: 0, publicUrl: "" }))
    const link = new StreamLink({
      name: "demo" as ServerName,
      tripcode: "" as Tripcode,
      instance: "",
      number: "0",
      program: "",
      multiplexer,
      isPassedThrough: false,
      responseMillis: () => 1_000,
      deadlines,
      suspicionMillis: 1_000,
    })
    const requests = Array.from(
      { length: 100 },
      () =>
        new Pending(
          ownerOf(deadlines),
          link.name,
          { method: "GET", target: "/", headers: [["X-Large", "x".repeat(30_000)]] },
          empty,
          { respond: () => {}, fail: () => {} },
        ),
    )
    const rest = link.offer(requests)
    assert.strictEqual(requests.length - rest.length, 35, "1 MiB, and what comes in one piece")
    assert.isTrue(rest.every(({ state }) => state === "waiting"))
  }),
)

describe("a second link", () => {
  it.effect("of the same process and number replaces the first at once", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf()
      const first = yield* rawLink(relay, { instance: "A" })
      yield* untilLinks(relay, 1)
      const visit = yield* Harness.open(relay, "/servers/demo/")
      yield* first.until("it has the request", () => requests(first).length === 1)
      const second = yield* rawLink(relay, { instance: "A" })
      yield* first.until("it is closed", first.isClosed)
      yield* second.until("it has the request", () => requests(second).length === 1)
      assert.strictEqual(links(relay), 1)
      const request = requests(second)[0]
      second.say({
        _tag: "Response",
        stream: request !== undefined && "stream" in request ? request.stream : 0,
        head: { status: 203, headers: [] },
        bytes: Buffer.alloc(0),
        end: true,
      })
      assert.strictEqual((yield* visit.head).status, 203)
    }),
  )

  it.effect("of the same process with another number stands beside the first", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf()
      const first = yield* rawLink(relay, { instance: "A" })
      yield* rawLink(relay, { instance: "A", link: "1" })
      yield* untilLinks(relay, 2)
      assert.isFalse(first.isClosed())
    }),
  )

  it.effect("that may be dead gets nothing once its process has connected by classic", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf()
      const dead = yield* rawLink(relay, { instance: "A" })
      yield* untilLinks(relay, 1)
      yield* Harness.server(relay, "demo", Harness.echo, { transport: "classic" })
      yield* untilLinks(relay, 2)
      const answer = yield* Harness.get(relay, "/servers/demo/")
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(requests(dead).length, 0)
      yield* TestClock.adjust("2200 millis")
      yield* dead.until("it is ended", dead.isClosed)
    }),
  )

  it.effect("of another process gets the requests until the first has shown that it lives", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf()
      const dead = yield* rawLink(relay, { instance: "A" })
      yield* untilLinks(relay, 1)
      yield* rawLink(relay, { instance: "B", pongs: true })
      yield* untilLinks(relay, 2)
      const alive = yield* rawLink(relay, { instance: "B", link: "1", pongs: true })
      yield* untilLinks(relay, 3)
      for (let i = 0; i < 6; i++) yield* Harness.open(relay, "/servers/demo/")
      yield* alive.until("requests have come", () => requests(alive).length > 0)
      yield* Harness.turns(20)
      assert.strictEqual(requests(dead).length, 0)
      yield* TestClock.adjust("1900 millis")
      yield* Harness.turns(20)
      assert.isFalse(dead.isClosed())
      yield* TestClock.adjust("300 millis")
      yield* dead.until("it is ended", dead.isClosed)
      yield* untilLinks(relay, 2)
      assert.isFalse(alive.isClosed())
    }),
  )

  it.effect("of another process leaves one that answers its place", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf()
      const first = yield* rawLink(relay, { instance: "A", pongs: true })
      yield* untilLinks(relay, 1)
      const before = first.frames.length
      yield* rawLink(relay, { instance: "B", pongs: true })
      yield* first.until("it is pinged", () =>
        first.frames.slice(before - 1).some((frame) => frame._tag === "Ping"),
      )
      yield* Harness.turns(20)
      yield* TestClock.adjust("5 seconds")
      yield* Harness.turns(20)
      assert.isFalse(first.isClosed())
      assert.strictEqual(links(relay), 2)
    }),
  )
})

describe("a link that breaks the rules", () => {
  it.effect("is ended, and its server's others go on", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf()
      yield* Harness.server(relay, "demo", Harness.echo, stream)
      yield* untilLinks(relay, 2)
      const bad = yield* rawLink(relay, { instance: "A", pongs: true })
      yield* untilLinks(relay, 3)
      bad.say(hello)
      yield* bad.until("it is closed", bad.isClosed)
      yield* untilLinks(relay, 2)
      assert.strictEqual((yield* Harness.get(relay, "/servers/demo/")).status, 200)
    }),
  )

  it.effect(
    "that answers with an illegal head costs one visitor a 502 and nobody else anything",
    () =>
      Effect.gen(function* () {
        const relay = yield* relayOf()
        const link = yield* rawLink(relay, { instance: "A", pongs: true })
        yield* untilLinks(relay, 1)
        const visit = yield* Harness.open(relay, "/servers/demo/")
        yield* link.until("it has the request", () => requests(link).length === 1)
        link.say({
          _tag: "Response",
          stream: 1,
          head: { status: 200, headers: [["X-Bad", "a\r\nb: c"]] },
          bytes: Buffer.alloc(0),
          end: true,
        })
        const head = yield* visit.head
        assert.strictEqual(head.status, 502)
        yield* Harness.turns(20)
        assert.strictEqual(requests(link).length, 1, "it is not offered again")
        assert.isFalse(link.isClosed())
      }),
  )
})

// ---------------------------------------------------------------- two servers of a name

describe("two servers of one name", () => {
  it.effect("share the load", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf()
      const [a, b] = [kept(), kept()]
      yield* Harness.server(relay, "demo", a.handler, { ...stream, connections: 1 })
      yield* Harness.server(relay, "demo", b.handler, { ...stream, connections: 1 })
      yield* untilLinks(relay, 2)
      for (let i = 1; i <= 10; i++) {
        yield* Harness.open(relay, `/servers/demo/${i}`)
        yield* Harness.until("it is served", () => a.calls.length + b.calls.length === i)
      }
      assert.strictEqual(a.calls.length, 5)
      assert.strictEqual(b.calls.length, 5)
    }),
  )

  it.effect(
    "when one dies: what only reads goes to the other, what changes something gets 502",
    () =>
      Effect.gen(function* () {
        const relay = yield* relayOf()
        const dying = kept()
        const a = yield* Harness.server(relay, "demo", dying.handler, { ...stream, connections: 1 })
        const gets: Array<Harness.OpenVisit> = []
        for (const method of ["GET", "HEAD", "OPTIONS"])
          gets.push(yield* Harness.open(relay, "/servers/demo/", { method }))
        const post = yield* Harness.open(relay, "/servers/demo/", { method: "POST", body: "x" })
        yield* Harness.until("all are served", () => dying.calls.length === 4)
        let posts = 0
        yield* Harness.server(
          relay,
          "demo",
          Harness.handler((call) => {
            if (call.head.method === "POST") posts += 1
            return { headers: [["X-From", "b"]], body: "b" }
          }),
          { ...stream, connections: 1 },
        )
        yield* a.stop
        for (const get of gets) {
          const head = yield* get.head
          assert.strictEqual(head.status, 200)
          assert.strictEqual(head.header("x-from"), "b")
        }
        assert.strictEqual((yield* post.head).status, 502)
        assert.strictEqual(posts, 0)
      }),
  )

  it.effect(
    "when one is drained under load: no request is lost, and it ends when all are answered",
    () =>
      Effect.gen(function* () {
        const relay = yield* relayOf()
        const counts = [0, 0]
        const slowly = (which: 0 | 1) =>
          Harness.handler(async (call) => {
            counts[which] = (counts[which] ?? 0) + 1
            const body = await call.read()
            for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
            return { body: Buffer.concat([body, Buffer.alloc(40_000, "x")]) }
          })
        const drained = { ...stream, grace: "1 minute" } as const
        const a = yield* Harness.server(relay, "demo", slowly(0), drained)
        yield* Harness.server(relay, "demo", slowly(1), drained)
        yield* untilLinks(relay, 4)
        const statuses: Array<number> = []
        const sizes = new Set<number>()
        const visitor = Effect.gen(function* () {
          for (let i = 0; i < 25; i++) {
            const answer = yield* Harness.visit(relay, "/servers/demo/", {
              method: i % 2 === 0 ? "POST" : "PUT",
              body: Buffer.alloc(i % 3 === 0 ? 20_000 : 100, "y"),
            })
            statuses.push(answer.status)
            sizes.add(answer.body.length)
          }
        })
        const visitors = yield* Effect.forkChild(
          Effect.all(
            Array.from({ length: 12 }, () => visitor),
            { concurrency: "unbounded" },
          ),
        )
        yield* Harness.until("it is under load", () => statuses.length > 60)
        const stop = yield* Effect.forkChild(a.stop)
        yield* Fiber.join(visitors)
        yield* Fiber.join(stop)
        assert.strictEqual(statuses.length, 300)
        assert.deepStrictEqual([...new Set(statuses)], [200])
        assert.sameMembers([...sizes], [40_100, 60_000])
        assert.isAbove(counts[0] as number, 0)
        assert.isAbove(counts[1] as number, counts[0] as number)
        yield* untilLinks(relay, 2)
      }),
  )
})

// ---------------------------------------------------------------- the ladder

const fallback = (server: Harness.TestServer): string | undefined =>
  server.lines.find((line) => line.includes("using classic"))

const untilClassic = (server: Harness.TestServer) =>
  Harness.until("it is connected by classic", () => {
    const at = server.lines.findIndex((line) => line.includes("using classic"))
    return at >= 0 && server.lines.slice(at).some((line) => line.startsWith("connected"))
  })

const behind = (relay: Harness.TestRelay, onUpgrade: OnUpgrade, handler = Harness.echo) =>
  Effect.gen(function* () {
    const proxy = yield* upgradeProxy(relay, onUpgrade)
    const server = yield* Harness.serverAt(proxy.url, "demo", handler, {
      transport: "auto",
      grace: "1 minute",
    })
    return { proxy, server }
  })

/** Breaks both links, and refuses others. */
const refuseStream = (proxy: UpgradeProxy): void => {
  proxy.onUpgrade = 404
  proxy.breakUpgrade(1)
  proxy.breakUpgrade(0)
}

const listens = (proxy: UpgradeProxy): number =>
  proxy.requests.filter((path) => path.includes("http_listen")).length

/** So many seconds, one by one. */
const advance = Effect.fnUntraced(function* (seconds: number) {
  for (let i = 0; i < seconds; i++) {
    yield* TestClock.adjust("1 second")
    yield* Harness.turns(10)
  }
})

describe("a server that is left the choice", () => {
  it.effect("speaks stream where that is possible, and never listens", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf()
      const { proxy, server } = yield* behind(relay, "pass")
      yield* untilLinks(relay, 2)
      assert.strictEqual((yield* Harness.get(relay, "/servers/demo/")).status, 200)
      assert.isUndefined(fallback(server))
      assert.strictEqual(listens(proxy), 0)
    }),
  )

  it.effect.each([404, 426, 200, 400, 403, 501] as const)(
    "speaks classic when the upgrade is answered %d, and says why",
    (status) =>
      Effect.gen(function* () {
        const relay = yield* relayOf()
        const { server } = yield* behind(relay, status)
        yield* untilClassic(server)
        assert.include(fallback(server), `it answered ${status} to the upgrade`)
        assert.strictEqual((yield* Harness.get(relay, "/servers/demo/")).status, 200)
        assert.deepStrictEqual(relay.status("demo").transports, ["classic 2"])
      }),
  )

  it.effect("speaks classic when the upgrade is accepted and no pong comes within 5 s", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf()
      const { proxy, server } = yield* behind(relay, "mute")
      yield* Harness.until("it has tried", () => proxy.upgrades === 1)
      yield* Harness.turns(50)
      yield* TestClock.adjust("4900 millis")
      yield* Harness.turns(50)
      assert.isUndefined(fallback(server))
      assert.strictEqual(listens(proxy), 0)
      yield* TestClock.adjust("300 millis")
      yield* untilClassic(server)
      assert.include(fallback(server), "no pong within 5 s")
      assert.strictEqual((yield* Harness.get(relay, "/servers/demo/")).status, 200)
    }),
  )

  it.effect("speaks classic when the upgrade is accepted and the connection breaks", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf()
      const { server } = yield* behind(relay, "cut")
      yield* untilClassic(server)
      assert.include(fallback(server), "its connection broke")
    }),
  )

  it.effect("waits for a relay that cannot be reached, instead of speaking classic to nobody", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf()
      const { proxy, server } = yield* behind(relay, 502)
      yield* Harness.advanceUntil("it has tried a few times", () => proxy.upgrades >= 3)
      assert.isUndefined(fallback(server))
      proxy.onUpgrade = "pass"
      yield* Harness.advanceUntil("it is connected", () => links(relay) === 2)
    }),
  )

  it.effect("tries stream again later, changes to it, and loses nothing that runs", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf({ responseTimeout: "10 minutes" })
      const body = new Harness.FedBody()
      const late = kept()
      const { proxy, server } = yield* behind(relay, 404, (head, given, reply) =>
        head.target === "/body"
          ? Harness.handler(() => ({ body }))(head, given, reply)
          : head.target === "/late"
            ? late.handler(head, given, reply)
            : Harness.echo(head, given, reply),
      )
      yield* untilClassic(server)
      const running = yield* Harness.open(relay, "/servers/demo/body")
      const whole = yield* Effect.forkChild(running.whole)
      yield* Harness.promised(() => body.untilRead())
      const pending = yield* Harness.open(relay, "/servers/demo/late", {
        method: "POST",
        body: "x",
      })
      yield* Harness.until("it is served", () => late.calls.length === 1)
      const tries = proxy.upgrades
      yield* Harness.advanceUntil("it has tried again", () => proxy.upgrades > tries, "1 second")
      assert.notInclude(relay.status("demo").transports, "stream")

      proxy.onUpgrade = "pass"
      const streams = () =>
        relay.status("demo").transports.filter((transport) => transport === "stream").length
      yield* Harness.advanceUntil("it speaks stream", () => streams() === 2, "1 second")
      assert.include(relay.status("demo").transports, "classic 2")
      yield* advance(30)
      const during = listens(proxy)
      yield* advance(30)
      assert.isAbove(listens(proxy), during, "it listens as long as something runs")
      body.feed("whole")
      body.end()
      assert.strictEqual((yield* Fiber.join(whole)).text, "whole")
      late.calls[0]?.answer({ status: 201 })
      assert.strictEqual((yield* pending.head).status, 201)
      yield* Harness.advanceUntil("classic ends", () => links(relay) === 2)
      assert.deepStrictEqual(relay.status("demo").transports, ["stream", "stream"])
      const before = listens(proxy)
      yield* TestClock.adjust("2 minutes")
      yield* Harness.turns(20)
      assert.strictEqual(listens(proxy), before, "it listens no more")
      assert.strictEqual((yield* Harness.get(relay, "/servers/demo/")).status, 200)
    }),
  )

  it.effect("goes back to classic when stream becomes impossible", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf()
      const { proxy, server } = yield* behind(relay, "pass")
      yield* untilLinks(relay, 2)
      refuseStream(proxy)
      yield* Harness.advanceUntil("it speaks classic", () => fallback(server) !== undefined)
      yield* untilClassic(server)
      assert.strictEqual((yield* Harness.get(relay, "/servers/demo/")).status, 200)
    }),
  )

  it.effect("is back at stream within seconds if stream has worked before", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf()
      const { proxy, server } = yield* behind(relay, "pass")
      yield* untilLinks(relay, 2)
      refuseStream(proxy)
      yield* Harness.advanceUntil("it speaks classic", () => fallback(server) !== undefined)
      yield* untilClassic(server)
      proxy.onUpgrade = "pass"
      yield* advance(6)
      yield* Harness.until("it speaks stream", () =>
        relay.status("demo").transports.includes("stream"),
      )
    }),
  )
})

describe("a server whose network lets WebSockets pass for a moment only", () => {
  it.effect("tries them again later each time", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf()
      const { proxy } = yield* behind(relay, "pass")
      const waits: Array<number> = []
      const classic = () => relay.status("demo").transports.includes("classic 2")
      for (let i = 0; i < 4; i++) {
        yield* Harness.advanceUntil("it speaks stream", () => links(relay) === 2 && !classic())
        refuseStream(proxy)
        yield* Harness.advanceUntil("it speaks classic", classic, "100 millis")
        proxy.onUpgrade = "pass"
        const tries = proxy.upgrades
        let seconds = 0
        while (proxy.upgrades === tries) {
          yield* advance(1)
          seconds += 1
        }
        waits.push(seconds)
      }
      // The relay sees classic up to 3 s after the wait has begun.
      for (const [i, seconds] of waits.entries()) {
        assert.isAtMost(seconds, 5 * 2 ** i)
        assert.isAtLeast(seconds, 5 * 2 ** i - 3)
      }
    }),
  )
})

describe("a server that is told to speak stream", () => {
  it.effect("never listens, says what is wrong, and connects once it can", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf()
      const proxy = yield* upgradeProxy(relay, 404)
      const server = yield* Harness.serverAt(proxy.url, "demo", Harness.echo, stream)
      yield* Harness.advanceUntil("it has tried a few times", () => proxy.upgrades >= 4)
      assert.deepStrictEqual(proxy.requests, [])
      assert.strictEqual(
        server.lines.filter((line) => line.includes("does not answer like a relay")).length,
        1,
      )
      proxy.onUpgrade = "pass"
      yield* Harness.advanceUntil("it is connected", () => links(relay) === 2)
      assert.deepStrictEqual(relay.status("demo").transports, ["stream", "stream"])
    }),
  )
})

describe("an upgrade that is refused", () => {
  const sockets = (): number =>
    process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap").length

  for (const [to, target, status] of [
    ["a relay", "/7ZSFUKGV/stream/demo", "401"],
    ["a server that is not registered", "/servers/nobody/", "404"],
  ] as const)
    it.live(`by ${to} holds no connection open, whatever comes behind it`, () =>
      Effect.gen(function* () {
        const relay = yield* relayOf()
        const before = sockets()
        for (let i = 0; i < 20; i++) {
          const client = yield* Harness.connect(relay)
          client.write(
            `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" +
              "X-ApiKey: not-the-key\r\n\r\n",
          )
          yield* client.until(`HTTP/1.1 ${status}`)
          client.write("more")
          client.end()
        }
        yield* Harness.until("every connection is closed", () => sockets() <= before)
      }),
    )
})
