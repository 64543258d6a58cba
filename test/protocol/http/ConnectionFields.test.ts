import { assert, describe, it } from "@effect/vitest"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import { allExcept, connectionFields, only } from "../../../src/protocol/http/ConnectionFields.ts"
import * as HopByHop from "../../../src/protocol/http/HopByHop.ts"
import { recognise } from "../../../src/protocol/http/PlainRequest.ts"
import { passable } from "../../../src/protocol/http/Trailers.ts"

describe("connection fields", () => {
  it("are those of RFC 9110 7.6.1", () => {
    assert.sameMembers(
      [...connectionFields],
      [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "transfer-encoding",
        "upgrade",
      ],
    )
  })

  for (const name of connectionFields) {
    const field: HeaderList = [[name.toUpperCase(), "x"]]

    it(`${name} does not cross the tunnel, in a head or in trailers`, () => {
      assert.deepStrictEqual(HopByHop.strip(field), [])
      assert.deepStrictEqual(passable(field), [])
    })

    it(`${name} makes a request one for Node's parser`, () => {
      const head = `GET / HTTP/1.1\r\nHost: a\r\n${name}: x\r\n\r\n`
      assert.isUndefined(recognise(Buffer.from(head)))
    })
  }

  it("can be narrowed and extended", () => {
    assert.isFalse(allExcept(["upgrade"]).has("upgrade"))
    assert.strictEqual(allExcept(["upgrade"], ["expect"]).size, connectionFields.size)
    assert.deepStrictEqual([...only(["te"], ["expect"])], ["te", "expect"])
  })
})
