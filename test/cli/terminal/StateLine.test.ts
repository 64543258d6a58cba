/**
 * The lines at the bottom of a terminal.
 */
import { assert, describe, it } from "@effect/vitest"
import type { ServiceState } from "../../../src/cli/terminal/ServiceList.ts"
import * as StateLine from "../../../src/cli/terminal/StateLine.ts"
import { type TerminalStyle, widthOf } from "../../../src/cli/text/TerminalStyle.ts"
import type { UplinkState } from "../../../src/server/uplink/UplinkState.ts"

const plain: TerminalStyle = { hasColors: false, hasUnicode: true, canMove: true }

const attic: ServiceState = {
  name: "attic",
  address: "https://attic.relay.example.com/",
  link: { _tag: "Connected", transport: "stream", links: 2, roundTrip: 24.3 },
  originProblem: undefined,
}

const state: StateLine.ServerState = {
  services: [attic],
  selected: 0,
  mostServices: 8,
  isStopping: false,
  requests: 318,
  running: 2,
  bytesIn: 0,
  bytesOut: 1_200_000_000,
  notice: undefined,
  hasKeys: true,
}

const noRoute: UplinkState = {
  _tag: "Waiting",
  reason: "unreachable",
  problem: "no route",
  nextMillis: 3_400,
}

const waiting: StateLine.ServerState = { ...state, services: [{ ...attic, link: noRoute }] }

const shop: ServiceState = { ...attic, name: "shop", address: "https://shop.relay.example.com/" }

const several: StateLine.ServerState = { ...state, services: [attic, shop] }

const severalWaiting: StateLine.ServerState = {
  ...several,
  services: [{ ...attic, link: noRoute, originProblem: "nothing answers" }, shop],
  mostServices: 1,
}

type Change = Partial<StateLine.ServerState & ServiceState>

const text = (change: Change, style = plain, width = 120): string => {
  const services = change.services ?? [{ ...attic, ...change }]
  return StateLine.lines({ ...state, ...change, services }, style, width).join("\n")
}

describe("the lines of state", () => {
  it("show address, keys, connection and traffic", () => {
    assert.strictEqual(
      text({}),
      " https://attic.relay.example.com/   c copy · q QR · Ctrl+C stop\n" +
        " connected · stream · 2 links · 24 ms   318 requests · 2 now · 1.2 GB out",
    )
  })

  it("say why there is no connection, and when the next try is", () => {
    assert.include(text({ link: noRoute }), " not connected: no route · next try in 4 s   318")
    const now = { ...noRoute, nextMillis: 0 }
    assert.include(text({ link: now }), "no route · trying again")
    assert.include(text({ link: { _tag: "Connecting" } }), " connecting   318 requests")
  })

  it("say that the relay's administrator has to approve, and what is wrong behind the server", () => {
    const link: UplinkState = { ...noRoute, reason: "refused" }
    assert.include(text({ link }), " waiting for approval")
    assert.include(text({ originProblem: "nothing answers at localhost:3000" }), "24 ms · nothing")
    assert.include(text({ isStopping: true }), " stopping: waiting for 2 requests")
  })

  it("of a server that is reached directly say that it serves", () => {
    assert.include(
      text({ link: undefined, running: 0, requests: 1 }),
      " serving   1 request · 1.2 GB",
    )
  })

  it("of several names have one for each, with what is wrong with it, and the keys for the selected one", () => {
    assert.strictEqual(
      text({ ...several, selected: 1 }),
      "   attic  https://attic.relay.example.com/\n" +
        " ▸ shop   https://shop.relay.example.com/   Tab next · c copy · q QR\n" +
        " connected · stream · 2 links · 24 ms   318 requests · 2 now · 1.2 GB out",
    )
    const services = [
      { ...attic, originProblem: "nothing answers at localhost:3000" },
      { ...shop, address: undefined, link: { ...noRoute, reason: "refused" } as const },
    ]
    const lines = text({ services, hasKeys: false }).split("\n")
    assert.strictEqual(
      lines[0],
      " ▸ attic  https://attic.relay.example.com/   nothing answers at localhost:3000",
    )
    assert.strictEqual(lines[1], "   shop   waiting for approval")
  })

  it("of too many names show those around the selected one", () => {
    const services = Array.from({ length: 9 }, (_, index) => ({ ...attic, name: `n${index}` }))
    const names = (selected: number) =>
      text({ services, selected, mostServices: 4 }).match(/\bn\d|and \d more/g)
    assert.deepStrictEqual(names(0), ["n0", "n1", "n2", "and 6 more"])
    assert.deepStrictEqual(names(5), ["n3", "n4", "n5", "and 6 more"])
    assert.deepStrictEqual(names(8), ["n6", "n7", "n8", "and 6 more"])
  })

  it.each([10, 20, 34, 40, 60, 80])("fit into %s columns", (width) => {
    for (const style of [plain, { ...plain, hasColors: true }, { ...plain, hasUnicode: false }])
      for (const one of [state, waiting, several, severalWaiting, { ...state, bytesIn: 5 }])
        for (const line of StateLine.lines(one, style, width)) assert.isAtMost(widthOf(line), width)
  })

  it("are ASCII only where nothing else is shown", () => {
    const ascii = { ...plain, hasUnicode: false }
    assert.match(text({}, ascii), /^[\x20-\x7e\n]+$/)
    assert.include(text({}, ascii), "connected - stream - 2 links")
    assert.match(text(several, ascii), /^[\x20-\x7e\n]+$/)
  })
})
