/**
 * The state of a server's connection, as its owner sees it.
 */
import { assert, it } from "@effect/vitest"
import { ListenError } from "../../../src/server/uplink/ListenError.ts"
import { type UplinkState, UplinkWatch } from "../../../src/server/uplink/UplinkState.ts"

const unreachable = new ListenError({ reason: "unreachable", detail: "no route" })

const setting = () => {
  let time = 0
  let read: () => UplinkState = () => ({ _tag: "Connecting" })
  let changes = 0
  const watch = new UplinkWatch(
    () => time,
    (next) => {
      read = next
      changes += 1
    },
  )
  return {
    watch,
    state: () => read(),
    changes: () => changes,
    wait: (millis: number) => {
      time += millis
    },
  }
}

it("counts the links, with the shortest way to the relay and back", () => {
  const { state, watch } = setting()
  assert.deepStrictEqual(state(), { _tag: "Connecting" })
  const links = [
    { roundTrip: 30, active: 0 },
    { roundTrip: 24, active: 0 },
  ] as const
  for (const link of links) {
    watch.opened(link)
    watch.connected("stream")
  }
  assert.deepStrictEqual(state(), {
    _tag: "Connected",
    transport: "stream",
    links: 2,
    roundTrip: 24,
  })
  watch.closed(links[1])
  assert.deepInclude(state(), { links: 1, roundTrip: 30 })
})

it("is connected while one link is left, whatever becomes of others", () => {
  const { state, watch } = setting()
  const link = { roundTrip: 1, active: 0 }
  watch.opened(link)
  watch.connected("stream")
  watch.failed(unreachable, 5_000)
  assert.strictEqual(state()._tag, "Connected")
  watch.closed(link)
  assert.strictEqual(state()._tag, "Connecting")
})

it("says what is wrong, and when the next attempt is", () => {
  const { state, wait, watch } = setting()
  watch.failed(unreachable, 4_000)
  const waiting = { _tag: "Waiting", reason: "unreachable", problem: "no route" } as const
  assert.deepStrictEqual(state(), { ...waiting, nextMillis: 4_000 })
  wait(1_500)
  assert.deepStrictEqual(state(), { ...waiting, nextMillis: 2_500 })
  wait(9_000)
  assert.deepStrictEqual(state(), { ...waiting, nextMillis: 0 })
})

it("tells of classic once, not with each of its requests", () => {
  const { changes, state, watch } = setting()
  watch.connected("classic 2")
  const before = changes()
  watch.connected("classic 2")
  assert.strictEqual(changes(), before)
  assert.deepStrictEqual(state(), {
    _tag: "Connected",
    transport: "classic 2",
    links: undefined,
    roundTrip: undefined,
  })
})
