/** How servers share the turns of the event loop, with turns that the test ends itself. */
import { assert, beforeEach, it } from "@effect/vitest"
import type { ServerName } from "../../../src/domain/ServerName.ts"
import {
  contestedMillis,
  mostInTurn,
  mostWaiting,
  Share,
  TurnShare,
} from "../../../src/relay/dispatch/TurnShare.ts"

let now = 0
let turns = new TurnShare(() => now)
let next: Array<() => void> = []

beforeEach(() => {
  now = 0
  next = []
  turns = new TurnShare(
    () => now,
    (call) => next.push(call),
  )
})

const nextTurn = (): void => {
  for (const call of next.splice(0)) call()
}

const shareOf = (name: string): Share => new Share(turns, name as ServerName)

/** Has a share process `total`, as far as each turn allows; which of them in which turn is noted in `log`. */
const process = (share: Share, total: number, log: Array<string> = []): void => {
  let left = total
  const go = (): void => {
    const count = Math.min(left, share.left)
    for (let i = 0; i < count; i++) log.push(share.name)
    left -= count
    share.take(count)
    if (left > 0) share.later(go)
  }
  go()
}

it("a server that is alone is given all its requests in one turn", () => {
  const attic = shareOf("attic")
  assert.strictEqual(attic.left, Number.POSITIVE_INFINITY)
  attic.take(5_000)
  assert.strictEqual(attic.left, Number.POSITIVE_INFINITY)
})

it("a server among others is given some in each turn, whatever another had of it", () => {
  const [attic, cellar] = [shareOf("attic"), shareOf("cellar")]
  assert.strictEqual(attic.left, Number.POSITIVE_INFINITY)
  attic.take(5_000)
  assert.strictEqual(cellar.left, mostInTurn)
  cellar.take(1)
  assert.strictEqual(cellar.left, mostInTurn - 1)
  assert.strictEqual(attic.left, 0)
  nextTurn()
  assert.strictEqual(attic.left, mostInTurn)
  attic.take(mostInTurn)
  assert.strictEqual(attic.left, 0)
  nextTurn()
  now = contestedMillis
  assert.strictEqual(attic.left, Number.POSITIVE_INFINITY, "the other has none any more")
})

it("a server that has had nothing of a turn is told from one that has", () => {
  const [attic, cellar] = [shareOf("attic"), shareOf("cellar")]
  assert.isFalse(attic.isUnused, "it is alone")
  assert.isTrue(cellar.isUnused)
  cellar.take(1)
  assert.isFalse(cellar.isUnused)
  nextTurn()
  assert.isTrue(cellar.isUnused)
})

it("what a flooded server has waits while another is served at once, and comes in order", () => {
  const [attic, cellar] = [shareOf("attic"), shareOf("cellar")]
  assert.isTrue(attic.left > 0)
  const log: Array<string> = []
  assert.isTrue(cellar.left > 0)
  process(attic, 3 * mostInTurn, log)
  assert.lengthOf(log, mostInTurn)
  process(cellar, 1, log)
  assert.strictEqual(log.at(-1), "cellar")
  nextTurn()
  nextTurn()
  assert.lengthOf(log, 3 * mostInTurn + 1)
  assert.lengthOf(next, 1)
  nextTurn()
  assert.lengthOf(next, 0, "nothing waits any more")
})

it("servers that wait take turns, few in each", () => {
  const shares = Array.from({ length: 6 }, (_, i) => shareOf(`s${i}`))
  for (const share of shares) assert.isTrue(share.left > 0)
  const log: Array<string> = []
  for (const share of shares) process(share, 4 * mostInTurn, log)
  const before = log.length
  nextTurn()
  assert.strictEqual(log.length - before, mostWaiting)
  for (let i = 0; i < 2; i++) nextTurn()
  const later = log.slice(before)
  for (const { name } of shares)
    assert.strictEqual(later.filter((one) => one === name).length, mostInTurn, name)
})

it("several of one server that wait take turns, too", () => {
  const [attic, cellar] = [shareOf("attic"), shareOf("cellar")]
  assert.isTrue(attic.left > 0)
  assert.isTrue(cellar.left > 0)
  const order: Array<string> = []
  const link = (what: string): void => {
    order.push(what)
    cellar.take(mostInTurn)
    cellar.later(() => link(what))
  }
  link("first")
  link("second")
  for (let i = 0; i < 4; i++) nextTurn()
  assert.deepStrictEqual(order.slice(2), ["first", "second", "first", "second"])
})
