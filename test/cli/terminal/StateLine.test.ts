/**
 * The lines at the bottom of a terminal.
 */
import { assert, describe, it } from "@effect/vitest"
import * as StateLine from "../../../src/cli/terminal/StateLine.ts"
import { type TerminalStyle, widthOf } from "../../../src/cli/text/TerminalStyle.ts"

const plain: TerminalStyle = { hasColors: false, hasUnicode: true, canMove: true }

const state: StateLine.ServerState = {
  address: "https://attic.relay.example.com/",
  link: { _tag: "Connected", transport: "stream", links: 2, roundTrip: 24.3 },
  originProblem: undefined,
  isStopping: false,
  requests: 318,
  running: 2,
  bytesIn: 0,
  bytesOut: 1_200_000_000,
  notice: undefined,
  hasKeys: true,
}

const waiting: StateLine.ServerState = {
  ...state,
  link: { _tag: "Waiting", reason: "unreachable", problem: "no route", nextMillis: 3_400 },
}

const text = (change: Partial<StateLine.ServerState>, style = plain, width = 120): string =>
  StateLine.lines({ ...state, ...change }, style, width).join("\n")

describe("the lines of state", () => {
  it("show address, keys, connection and traffic", () => {
    assert.strictEqual(
      text({}),
      " https://attic.relay.example.com/   c copy · q QR · Ctrl+C stop\n" +
        " connected · stream · 2 links · 24 ms   318 requests · 2 now · 1.2 GB out",
    )
  })

  it("say why there is no connection, and when the next try is", () => {
    assert.include(text(waiting), " not connected: no route · next try in 4 s   318")
    const link = { ...waiting.link, nextMillis: 0 } as StateLine.ServerState["link"]
    assert.include(text({ link }), "no route · trying again")
    assert.include(text({ link: { _tag: "Connecting" } }), " connecting   318 requests")
  })

  it("say that the relay's administrator has to approve, and what is wrong behind the server", () => {
    const link = { ...waiting.link, reason: "refused" } as StateLine.ServerState["link"]
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

  it.each([10, 20, 34, 40, 60, 80])("fit into %s columns", (width) => {
    for (const style of [plain, { ...plain, hasColors: true }, { ...plain, hasUnicode: false }])
      for (const one of [state, waiting, { ...state, bytesIn: 5 }])
        for (const line of StateLine.lines(one, style, width)) assert.isAtMost(widthOf(line), width)
  })

  it("are ASCII only where nothing else is shown", () => {
    const ascii = { ...plain, hasUnicode: false }
    assert.match(text({}, ascii), /^[\x20-\x7e\n]+$/)
    assert.include(text({}, ascii), "connected - stream - 2 links")
  })
})
