import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as LinkOpening from "../../src/protocol/LinkOpening.ts"

describe("the headers of a link's opening", () => {
  it("name the process and the number of the link", () => {
    assert.deepStrictEqual(
      LinkOpening.decode({ host: "relay", "x-ptth-instance": "a", "x-ptth-link": "3" }),
      { instance: "a", link: "3" },
    )
  })

  it("may be missing", () => {
    assert.deepStrictEqual(LinkOpening.decode({}), { instance: "", link: "0" })
  })

  it("count only as far as the limits", () => {
    const { instance, link } = LinkOpening.decode({
      "x-ptth-instance": "i".repeat(65),
      "x-ptth-link": "123456789",
    })
    assert.strictEqual(instance, "i".repeat(64))
    assert.strictEqual(link, "12345678")
  })

  it.prop("are read back as they were written", [LinkOpening.LinkOpening], ([opening]) => {
    const headers = Schema.encodeSync(LinkOpening.LinkOpening)(opening)
    assert.deepStrictEqual(LinkOpening.decode(headers), opening)
  })
})
