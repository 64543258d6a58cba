/**
 * How many links a server may have, of all its processes and over every
 * transport, and what those hear that are too many.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { StreamPeer } from "../../hostile/StreamPeer.ts"
import * as Harness from "../../support/Harness.ts"
import { rawLink } from "../../support/RawLink.ts"

const relayOf = (maxLinks: number) =>
  Harness.relay({ servers: ["demo", "other"], config: { maxLinks } })

const links = (relay: Harness.TestRelay, name = "demo"): number =>
  relay.status(name).transports.length

const complaints = ({ lines }: Harness.TestServer) =>
  lines.filter((line) => line.startsWith("PTTH_TOO_MANY_LINKS: "))

const untilRefused = (server: Harness.TestServer) =>
  Harness.until("it is told so", () => complaints(server).length > 0)

const peer = (relay: Harness.TestRelay, link: number) =>
  Harness.promised(() => StreamPeer.connect(relay, "demo", { instance: "peer", link }))

describe("a server that wants more links than it may have", () => {
  it.effect("keeps those that it has, says so once, and gets more as soon as it may", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf(3)
      const server = yield* Harness.server(relay, "demo", Harness.echo, {
        transport: "stream",
        connections: 6,
      })
      yield* Harness.server(relay, "other", Harness.echo, { transport: "stream" })
      yield* Harness.until("the room is full", () => links(relay) === 3)
      yield* untilRefused(server)
      for (let minute = 0; minute < 5; minute++) {
        for (let i = 0; i < 12; i++) {
          yield* TestClock.adjust("5 seconds")
          yield* Harness.turns(20)
        }
        assert.strictEqual((yield* Harness.get(relay, "/servers/demo/x")).status, 200)
        assert.strictEqual((yield* Harness.get(relay, "/servers/other/x")).status, 200)
      }
      assert.strictEqual(links(relay), 3)
      assert.strictEqual(links(relay, "other"), 2)
      assert.strictEqual(complaints(server).length, 1)
      const events = relay.events().filter(({ _tag }) => _tag === "LinksLimited")
      assert.isAtLeast(events.length, 1)
      assert.isAtMost(events.length, 6)
      yield* relay.change({ config: { maxLinks: 64 } })
      yield* Harness.advanceUntil("it gets all", () => links(relay) === 6, "5 seconds")
    }),
  )

  it.effect("is told so by classic, whatever it has at its address, and others are not", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf(2)
      const first = yield* Harness.server(relay, "demo", Harness.echo)
      yield* Harness.server(relay, "demo", Harness.echo)
      const third = yield* Harness.serverAt(relay.url, "demo", Harness.echo)
      yield* untilRefused(third)
      yield* Harness.server(relay, "other", Harness.echo)
      assert.strictEqual((yield* Harness.get(relay, "/servers/demo/x")).status, 200)
      yield* first.stop
      yield* Harness.advanceUntil("the third has its place", () =>
        third.lines.some((line) => line.startsWith("connected")),
      )
    }),
  )

  it.effect("has its place taken by links that are dead no longer than it takes to find out", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf(1)
      const dead = yield* rawLink(relay, { instance: "dead" })
      yield* Harness.until("it has joined", () => links(relay) === 1)
      const server = yield* Harness.serverAt(relay.url, "demo", Harness.echo)
      yield* untilRefused(server)
      yield* TestClock.adjust("2200 millis")
      yield* dead.until("it is ended", dead.isClosed)
      yield* Harness.advanceUntil("the other has its place", () =>
        server.lines.some((line) => line.startsWith("connected")),
      )
    }),
  )

  it.effect("over classic 1, has no more listens wait than that; those that wait are served", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf(2)
      const listen = () =>
        Harness.open(relay, "/7ZSFUKGV/http_listen/demo", {
          headers: [["X-ApiKey", Harness.keyOf("demo")]],
        })
      const waiting = [yield* listen(), yield* listen()]
      yield* Harness.until("they wait", () => links(relay) === 1)
      const answer = yield* Effect.flatMap(listen(), ({ whole }) => whole)
      assert.strictEqual(answer.status, 429)
      assert.strictEqual(answer.header("x-ptth-code"), "PTTH_TOO_MANY_LINKS")
      assert.strictEqual(answer.header("retry-after"), "5")
      assert.isFalse(waiting.some(({ isAnswered }) => isAnswered()))
      yield* Harness.open(relay, "/servers/demo/x")
      yield* Harness.until("one of them has it", () =>
        waiting.some(({ isAnswered }) => isAnswered()),
      )
    }),
  )

  it.effect("may open a link anew, also when there is room for no other", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf(2)
      const [first] = [yield* peer(relay, 0), yield* peer(relay, 1)]
      yield* Harness.until("the room is full", () => links(relay) === 2)
      yield* peer(relay, 0)
      yield* Harness.promised(() => first.until("it is replaced", () => first.isClosed))
      assert.strictEqual(links(relay), 2)
    }),
  )

  it.effect("is limited also where links are opened and say nothing", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf(2)
      const upgrade = [
        "GET /7ZSFUKGV/stream/demo HTTP/1.1",
        "Host: relay.test",
        `X-ApiKey: ${Harness.keyOf("demo")}`,
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
      ]
      for (const status of ["101 Switching Protocols", "101 Switching Protocols", "429 Too Many"]) {
        const connection = yield* Harness.connect(relay)
        connection.write(`${upgrade.join("\r\n")}\r\n\r\n`)
        yield* connection.until(`HTTP/1.1 ${status}`)
      }
    }),
  )

  it.effect("gets the places of links that turn out to be dead", () =>
    Effect.gen(function* () {
      const relay = yield* relayOf(2)
      const dead = [yield* peer(relay, 0), yield* peer(relay, 1)]
      yield* Harness.until("the room is full", () => links(relay) === 2)
      for (const { socket } of dead) socket.pause()
      const server = yield* Harness.serverAt(relay.url, "demo", Harness.echo, {
        transport: "stream",
      })
      yield* untilRefused(server)
      yield* Harness.advanceUntil("it has both", () =>
        server.lines.some((line) => line.startsWith("connected")),
      )
      yield* Harness.advanceUntil("and no other is there", () => links(relay) === 2)
    }),
  )

  it.effect("has them at all relays of a cluster together, and may move one", () =>
    Effect.gen(function* () {
      const cluster = yield* Harness.cluster(["a", "b"], {
        servers: ["demo"],
        config: { maxLinks: 3 },
      })
      const [a, b] = cluster.relays as [Harness.ClusterRelay, Harness.ClusterRelay]
      yield* Harness.server(a, "demo", Harness.echo, { transport: "stream", connections: 2 })
      yield* Harness.knowsLinks(b, "demo", 2)
      yield* peer(b, 1)
      yield* Harness.until("it is there", () => links(b) === 1)
      yield* Harness.knowsLinks(a, "demo", 1)
      const refused = yield* Effect.exit(peer(b, 2))
      assert.match(String(refused), /Unexpected server response: 429/)
      yield* peer(a, 1)
      yield* Harness.until("it has moved", () => links(a) === 3 && links(b) === 0)
    }),
  )
})
