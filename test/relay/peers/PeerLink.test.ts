/**
 * What happens to a request whose hop fails, for each reason.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import type { HopFailure, HopReply, HopRequest, PresentLink } from "../../../src/cluster/Peers.ts"
import { Peers, type PeersShape, type PresenceChange } from "../../../src/cluster/Peers.ts"
import { tripcodeOfText } from "../../../src/domain/ApiKey.ts"
import type { ServerName } from "../../../src/domain/ServerName.ts"
import { ExchangeError } from "../../../src/protocol/Exchange.ts"
import type { Body } from "../../../src/transport/body/Body.ts"
import { fromText } from "../../../src/transport/body/Body.ts"
import * as Harness from "../../support/Harness.ts"

interface Hop {
  readonly peer: string
  readonly request: HopRequest
  readonly body: Body
  readonly reply: HopReply
}

const linkOf = (key = Harness.keyOf("demo")): PresentLink => ({
  name: "demo" as ServerName,
  instance: "i",
  number: "0",
  tripcode: tripcodeOfText(key),
  transport: "stream",
  openedAt: 1,
  program: "",
})

/** A relay with peers that do what a test says. */
const setting = Effect.fnUntraced(function* (
  links: { readonly [peer: string]: PresentLink },
  options: Harness.RelayOptions = {},
) {
  const alone = yield* Peers
  const hops: Array<Hop> = []
  const forgotten: Array<string> = []
  const listeners = new Set<(change: PresenceChange) => void>()
  const line = { room: 1000, roomAfterHop: 1000, changed: (): void => {} }
  const present = new Map(Object.entries(links))
  const peers: PeersShape = {
    ...alone,
    isAlone: false,
    self: { ...alone.self, id: "me", machine: "me" },
    onPresence: (listener) => {
      listeners.add(listener)
      for (const [peer, link] of present) listener({ peer, joined: [link], left: [] })
      return () => listeners.delete(listener)
    },
    list: () =>
      [...present.keys()].map((id) => ({
        id,
        machine: id,
        worker: undefined,
        address: "",
        program: "",
        since: 0,
        roundTrip: 1,
        state: "up",
        digest: "",
        takesHops: true,
        slot: 0,
        links: 1,
        isDraining: false,
      })),
    linksOf: (peer) => [present.get(peer)].filter((link) => link !== undefined),
    holders: () => [...present].map(([peer, link]) => ({ peer, links: [link] })),
    forget: (peer) => {
      forgotten.push(peer)
      const link = present.get(peer)
      present.delete(peer)
      if (link !== undefined)
        for (const listener of listeners) listener({ peer, joined: [], left: [link] })
    },
    onRoom: (listener) => {
      line.changed = () => listener("a")
      return () => {}
    },
    link: (peer) => ({
      hopVersion: 2,
      get room() {
        return line.room
      },
      places: 1000,
      roundTrip: 1,
      together: (run) => run(),
      hop: (request, body, reply) => {
        hops.push({ peer, request, body, reply })
        line.room = line.roomAfterHop
        return () => {}
      },
    }),
  }
  const relay = yield* Harness.relay({ servers: ["demo"], ...options }).pipe(
    Effect.provideService(Peers, peers),
  )
  const next = (count: number) =>
    Effect.map(
      Harness.until(`hop ${count}`, () => hops.length >= count),
      () => hops[count - 1] as Hop,
    )
  return { forgotten, hops, line, next, relay }
})

const fail = ({ reply }: Hop, reason: HopFailure): void =>
  reply.fail(new ExchangeError({ code: "PTTH_LINK_LOST", detail: reason }), reason)

const two = { a: linkOf(), b: linkOf() }

describe("a hop that nobody has seen", () => {
  for (const method of ["GET", "POST"] as const)
    it.effect(`is placed elsewhere, and the entry is dropped: ${method}`, () =>
      Effect.gen(function* () {
        const { forgotten, next, relay } = yield* setting(two)
        const body = "x".repeat(100_000)
        const visit = yield* Harness.open(relay, "/servers/demo/", {
          method,
          ...(method === "POST" ? { body } : {}),
        })
        const first = yield* next(1)
        fail(first, "refused")
        const second = yield* next(2)
        assert.notStrictEqual(second.peer, first.peer)
        assert.deepStrictEqual(forgotten, [first.peer])
        const sent = yield* Harness.promised(() => Harness.readWhole(second.body))
        assert.strictEqual(sent.length, method === "POST" ? body.length : 0)
        second.reply.respond({ status: 200, headers: [] }, fromText("done"))
        assert.strictEqual((yield* visit.whole).text, "done")
      }),
    )

  it.effect("fails with 503 when all links there are busy", () =>
    Effect.gen(function* () {
      const { forgotten, next, relay } = yield* setting(two)
      const visit = yield* Harness.open(relay, "/servers/demo/", { method: "POST", body: "x" })
      fail(yield* next(1), "busy")
      const visited = yield* visit.whole
      assert.strictEqual(visited.status, 503)
      assert.include(visited.text, "PTTH_QUEUE_FULL")
      assert.deepStrictEqual(forgotten, [])
    }),
  )

  it.effect("waits for the server if no other relay has a link", () =>
    Effect.gen(function* () {
      const { hops, next, relay } = yield* setting({ a: linkOf() })
      const visit = yield* Harness.open(relay, "/servers/demo/", { method: "POST", body: "x" })
      fail(yield* next(1), "refused")
      yield* Harness.server(relay, "demo", Harness.echo, { transport: "stream", connections: 1 })
      assert.strictEqual((yield* visit.whole).text, "x")
      assert.lengthOf(hops, 1)
    }),
  )
})

