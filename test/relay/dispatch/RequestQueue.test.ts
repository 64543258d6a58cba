/**
 * The queue of a server with simulated links: order, limits, turns of the event loop, and requests
 * that hopped.
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import type { ServerName } from "../../../src/domain/ServerName.ts"
import type { Tripcode } from "../../../src/domain/Tripcode.ts"
import type { Link, PeerLinks } from "../../../src/relay/dispatch/Link.ts"
import { Pending } from "../../../src/relay/dispatch/Pending.ts"
import { type QueueContext, RequestQueue } from "../../../src/relay/dispatch/RequestQueue.ts"
import { TurnShare } from "../../../src/relay/dispatch/TurnShare.ts"
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
): Pending =>
  new Pending(
    ownerOf(deadlines),
    name,
    { method: "GET", target: "/", headers: [] },
    fromText(""),
    { respond: () => {}, fail: ({ code }) => failures.push(code) },
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
