/**
 * Relays that know each other: presence, messages, and what happens when one
 * is gone.
 */
import { assert, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { type Member, Membership, merged } from "../../../src/cluster/Membership.ts"
import { everybody, Peers, type PeersShape } from "../../../src/cluster/Peers.ts"
import * as PeerMesh from "../../../src/cluster/peers/PeerMesh.ts"
import type { ServerName } from "../../../src/domain/ServerName.ts"
import type { Tripcode } from "../../../src/domain/Tripcode.ts"
import { controlKind } from "../../../src/protocol/peer/PeerControl.ts"
import type { PresentLink } from "../../../src/protocol/peer/PresentLink.ts"
import { MemoryNetwork } from "../../support/MemoryNetwork.ts"

const attic = "attic" as ServerName

const link = (number: string, name = attic): PresentLink => ({
  name,
  instance: "i",
  number,
  tripcode: "A9rPwZyY89Ag4TJjMoyYA2NeGOm99Je6rq1s0rg8PfY=" as Tripcode,
  transport: "stream",
  openedAt: 1,
  program: "ptth",
})

const at = (id: string): string => `tcp:${id}:1`

const relay = (
  network: MemoryNetwork,
  id: string,
  members: ReadonlyArray<string | Member>,
  more: Partial<PeerMesh.PeerMeshOptions> = {},
) =>
  Layer.build(
    PeerMesh.layer({
      id,
      machine: id,
      program: "1",
      digest: () => "d",
      slot: () => 0,
      network: network.of(id),
      listen: [at(id)],
      ...more,
    }).pipe(
      Layer.provide(
        Membership.layerFixed(
          members.map((member) => (typeof member === "string" ? { at: at(member) } : member)),
        ),
      ),
    ),
  ).pipe(Effect.map(Context.get(Peers)))

/** Lets everything happen that waits for nothing but the event loop. */
const turns = Effect.gen(function* () {
  for (let i = 0; i < 30; i++)
    yield* Effect.callback<void>((resume) => {
      setImmediate(() => resume(Effect.void))
    })
})

const pass = (millis: number) =>
  Effect.gen(function* () {
    for (let passed = 0; passed < millis; passed += 100) {
      yield* TestClock.adjust(100)
      yield* turns
    }
  })

const states = (peers: PeersShape) => peers.list().map(({ id, state }) => `${id} ${state}`)

const numbers = (peers: PeersShape, name = attic) =>
  peers
    .holders(name)
    .map(({ links, peer }) => `${peer}: ${links.map(({ number }) => number).join(" ")}`)

it.effect("relays that list each other tell each other their links, and their end", () =>
  Effect.gen(function* () {
    const network = new MemoryNetwork()
    const a = yield* relay(network, "a", ["a", "b"])
    const leave = a.announce(link("0"))
    const b = yield* relay(network, "b", ["a", "b"])
    yield* turns
    assert.deepStrictEqual(states(a), ["b up"])
    assert.deepStrictEqual(states(b), ["a up"])
    assert.isTrue(a.isSettled() && b.isSettled())
    assert.deepStrictEqual(numbers(b), ["a: 0"])
    a.announce(link("1"))
    yield* turns
    assert.deepStrictEqual(numbers(b), ["a: 0 1"])
    leave()
    yield* turns
    assert.deepStrictEqual(numbers(b), ["a: 1"])
    a.withdraw()
    a.announce(link("2"))
    yield* turns
    assert.deepStrictEqual(numbers(b), [])
  }),
)

it.effect("a relay that is in no list is connected back to", () =>
  Effect.gen(function* () {
    const network = new MemoryNetwork()
    const a = yield* relay(network, "a", [])
    const b = yield* relay(network, "b", ["a"])
    b.announce(link("0"))
    yield* turns
    assert.deepStrictEqual(states(a), ["b up"])
    assert.deepStrictEqual(numbers(a), ["b: 0"])
  }),
)

it.effect("all workers of two machines know each other, although the list names one of each", () =>
  Effect.gen(function* () {
    const network = new MemoryNetwork()
    const worker = (machine: string, number: number, members: ReadonlyArray<string>) =>
      relay(network, `${machine}.${number}`, members, { machine, worker: number })
    const a0 = yield* worker("a", 0, ["a.0", "a.1", "b.0"])
    const a1 = yield* worker("a", 1, ["a.0", "a.1", "b.0"])
    const b0 = yield* worker("b", 0, ["b.0", "b.1", "a.0"])
    const b1 = yield* worker("b", 1, ["b.0", "b.1", "a.0"])
    yield* pass(5_000)
    assert.sameMembers(states(a0), ["a.1 up", "b.0 up", "b.1 up"])
    assert.sameMembers(states(a1), ["a.0 up", "b.0 up", "b.1 up"])
    assert.sameMembers(states(b0), ["b.1 up", "a.0 up", "a.1 up"])
    assert.sameMembers(states(b1), ["b.0 up", "a.0 up", "a.1 up"])
    a1.announce(link("0"))
    yield* turns
    assert.deepStrictEqual(numbers(b1), ["a.1: 0"])
  }).pipe(Effect.scoped),
)

it.effect("the links of a peer are gone with its connection, and come back with it", () =>
  Effect.gen(function* () {
    const network = new MemoryNetwork()
    const a = yield* relay(network, "a", ["b"])
    const b = yield* relay(network, "b", ["a"])
    b.announce(link("0"))
    yield* turns
    const changes: Array<string> = []
    a.onPresence(({ joined, left }) => changes.push(`+${joined.length} -${left.length}`))
    network.cut(at("b"))
    yield* turns
    assert.deepStrictEqual(numbers(a), [])
    assert.deepStrictEqual(states(a), ["b gone"])
    network.restore(at("b"))
    yield* pass(500)
    assert.deepStrictEqual(numbers(a), ["b: 0"])
    assert.deepStrictEqual(states(a), ["b up"])
    assert.deepStrictEqual(changes, ["+1 -0", "+0 -1", "+1 -0"])
  }),
)

it.effect("a relay that stops or is slow to start is no warning; one that is lost is", () =>
  Effect.gen(function* () {
    const network = new MemoryNetwork()
    const lines: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      lines.push(`${logLevel} ${String(message)}`)
    })
    const scope = yield* Scope.make()
    const warnings = () => lines.splice(0).filter((line) => line.startsWith("Warn"))
    const live = Effect.gen(function* () {
      yield* relay(network, "a", ["b"])
      yield* pass(9_000)
      assert.deepStrictEqual(warnings(), [])
      const b = yield* relay(network, "b", []).pipe(Scope.provide(scope))
      yield* pass(3_000)
      b.withdraw()
      yield* turns
      yield* Scope.close(scope, Exit.void)
      yield* pass(12_000)
      assert.deepStrictEqual(warnings(), [])
      yield* relay(network, "b", [])
      yield* pass(3_000)
      network.cut(at("b"))
      yield* pass(12_000)
      assert.deepStrictEqual(warnings(), [
        "Warn peers: b is gone",
        "Warn peers: tcp:b:1 cannot be connected to: nobody listens there",
      ])
    })
    yield* live.pipe(Effect.provide(Logger.layer([logger])))
  }).pipe(Effect.scoped),
)