describe("a connection that is full after the first of several requests", () => {
  it.effect("is given the others once it takes more", () =>
    Effect.gen(function* () {
      const { hops, line, next, relay } = yield* setting({ a: linkOf() })
      line.room = 0
      line.roomAfterHop = 0
      const visits = [
        yield* Harness.open(relay, "/servers/demo/"),
        yield* Harness.open(relay, "/servers/demo/"),
      ]
      yield* Harness.until("both wait", () => relay.status("demo").waiting === 2)
      for (const count of [1, 2]) {
        line.room = 2
        line.changed()
        const { reply } = yield* next(count)
        assert.lengthOf(hops, count)
        assert.strictEqual(relay.status("demo").waiting, 2 - count)
        reply.respond({ status: 200, headers: [] }, fromText("done"))
      }
      for (const visit of visits) assert.strictEqual((yield* visit.whole).text, "done")
    }),
  )
})

describe("a hop that a server may have seen", () => {
  for (const reason of ["cut", "lost"] as const)
    it.effect(`is offered again if it is a GET: ${reason}`, () =>
      Effect.gen(function* () {
        const { next, relay } = yield* setting(two)
        const visit = yield* Harness.open(relay, "/servers/demo/")
        fail(yield* next(1), reason)
        ;(yield* next(2)).reply.respond({ status: 200, headers: [] }, fromText("done"))
        assert.strictEqual((yield* visit.whole).text, "done")
      }),
    )

  it.effect("is offered four times at most", () =>
    Effect.gen(function* () {
      const { hops, next, relay } = yield* setting(two)
      const visit = yield* Harness.open(relay, "/servers/demo/")
      for (let i = 1; i <= 4; i++) fail(yield* next(i), "cut")
      assert.strictEqual((yield* visit.whole).status, 502)
      assert.lengthOf(hops, 4)
    }),
  )

  it.effect("is told to its visitor at once if the other relay says that it is over: POST", () =>
    Effect.gen(function* () {
      const { hops, next, relay } = yield* setting(two)
      const visit = yield* Harness.open(relay, "/servers/demo/", { method: "POST", body: "x" })
      fail(yield* next(1), "cut")
      assert.strictEqual((yield* visit.whole).status, 502)
      assert.lengthOf(hops, 1)
    }),
  )

  it.effect("is told once no server can begin it any more, if the other relay is lost: POST", () =>
    Effect.gen(function* () {
      const { hops, next, relay } = yield* setting(two)
      const visit = yield* Harness.open(relay, "/servers/demo/", { method: "POST", body: "x" })
      fail(yield* next(1), "lost")
      yield* Harness.turns(50)
      assert.isFalse(visit.isAnswered())
      yield* Harness.advanceUntil("it is told", () => visit.isAnswered())
      assert.strictEqual((yield* visit.whole).status, 502)
      assert.lengthOf(hops, 1)
    }),
  )
})

describe("a hop that was handed to a server", () => {
  it.effect(
    "is told a second after its server may begin it, if the other relay is lost: POST",
    () =>
      Effect.gen(function* () {
        const { next, relay } = yield* setting(two)
        const visit = yield* Harness.open(relay, "/servers/demo/", { method: "POST", body: "x" })
        const hop = yield* next(1)
        hop.reply.placed?.(250)
        fail(hop, "lost")
        yield* TestClock.adjust("1200 millis")
        yield* Harness.turns(50)
        assert.isFalse(visit.isAnswered())
        yield* TestClock.adjust("200 millis")
        assert.strictEqual((yield* visit.whole).status, 502)
      }),
  )

  it.effect("is told at once, if its server has had it for longer: POST", () =>
    Effect.gen(function* () {
      const { next, relay } = yield* setting(two)
      const visit = yield* Harness.open(relay, "/servers/demo/", { method: "POST", body: "x" })
      const hop = yield* next(1)
      hop.reply.placed?.(250)
      yield* TestClock.adjust("1300 millis")
      fail(hop, "lost")
      assert.strictEqual((yield* visit.whole).status, 502)
    }),
  )
})

describe("links of peers", () => {
  it.effect("are used only while this relay has no link of its own", () =>
    Effect.gen(function* () {
      const { hops, relay } = yield* setting(two)
      yield* Harness.server(relay, "demo", Harness.echo, { transport: "stream", connections: 1 })
      const visited = yield* Harness.visit(relay, "/servers/demo/", { method: "POST", body: "x" })
      assert.strictEqual(visited.text, "x")
      assert.lengthOf(hops, 0)
    }),
  )

  it.effect("with a key that is not registered here are not used, until it is", () =>
    Effect.gen(function* () {
      const { hops, next, relay } = yield* setting({ a: linkOf("another-key-of-the-server") })
      const visit = yield* Harness.open(relay, "/servers/demo/")
      yield* Harness.turns(50)
      assert.lengthOf(hops, 0)
      yield* visit.leave
      yield* relay.change({ servers: [{ name: "demo", key: "another-key-of-the-server" }] })
      const again = yield* Harness.open(relay, "/servers/demo/")
      const hop = yield* next(1)
      assert.strictEqual(hop.request.name, "demo")
      yield* again.leave
    }),
  )

  it.effect("get nothing that a visitor says of hops", () =>
    Effect.gen(function* () {
      const { next, relay } = yield* setting(two)
      const fields = ["hop-name", "x-ptth-hop", "ptth-hop-name", "x-ptth-relay", "x-ptth-have"].map(
        (name) => [name, "other"] as const,
      )
      const visit = yield* Harness.open(relay, "/servers/demo/x", { headers: fields })
      const { request } = yield* next(1)
      assert.strictEqual(request.name, "demo")
      assert.strictEqual(request.head.target, "/x")
      yield* visit.leave
    }),
  )
})
