import { assert, describe, it } from "@effect/vitest"
import { HeaderList } from "../../../src/domain/HeaderList.ts"
import * as HopByHop from "../../../src/protocol/http/HopByHop.ts"

describe("hop-by-hop fields", () => {
  it("are connection fields and those that a Connection field names, in any case", () => {
    const stripped = HopByHop.strip([
      ["Connection", "close, X-Forwarded-Host"],
      ["connection", "Secret"],
      ["X-Forwarded-Host", "trusted"],
      ["SECRET", "x"],
      ["Keep-Alive", "5"],
      ["TE", "gzip"],
      ["Transfer-Encoding", "chunked"],
      ["Upgrade", "websocket"],
      ["Proxy-Authorization", "x"],
      ["Proxy-Authenticate", "x"],
      ["Proxy-Connection", "x"],
      ["Set-Cookie", "a"],
      ["Set-Cookie", "b"],
    ])
    assert.deepStrictEqual(stripped, [
      ["Set-Cookie", "a"],
      ["Set-Cookie", "b"],
    ])
  })

  it("never include Host, whatever Connection names", () => {
    assert.deepStrictEqual(
      HopByHop.strip([
        ["Host", "a.example"],
        ["Connection", "close, Host, X"],
        ["X", "y"],
      ]),
      [["Host", "a.example"]],
    )
  })

  it.prop(
    "are all stripped at once, and the others keep their order",
    [HeaderList],
    ([headers]) => {
      const once = HopByHop.strip(headers)
      assert.deepStrictEqual(HopByHop.strip(once), once)
      let at = 0
      for (const header of once) {
        at = headers.indexOf(header, at) + 1
        assert.isAbove(at, 0)
      }
    },
  )

  it("keep Upgrade in a 426, and in no other response", () => {
    const fields = [
      ["Connection", "Upgrade, X"],
      ["Upgrade", "a"],
      ["X", "y"],
      ["Upgrade", "b"],
    ] as const
    assert.deepStrictEqual(HopByHop.stripResponse(200, fields), [])
    assert.deepStrictEqual(HopByHop.stripResponse(426, fields), [
      ["Upgrade", "a"],
      ["Upgrade", "b"],
    ])
  })

  it("ask for an upgrade only if Connection names it", () => {
    assert.strictEqual(
      HopByHop.upgradeOf([
        ["Connection", "keep-alive, Upgrade"],
        ["Upgrade", "websocket"],
      ]),
      "websocket",
    )
    assert.isUndefined(HopByHop.upgradeOf([["Upgrade", "websocket"]]))
    assert.isUndefined(HopByHop.upgradeOf([["Connection", "upgrade"]]))
  })

  it("ask for no upgrade to HTTP/2, also beside other protocols", () => {
    const asked = (...values: ReadonlyArray<string>) =>
      HopByHop.upgradeOf([
        ["Connection", "Upgrade, HTTP2-Settings"],
        ...values.map((value) => ["Upgrade", value] as const),
      ])
    for (const values of [["h2c"], ["H2C"], ["h2c", "h2c"], ["h2c, h2"], ["h2c,"], [""]])
      assert.isUndefined(asked(...values), values.join(" | "))
    assert.strictEqual(asked("websocket, h2c"), "websocket")
    assert.strictEqual(asked("h2c", "WebSocket", "tcp"), "WebSocket, tcp")
  })

  it("say whether the sender accepts trailers", () => {
    assert.isTrue(HopByHop.takesTrailers([["TE", "gzip;q=0.5, Trailers"]]))
    assert.isFalse(HopByHop.takesTrailers([["TE", "gzip"]]))
  })
})