/** Collects what a program logs as warnings. */
const warned = <A, E, R>(program: Effect.Effect<A, E, R>) => {
  const lines: Array<string> = []
  const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
    if (logLevel === "Warn") lines.push(String(message))
  })
  return program.pipe(Effect.provide(Logger.layer([logger])), Effect.as(lines))
}

const remedy =
  "no request hops to it. Set `advertise` in its [cluster] to where this machine reaches it"

it.effect("a relay that cannot be connected back to is tried for as long as it is connected", () =>
  Effect.gen(function* () {
    const network = new MemoryNetwork()
    network.cut(at("b"))
    const lines = yield* warned(
      Effect.gen(function* () {
        const a = yield* relay(network, "a", [])
        const b = yield* relay(network, "b", ["a"])
        b.announce(link("0"))
        yield* pass(90_000)
        assert.deepStrictEqual(states(a), ["b dialling"])
        network.restore(at("b"))
        yield* pass(3_000)
        assert.deepStrictEqual(states(a), ["b up"])
        assert.deepStrictEqual(numbers(a), ["b: 0"])
      }),
    )
    assert.deepStrictEqual(lines, [
      `peers: tcp:b:1 cannot be connected to: nobody listens there; b is there, and is connected to this relay; ${remedy}`,
    ])
  }).pipe(Effect.scoped),
)

