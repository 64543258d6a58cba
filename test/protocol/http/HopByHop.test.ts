import { assert, describe, it } from "@effect/vitest"
import { HeaderList } from "../../../src/domain/HeaderList.ts"
import * as HopByHop from "../../../src/protocol/http/HopByHop.ts"

describe("hop-by-hop fields", () => {
  it("are the known ones and those that any Connection field nominates, in any case", () => {
    const kept = HopByHop.strip([
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
    assert.deepStrictEqual(kept, [
      ["Set-Cookie", "a"],
      ["Set-Cookie", "b"],
    ])
  })

  it.prop(
    "are stripped once and for all, and the rest keeps its order",
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

  it("ask for an upgrade only where Connection nominates it", () => {
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

  it("say whether the sender takes trailers", () => {
    assert.isTrue(HopByHop.takesTrailers([["TE", "gzip;q=0.5, Trailers"]]))
    assert.isFalse(HopByHop.takesTrailers([["TE", "gzip"]]))
  })
})
