/** The fields with which a server opens a link, and those of the relay's answer. */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as LinkOpening from "../../src/protocol/LinkOpening.ts"
import { maxHave, maxLinks } from "../../src/protocol/Wire.ts"

describe("the headers of a link's opening", () => {
  it("name the process, the number of the link and the relays that are not to accept it", () => {
    const headers = {
      host: "relay",
      "x-ptth-instance": "a",
      "x-ptth-link": "3",
      "x-ptth-have": "one.0,two",
    }
    assert.deepStrictEqual(LinkOpening.decode(headers), {
      instance: "a",
      link: "3",
      have: ["one.0", "two"],
    })
  })

  it("may be missing, as those of an older server are", () => {
    assert.deepStrictEqual(LinkOpening.decode({}), { instance: "", link: "0", have: [] })
  })

  it("count only as far as the limits", () => {
    const { have, instance, link } = LinkOpening.decode({
      "x-ptth-instance": "i".repeat(65),
      "x-ptth-link": "123456789",
      "x-ptth-have": Array.from({ length: maxHave + 1 }, (_, i) => `relay.${i}`).join(","),
    })
    assert.strictEqual(instance, "i".repeat(64))
    assert.strictEqual(link, "12345678")
    assert.strictEqual(have.length, maxHave)
  })

  it("count without what is no id of a relay", () => {
    const { have } = LinkOpening.decode({ "x-ptth-have": ", one ,a b,,two,\u00e9" })
    assert.deepStrictEqual(have, ["one", "two"])
  })

  it.prop("are read back as they were written", [LinkOpening.LinkOpening], ([opening]) => {
    const headers = Schema.encodeSync(LinkOpening.LinkOpening)(opening)
    assert.deepStrictEqual(LinkOpening.decode(headers), opening)
  })
})

describe("the headers of its answer", () => {
  it("name the relay, and over how many relays links are spread", () => {
    assert.deepStrictEqual(
      LinkOpening.decodeAnswer({ "x-ptth-relay": "one.0", "x-ptth-links": "4" }),
      { relay: "one.0", links: 4 },
    )
  })

  it("may be missing, as those of an older relay are", () => {
    assert.deepStrictEqual(LinkOpening.decodeAnswer({}), { relay: "", links: 0 })
  })

  it("count as missing if they are illegal, and only as far as the limit", () => {
    for (const links of ["0", "-1", "two", "1e3", "99999", ""])
      assert.strictEqual(LinkOpening.decodeAnswer({ "x-ptth-links": links }).links, 0, links)
    for (const relay of ["", "a b", "a,b", "a".repeat(81)])
      assert.strictEqual(LinkOpening.decodeAnswer({ "x-ptth-relay": relay }).relay, "", relay)
    assert.strictEqual(LinkOpening.decodeAnswer({ "x-ptth-links": "9999" }).links, maxLinks)
  })

  it.prop("are read back as they were written", [LinkOpening.LinkAnswer], ([answer]) => {
    const headers = Schema.encodeSync(LinkOpening.LinkAnswer)(answer)
    assert.deepStrictEqual(LinkOpening.decodeAnswer(headers), answer)
  })
})