it.effect("two relays that give the same address are told so", () =>
  Effect.gen(function* () {
    const network = new MemoryNetwork()
    const lines = yield* warned(
      Effect.gen(function* () {
        // As the engine has them: with ids.
        const members = [
          { id: "a", at: at("a") },
          { id: "b", at: at("a") },
        ]
        const [a, b] = [
          yield* relay(network, "a", members),
          yield* relay(network, "b", members, { advertise: at("a") }),
        ]
        yield* pass(15_000)
        assert.deepStrictEqual([...states(a), ...states(b)], [])
      }),
    )
    assert.deepStrictEqual(
      lines,
      ["b", "a"].map(
        (id) =>
          `peers: ${id} and this relay both give tcp:a:1 as their address; no request hops between them. Set \`advertise\` in [cluster] to an address of the relay's own`,
      ),
    )
  }).pipe(Effect.scoped),
)

it.effect("a relay of a list that gives the address of another one is connected, and told so", () =>
  Effect.gen(function* () {
    const network = new MemoryNetwork()
    const lines = yield* warned(
      Effect.gen(function* () {
        yield* relay(network, "a", [])
        const b = yield* relay(network, "b", ["a"], { advertise: at("a") })
        yield* relay(network, "c", ["c"], { listen: ["tcp:c:2"], advertise: at("c") })
        yield* pass(15_000)
        assert.deepStrictEqual(states(b), ["a up"])
      }),
    )
    assert.lengthOf(new Set(lines), 2)
    for (const line of lines)
      assert.match(line, /^peers: [ab] and this relay both give tcp:a:1 as their address/)
  }).pipe(Effect.scoped),
)

it.effect("a relay that connects, and gives the address of the other one, is named at once", () =>
  Effect.gen(function* () {
    const network = new MemoryNetwork()
    const lines = yield* warned(
      Effect.gen(function* () {
        const a = yield* relay(network, "a", [], { listen: [at("a"), at("alias")] })
        const b = yield* relay(network, "b", ["alias"], { advertise: at("a") })
        yield* pass(1_000)
        assert.deepStrictEqual(states(a), ["b dialling"])
        assert.deepStrictEqual(states(b), ["a up"])
      }),
    )
    assert.lengthOf(lines, 1)
    assert.match(lines[0] ?? "", /^peers: b and this relay both give tcp:a:1 as their address/)
  }).pipe(Effect.scoped),
)

it.effect("ten thousand links are told in pieces", () =>
  Effect.gen(function* () {
    const network = new MemoryNetwork()
    const a = yield* relay(network, "a", ["b"])
    for (let i = 0; i < 10_000; i++) a.announce(link("0", `server-${i}` as ServerName))
    const b = yield* relay(network, "b", ["a"])
    yield* turns
    assert.strictEqual(b.list()[0]?.links, 10_000)
    assert.deepStrictEqual(numbers(b, "server-9999" as ServerName), ["a: 0"])
  }),
)

it.effect("a relay waits for its peers' links at the start, but not for long", () =>
  Effect.gen(function* () {
    const network = new MemoryNetwork()
    const a = yield* relay(network, "a", ["b"])
    yield* turns
    assert.isFalse(a.isSettled())
    yield* pass(3_000)
    assert.isTrue(a.isSettled())
  }),
)

const Greeting = controlKind("greeting", Schema.String, Schema.String)
const Unknown = controlKind("unknown", Schema.String, Schema.String)

it.effect("messages are answered, also large ones; what is not known is said so", () =>
  Effect.gen(function* () {
    const network = new MemoryNetwork()
    const a = yield* relay(network, "a", ["b"])
    const b = yield* relay(network, "b", ["a"])
    yield* turns
    const told: Array<string> = []
    b.onControl(Greeting, (text, from) => {
      told.push(`${from}: ${text.length}`)
      return text === "no" ? Effect.fail("not this one") : Effect.succeed(`${text}!`)
    })
    a.tell(everybody, Greeting, "hello")
    const long = "x".repeat(200_000)
    assert.strictEqual(yield* a.ask("b", Greeting, long, 1_000), `${long}!`)
    assert.deepStrictEqual(told, ["a: 5", "a: 200000"])
    const failures = [
      yield* Effect.flip(a.ask("b", Greeting, "no", 1_000)),
      yield* Effect.flip(a.ask("b", Unknown, "", 1_000)),
      yield* Effect.flip(a.ask("c", Greeting, "", 1_000)),
    ]
    assert.deepStrictEqual(
      failures.map(({ message }) => message),
      ["b: not this one", "b: unknown is not known here", "c: there is no connection to it"],
    )
  }),
)

