/**
 * Where a server opens, moves and drops links: single decisions, and arbitrary machines and links
 * until nothing moves any more.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as LinkSpread from "../../../src/server/stream/LinkSpread.ts"

const two: LinkSpread.RelayList = { links: 2, machines: [["a.0", "a.1"], ["b.0"]] }

const link = (number: number, relay: string): LinkSpread.PlacedLink => ({ number, relay })

describe("a further link", () => {
  it("is wanted anywhere while there is none, or nothing is known", () => {
    assert.deepStrictEqual(LinkSpread.unwanted([], two), [])
    assert.deepStrictEqual(LinkSpread.unwanted([], LinkSpread.unknown), [])
    assert.deepStrictEqual(LinkSpread.unwanted(["", ""], LinkSpread.unknown), [])
  })

  it("is wanted where there is none, if only the relays of the links are known", () => {
    assert.deepStrictEqual(LinkSpread.unwanted(["a", "b", ""], LinkSpread.unknown), ["a", "b"])
  })

  it("is wanted at another machine if one has all links", () => {
    assert.sameMembers([...LinkSpread.unwanted(["a.0"], two)], ["a.0", "a.1"])
    assert.sameMembers([...LinkSpread.unwanted(["a.0", "a.1"], two)], ["a.0", "a.1"])
    assert.sameMembers([...LinkSpread.unwanted(["a.0", "b.0"], two)], ["a.0", "b.0"])
  })

  it("is wanted anywhere if all have as many", () => {
    assert.deepStrictEqual(LinkSpread.unwanted(["a.0", "a.1", "b.0"], two), [])
    assert.deepStrictEqual(LinkSpread.unwanted(["a.0", "a.0", "a.1", "b.0"], two), ["a.0"])
  })
})

describe("a link", () => {
  it("is misplaced at the one machine of all, if there is another", () => {
    assert.deepStrictEqual(
      LinkSpread.misplaced([link(0, "a.0"), link(1, "a.1")], two),
      link(1, "a.1"),
    )
    assert.deepStrictEqual(
      LinkSpread.misplaced([link(4, "b.0"), link(3, "b.0")], two),
      link(4, "b.0"),
    )
  })

  it("is misplaced at a machine that has two more than one with a relay without any", () => {
    const three: LinkSpread.RelayList = {
      links: 4,
      machines: [
        ["a.0", "a.1"],
        ["b.0", "b.1"],
        ["c.0", "c.1"],
      ],
    }
    const links = [link(0, "a.0"), link(1, "b.1"), link(2, "a.1"), link(3, "b.0")]
    assert.deepStrictEqual(LinkSpread.misplaced(links, three), link(3, "b.0"))
    const others = links.slice(0, 3).map(({ relay }) => relay)
    assert.sameMembers(
      ["c.0", "c.1"],
      three.machines.flat().filter((id) => !LinkSpread.unwanted(others, three).includes(id)),
    )
    assert.isUndefined(LinkSpread.misplaced([...links.slice(0, 3), link(4, "c.0")], three))
  })

  it("is misplaced at a relay that has two more than another", () => {
    const links = [link(0, "a.0"), link(1, "a.0"), link(2, "b.0")]
    assert.deepStrictEqual(LinkSpread.misplaced(links, two), link(1, "a.0"))
  })

  it("is well placed alone, at a relay that is not listed, and where no place is better", () => {
    assert.isUndefined(LinkSpread.misplaced([link(0, "a.0")], two))
    assert.isUndefined(LinkSpread.misplaced([link(0, "a.0"), link(1, "c")], two))
    assert.isUndefined(LinkSpread.misplaced([link(0, "a.0"), link(1, "b.0")], two))
    const one: LinkSpread.RelayList = { links: 1, machines: [["a"]] }
    assert.isUndefined(LinkSpread.misplaced([link(0, "a"), link(1, "a")], one))
    assert.isUndefined(LinkSpread.misplaced([link(0, ""), link(1, "")], LinkSpread.unknown))
  })
})

describe("a machine", () => {
  it("is new if none of its relays was there, and others were", () => {
    const now: LinkSpread.RelayList = { links: 2, machines: [["a.1"], ["b.0"], ["c.0"]] }
    assert.deepStrictEqual(LinkSpread.newMachine(two, now), ["c.0"])
    assert.isUndefined(LinkSpread.newMachine(two, two))
    assert.isUndefined(LinkSpread.newMachine(LinkSpread.unknown, two))
  })
})

describe("lists of relays that cannot reach each other", () => {
  it("count together", () => {
    assert.deepStrictEqual(
      LinkSpread.union([
        { links: 1, machines: [["a.0"]] },
        { links: 3, machines: [["b.0"], ["a.1", "a.0"]] },
      ]),
      { links: 3, machines: [["a.0", "a.1"], ["b.0"]] },
    )
    assert.deepStrictEqual(LinkSpread.union([]), LinkSpread.unknown)
  })

  it("ask for no more links than a server may have", () => {
    assert.strictEqual(LinkSpread.union([{ links: 100_000, machines: [] }]).links, 64)
  })
})

/** How many relays each machine has, and the places of links as indexes into all relays. */
const Machines = Schema.NonEmptyArray(
  Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 4 })),
)
const Places = Schema.Array(Schema.Natural).check(Schema.isMaxLength(8))

const relaysOf = (sizes: ReadonlyArray<number>): LinkSpread.RelayList => ({
  links: 4,
  machines: sizes.map((size, machine) =>
    Array.from({ length: size }, (_, worker) => `${machine}.${worker}`),
  ) as never,
})

describe("whatever relays and links there are", () => {
  it.prop("some relay accepts a further link", [Machines, Places], ([sizes, places]) => {
    const relays = relaysOf(sizes)
    const all = relays.machines.flat()
    const others = places.map((place) => all[place % all.length] as string)
    const unwanted = LinkSpread.unwanted(others, relays)
    assert.isTrue(all.some((id) => !unwanted.includes(id)))
  })

  it.prop(
    "links are well placed after at most as many moves as there are links",
    [Machines, Places],
    ([sizes, places]) => {
      const relays = relaysOf(sizes)
      const all = relays.machines.flat()
      const links = places.map((place, i) => link(i, all[place % all.length] as string))
      for (let moves = 0; moves <= places.length; moves++) {
        const moved = LinkSpread.misplaced(links, relays)
        if (moved === undefined) break
        assert.isBelow(moves, places.length)
        const at = links.indexOf(moved)
        links.splice(at, 1)
        const unwanted = LinkSpread.unwanted(
          links.map(({ relay }) => relay),
          relays,
        )
        links.push(link(100 + moves, all.find((id) => !unwanted.includes(id)) as string))
      }
      const ids = links.map(({ relay }) => relay)
      const counts = all.map((id) => ids.filter((other) => other === id).length)
      assert.isAtMost(Math.max(...counts) - Math.min(...counts), 1)
      const machines = new Set(ids.map((id) => id.split(".")[0]))
      assert.isAtLeast(machines.size, Math.min(2, sizes.length, links.length))
    },
    { arbitrary: { runs: 500 } },
  )
})
