/**
 * The queue of a server with simulated links: order, limits, turns of the event loop, and requests
 * that hopped.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import type { ServerName } from "../../../src/domain/ServerName.ts"
import type { Tripcode } from "../../../src/domain/Tripcode.ts"
import type { Link, PeerLinks } from "../../../src/relay/dispatch/Link.ts"
import { Pending } from "../../../src/relay/dispatch/Pending.ts"
import { type QueueContext, RequestQueue } from "../../../src/relay/dispatch/RequestQueue.ts"
import { transportRefusal } from "../../../src/relay/dispatch/TransportRefusal.ts"
import { mostInTurn, TurnShare } from "../../../src/relay/dispatch/TurnShare.ts"
import { fromText } from "../../../src/transport/body/Body.ts"
import * as Deadlines from "../../../src/transport/runtime/Deadlines.ts"
import { ReusableMap } from "../../../src/transport/runtime/ReusableMap.ts"
import { ownerOf } from "../../support/PendingOwner.ts"

const name = "demo" as ServerName

const nextTurn = Effect.callback<void>((resume) => {
  setImmediate(() => setImmediate(() => resume(Effect.void)))
})

const contextOf = (deadlines: Deadlines.Deadlines): QueueContext => ({
  settings: {
    current: () => ({ waitForServer: "1 second" }),
    derived: () => ({ config: { maxQueue: 10 }, servers: new Map() }),
  } as unknown as QueueContext["settings"],
  deadlines,
  turns: new TurnShare(deadlines.elapsed),
  startedAt: deadlines.elapsed(),
  handedOut: new ReusableMap(),
})

/** A link that takes all requests. */
const linkTo = (offered: Array<Pending>): Link => ({
  name,
  tripcode: "" as Tripcode,
  instance: "i",
  transport: "stream",
  reason: "",
  program: "",
  number: "0",
  capacity: () => 1,
  places: () => 1,
  refusal: () => undefined,
  beginMillis: () => 100,
  offer: (requests) => {
    offered.push(...requests)
    return []
  },
  cancel: () => {},
  revoke: () => {},
  disconnect: () => {},
  drain: () => {},
})

/** A request that hopped here is to be begun within so many milliseconds, and is asked about. */
const settingOf = Effect.fnUntraced(function* (beginMillis: number) {
  const deadlines = yield* Deadlines.make
  const offered: Array<Pending> = []
  const link = linkTo(offered)
  const failures: Array<string> = []
  let allow = (_millis: number): void => {}
  const late = new Pending(
    ownerOf(deadlines),
    name,
    { method: "POST", target: "/", headers: [] },
    fromText(""),
    { respond: () => {}, fail: ({ code }) => failures.push(code) },
    undefined,
    {
      millis: 1_000,
      beginBy: deadlines.elapsed() + beginMillis,
      ask: (_age, go) => {
        allow = go
      },
      placed: () => {},
    },
  )
  const queue = new RequestQueue(name, contextOf(deadlines))
  queue.addLink(link)
  queue.enqueue(late)
  yield* nextTurn
  assert.deepStrictEqual(offered, [], "its visitor's relay is asked first")
  return { allow, failures, late, link, offered, queue }
})

const setting = settingOf(-1)

it.effect("a late request that hopped here is handed out once its visitor's relay allows it", () =>
  Effect.gen(function* () {
    const { allow, failures, late, offered } = yield* setting
    allow(100)
    yield* nextTurn
    assert.deepStrictEqual(offered, [late])
    assert.deepStrictEqual(failures, [])
  }),
)

it.effect("one that its server might begin too late is handed out only once that is allowed", () =>
  Effect.gen(function* () {
    const { allow, failures, late, offered } = yield* settingOf(50)
    allow(10)
    yield* nextTurn
    assert.deepStrictEqual(offered, [late])
    assert.deepStrictEqual(failures, [])
  }),
)