it.effect("relays without a common version of hops know each other, but no request hops", () =>
  Effect.gen(function* () {
    const network = new MemoryNetwork()
    const a = yield* relay(network, "a", ["b"])
    const b = yield* relay(network, "b", ["a"], { hop: [7, 9] })
    b.announce(link("0"))
    yield* turns
    assert.deepStrictEqual(
      a.list().map(({ state, takesHops }) => [state, takesHops]),
      [["up", false]],
    )
    assert.strictEqual(a.link("b")?.room, 0)
  }),
)

it.effect("of two relays with the same id the first is kept, and all log an error", () =>
  Effect.gen(function* () {
    const network = new MemoryNetwork()
    const lines: Array<string> = []
    const changes: Array<string> = []
    const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
      if (logLevel === "Error") lines.push(String(message))
      else changes.push(String(message))
    })
    const twin = { id: "b", listen: ["tcp:c:1"] }
    yield* Effect.gen(function* () {
      const a = yield* relay(network, "a", ["b", "c"])
      const end = yield* Scope.make()
      const b = yield* relay(network, "b", ["a", "c"]).pipe(Scope.provide(end))
      yield* turns
      const c = yield* relay(network, "c", ["a", "b"], twin)
      b.announce(link("of b"))
      c.announce(link("of c"))
      yield* pass(20_000)
      assert.deepStrictEqual(states(a), ["b up"])
      assert.deepStrictEqual(numbers(a), ["b: of b"])
      // The second is refused again and again, and does not fill its log.
      assert.isAtMost(changes.length, 15)
      assert.isTrue(changes.some((line) => line.includes("to a is lost repeatedly")))
      yield* Scope.close(end, Exit.void)
      yield* pass(5_000)
      assert.deepStrictEqual(numbers(a), ["b: of c"])
    }).pipe(Effect.provide(Logger.layer([logger])))
    assert.sameMembers(
      lines.map((text) => text.slice(0, text.indexOf(". "))),
      [
        "PTTH_SAME_RELAY_ID: the relay at tcp:b:1 and that at tcp:c:1 have the id b",
        "PTTH_SAME_RELAY_ID: this relay and that at tcp:b:1 have the id b",
        "PTTH_SAME_RELAY_ID: this relay and that at tcp:c:1 have the id b",
      ],
    )
  }),
)

it.effect("a relay whose addresses are wanted by another process accepts no more connections", () =>
  Effect.gen(function* () {
    const network = new MemoryNetwork()
    const released = yield* Deferred.make<void>()
    const a = yield* relay(network, "a", [], { released: Deferred.await(released) })
    const b = yield* relay(network, "b", ["a"])
    yield* turns
    yield* Deferred.succeed(released, undefined)
    yield* turns
    const c = yield* relay(network, "c", ["a"])
    yield* pass(1_000)
    assert.deepStrictEqual(states(a), ["b up"])
    assert.deepStrictEqual(states(b), ["a up"])
    assert.deepStrictEqual(c.unreached(), [at("a")])
    // It has come again as another process.
    yield* relay(network, "again", [], { listen: [at("a")] })
    yield* pass(2_000)
    assert.deepStrictEqual(states(c), ["again up"])
  }),
)

it.effect("a relay by itself has no peers", () =>
  Effect.gen(function* () {
    const peers = yield* Peers
    assert.isTrue(peers.isAlone && peers.isSettled())
    assert.deepStrictEqual(peers.holders(attic), [])
    const { members } = Context.get(yield* Layer.build(Membership.layerFixed([])), Membership)
    const first = yield* Stream.runHead(members)
    assert.deepStrictEqual(first, yield* Stream.runHead(Stream.succeed<ReadonlyArray<Member>>([])))
  }),
)

it.effect("members of several sources are all members", () =>
  Effect.gen(function* () {
    const source = (...members: ReadonlyArray<string>) => ({
      members: Stream.succeed(members.map((at): Member => ({ at }))),
      leave: Effect.void,
    })
    const last = yield* Stream.runLast(merged([source("a"), source("b", "c")]).members)
    assert.sameMembers(last._tag === "None" ? [] : last.value.map(({ at }) => at), ["a", "b", "c"])
  }),
)