it.effect("a late request that hopped here goes back if the last link is gone by then", () =>
  Effect.gen(function* () {
    const { allow, failures, link, offered, queue } = yield* setting
    queue.removeLink(link)
    allow(100)
    yield* nextTurn
    assert.deepStrictEqual(offered, [])
    assert.deepStrictEqual(failures, ["PTTH_SERVER_OFFLINE"])
  }),
)

/** A request that fails into the list. */
const requestOf = (
  deadlines: Deadlines.Deadlines,
  failures: Array<string>,
  hop?: ConstructorParameters<typeof Pending>[6],
  headers: HeaderList = [],
  onFailure = (): void => {},
): Pending =>
  new Pending(
    ownerOf(deadlines),
    name,
    { method: "GET", target: "/", headers },
    fromText(""),
    {
      respond: () => {},
      fail: ({ code }) => {
        failures.push(code)
        onFailure()
      },
    },
    undefined,
    hop,
  )

it.effect("a late request that hopped here does not wait for longer than others once allowed", () =>
  Effect.gen(function* () {
    const { allow, failures, link, queue } = yield* setting
    link.capacity = () => 0
    queue.enqueue(requestOf(yield* Deadlines.make, []))
    yield* nextTurn
    allow(100)
    yield* nextTurn
    assert.deepStrictEqual(failures, [])
    yield* TestClock.adjust("2 seconds")
    assert.deepStrictEqual(failures, ["PTTH_SERVER_OFFLINE"])
  }),
)

it.effect("a request that a peer gives back does not wait for longer than others", () =>
  Effect.gen(function* () {
    const deadlines = yield* Deadlines.make
    const queue = new RequestQueue(name, contextOf(deadlines))
    queue.addLink({ ...linkTo([]), capacity: () => 0 })
    const hop = { millis: 1_000, beginBy: 0, ask: () => {}, placed: () => {} }
    queue.enqueue(requestOf(deadlines, [], hop))
    yield* nextTurn
    let room = 2
    queue.addPeer({
      capacity: () => room,
      awaitRoom: () => {},
      refusal: () => undefined,
      offer: ([, ...rest]) => {
        room = 0
        return rest
      },
    } as Partial<PeerLinks> as PeerLinks)
    const failures: Array<string> = []
    for (let i = 0; i < 2; i++) queue.enqueue(requestOf(deadlines, failures))
    yield* nextTurn
    assert.deepStrictEqual(failures, [])
    yield* TestClock.adjust("2 seconds")
    assert.deepStrictEqual(failures, ["PTTH_SERVER_OFFLINE"])
  }),
)

it.effect("requests of a lost link are offered again in the order in which they arrived", () =>
  Effect.gen(function* () {
    const deadlines = yield* Deadlines.make
    const [first, second, third, fourth] = [1, 2, 3, 4].map(
      (number) =>
        new Pending(
          ownerOf(deadlines),
          name,
          { method: "GET", target: `/${number}`, headers: [] },
          fromText(""),
          { respond: () => {}, fail: () => {} },
        ),
    ) as [Pending, Pending, Pending, Pending]
    const queue = new RequestQueue(name, contextOf(deadlines))
    queue.enqueue(fourth)
    for (const lost of [second, third, first]) queue.requeue(lost)
    const offered: Array<Pending> = []
    queue.addLink(linkTo(offered))
    yield* nextTurn
    assert.deepStrictEqual(
      offered.map(({ head }) => head.target),
      ["/1", "/2", "/3", "/4"],
    )
  }),
)

describe("a request for a WebSocket, which classic cannot carry", () => {
  const hop = { millis: 1_000, beginBy: 0, ask: () => {}, placed: () => {} }
  const upgrade = [
    ["Connection", "Upgrade"],
    ["Upgrade", "websocket"],
  ] as const

  /** A queue, whose links and peers tell what they were offered, and requests for it. */
  const mixed = Effect.gen(function* () {
    const deadlines = yield* Deadlines.make
    const context = contextOf(deadlines)
    const queue = new RequestQueue(name, context)
    const offered = { classic: [] as Array<Pending>, stream: [] as Array<Pending> }
    const linkOf = (transport: "classic 2" | "stream", instance: string): Link => ({
      ...linkTo(transport === "stream" ? offered.stream : offered.classic),
      transport,
      instance,
      refusal: (head) => transportRefusal(transport, head),
    })
    const peerOf = (transport: "classic 2" | "stream"): PeerLinks =>
      ({ ...linkOf(transport, "relay b"), awaitRoom: () => {} }) as PeerLinks
    const failures: Array<string> = []
    const webSocket = (terms?: typeof hop, onFailure?: () => void) =>
      requestOf(deadlines, failures, terms, upgrade, onFailure)
    const plain = () => requestOf(deadlines, failures)
    return { context, failures, linkOf, offered, peerOf, plain, queue, webSocket }
  })

  it.effect("goes to a process that speaks stream, whoever's turn it is", () =>
    Effect.gen(function* () {
      const { failures, linkOf, offered, plain, queue, webSocket } = yield* mixed
      queue.addLink(linkOf("stream", "one"))
      queue.addLink(linkOf("classic 2", "other"))
      const requests = [0, 1, 2, 3, 4].flatMap(() => [webSocket(), plain()])
      for (const request of requests) {
        queue.enqueue(request)
        yield* nextTurn
      }
      assert.deepStrictEqual(failures, [])
      assert.includeMembers(
        offered.stream,
        requests.filter((_, i) => i % 2 === 0),
      )
      assert.isNotEmpty(offered.classic)
      assert.strictEqual(offered.stream.length + offered.classic.length, 10)
    }),
  )

  it.effect("goes to another relay if only that one has such a link", () =>
    Effect.gen(function* () {
      const { failures, linkOf, offered, peerOf, queue, webSocket } = yield* mixed
      queue.addLink(linkOf("classic 2", "one"))
      queue.addPeer(peerOf("classic 2"))
      queue.addPeer(peerOf("stream"))
      const request = webSocket()
      queue.enqueue(request)
      yield* nextTurn
      assert.deepStrictEqual(failures, [])
      assert.deepStrictEqual(offered, { classic: [], stream: [request] })
    }),
  )

  it.effect("does not hop twice", () =>
    Effect.gen(function* () {
      const { failures, linkOf, offered, peerOf, queue, webSocket } = yield* mixed
      queue.addLink(linkOf("classic 2", "one"))
      queue.addPeer(peerOf("stream"))
      queue.enqueue(webSocket(hop))
      yield* nextTurn
      assert.deepStrictEqual(failures, ["PTTH_NO_UPGRADE"])
      assert.deepStrictEqual(offered, { classic: [], stream: [] })
    }),
  )

  it.effect("is refused at once if there is none", () =>
    Effect.gen(function* () {
      const { failures, linkOf, peerOf, queue, webSocket } = yield* mixed
      queue.addLink(linkOf("classic 2", "one"))
      queue.addPeer(peerOf("classic 2"))
      queue.enqueue(webSocket())
      yield* nextTurn
      assert.deepStrictEqual(failures, ["PTTH_NO_UPGRADE"])
      assert.strictEqual(queue.status().waiting, 0)
    }),
  )

  it.effect("waits for one that is busy, and others do not wait for it", () =>
    Effect.gen(function* () {
      const { failures, linkOf, offered, plain, queue, webSocket } = yield* mixed
      const busy = linkOf("stream", "one")
      let room = 0
      busy.capacity = () => room
      queue.addLink(busy)
      queue.addLink(linkOf("classic 2", "other"))
      const waiting = webSocket()
      const other = plain()
      queue.enqueue(waiting)
      queue.enqueue(other)
      yield* nextTurn
      assert.deepStrictEqual(offered, { classic: [other], stream: [] })
      assert.strictEqual(queue.status().waiting, 1)
      room = 1
      queue.ready(busy)
      assert.deepStrictEqual(offered.stream, [waiting])
      assert.deepStrictEqual(failures, [])
    }),
  )

  it.effect("is refused when the one that it waits for goes, and does not wait for ever", () =>
    Effect.gen(function* () {
      const { failures, linkOf, queue, webSocket } = yield* mixed
      const busy = { ...linkOf("stream", "one"), capacity: () => 0 }
      queue.addLink(busy)
      queue.addLink(linkOf("classic 2", "other"))
      queue.enqueue(webSocket())
      yield* nextTurn
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(failures, ["PTTH_SERVER_OFFLINE"])
      queue.enqueue(webSocket())
      yield* nextTurn
      queue.removeLink(busy)
      yield* nextTurn
      assert.deepStrictEqual(failures, ["PTTH_SERVER_OFFLINE", "PTTH_NO_UPGRADE"])
    }),
  )

  it.effect("waits with at most as many others as any request", () =>
    Effect.gen(function* () {
      const { failures, linkOf, queue, webSocket } = yield* mixed
      queue.addLink({ ...linkOf("stream", "one"), capacity: () => 0 })
      queue.addLink(linkOf("classic 2", "other"))
      for (let i = 0; i < 15; i++) {
        queue.enqueue(webSocket())
        yield* nextTurn
      }
      assert.deepStrictEqual(
        failures,
        Array.from({ length: 5 }, () => "PTTH_QUEUE_FULL"),
      )
      assert.strictEqual(queue.status().waiting, 10)
    }),
  )

  it.effect("fails without another's going to a link whose room is gone by then", () =>
    Effect.gen(function* () {
      const { context, failures, linkOf, offered, plain, queue, webSocket } = yield* mixed
      queue.addLink({ ...linkOf("stream", "one"), capacity: () => 0 })
      let room = mostInTurn + 2
      const beyond: Array<Pending> = []
      queue.addLink({
        ...linkOf("classic 2", "other"),
        capacity: () => room,
        offer: (requests) => {
          beyond.push(...requests.slice(room))
          room = Math.max(0, room - requests.length)
          offered.classic.push(...requests)
          return []
        },
      })
      for (let i = 0; i < 10; i++) queue.enqueue(webSocket())
      yield* nextTurn
      // Another server is active, so that the last two wait for the next turn, together.
      context.turns.isContested("other" as ServerName)
      for (let i = 0; i < mostInTurn; i++) queue.enqueue(plain())
      const refused = webSocket(undefined, () => {
        for (let i = 0; i < 3; i++) queue.enqueue(plain())
      })
      const last = plain()
      queue.enqueue(refused)
      queue.enqueue(last)
      yield* nextTurn
      assert.include(failures, "PTTH_QUEUE_FULL")
      assert.deepStrictEqual(beyond, [])
      assert.strictEqual(offered.classic.length, mostInTurn + 2)
      assert.include(offered.classic, last)
    }),
  )

  it.effect("is told when the relay drains", () =>
    Effect.gen(function* () {
      const { failures, linkOf, queue, webSocket } = yield* mixed
      queue.addLink({ ...linkOf("stream", "one"), capacity: () => 0 })
      queue.addLink(linkOf("classic 2", "other"))
      queue.enqueue(webSocket())
      yield* nextTurn
      queue.drain()
      assert.deepStrictEqual(failures, ["PTTH_DRAINING"])
    }),
  )

  it.effect("does not wait for a link of a relay that drains", () =>
    Effect.gen(function* () {
      const { failures, linkOf, peerOf, queue, webSocket } = yield* mixed
      queue.addLink({ ...linkOf("stream", "one"), capacity: () => 0 })
      queue.addLink(linkOf("classic 2", "other"))
      queue.addPeer(peerOf("classic 2"))
      queue.enqueue(webSocket())
      yield* nextTurn
      assert.deepStrictEqual(failures, [])
      queue.drain()
      assert.deepStrictEqual(failures, ["PTTH_NO_UPGRADE"])
      assert.strictEqual(queue.status().waiting, 0)
    }),
  )
})
