import { assert, describe, it } from "@effect/vitest"
import { tripcodeOfText } from "../../../src/domain/ApiKey.ts"
import type { ServerName } from "../../../src/domain/ServerName.ts"
import {
  maxNew,
  maxOfAddress,
  maxStrangers,
  Strangers,
  windowMillis,
} from "../../../src/relay/registry/Strangers.ts"

const tripcode = tripcodeOfText("a key")
const name = (text: string): ServerName => text as ServerName

const namesOf = (strangers: Strangers): ReadonlyArray<string> =>
  strangers.all().map((one) => one.name)

describe("servers that are not registered", () => {
  it("keep when they were first seen, and are told apart by name and key", () => {
    const strangers = new Strangers()
    assert.strictEqual(strangers.remember(name("a"), tripcode, "192.0.2.1", 1), "new")
    assert.strictEqual(strangers.remember(name("a"), tripcode, "192.0.2.2", 5), "again")
    assert.strictEqual(strangers.remember(name("a"), tripcodeOfText("b"), "192.0.2.3", 6), "new")
    assert.deepStrictEqual(
      strangers.all().map(({ address, firstSeen, lastSeen }) => [address, firstSeen, lastSeen]),
      [
        ["192.0.2.2", 1, 5],
        ["192.0.2.3", 6, 6],
      ],
    )
  })

  it("are at most so many, and who was not seen for the longest time goes", () => {
    const strangers = new Strangers()
    for (let i = 0; i < maxStrangers; i++) {
      strangers.remember(name(`s${i}`), tripcode, `10.0.${i >> 8}.${i & 255}`, i)
    }
    strangers.remember(name("s0"), tripcode, "10.0.0.0", maxStrangers)
    strangers.remember(name("new"), tripcode, "10.9.0.0", maxStrangers)
    const names = namesOf(strangers)
    assert.strictEqual(names.length, maxStrangers)
    assert.notInclude(names, "s1")
    assert.deepStrictEqual(names.slice(-2), ["s0", "new"])
  })

  it("are at most so many of one address, so that it cannot push the others out", () => {
    const strangers = new Strangers()
    strangers.remember(name("other"), tripcode, "192.0.2.1", 0)
    let at = 0
    for (let i = 0; i < 2 * maxStrangers; i++) {
      if (i % maxNew === 0) at += windowMillis
      strangers.remember(name(`s${i}`), tripcode, "192.0.2.2", at)
    }
    assert.strictEqual(strangers.all().length, maxOfAddress + 1)
    assert.include(namesOf(strangers), "other")
    assert.include(namesOf(strangers), `s${2 * maxStrangers - 1}`)
  })

  it.each([
    ["192.0.2.2", "192.0.2.2"],
    ["2001:db8::1", "2001:db8::ffff:2"],
  ])("are so many new ones in a minute of %s and %s, which is told once", (one, another) => {
    const strangers = new Strangers()
    const knock = (i: number, at: number) =>
      strangers.remember(name(`s${i}`), tripcode, i % 2 === 0 ? one : another, at)
    for (let i = 0; i < maxNew; i++) assert.strictEqual(knock(i, 0), "new")
    assert.strictEqual(knock(maxNew, 1), "too many")
    assert.strictEqual(knock(maxNew + 1, 1), "far too many")
    assert.strictEqual(knock(0, 2), "again")
    assert.strictEqual(strangers.remember(name("x"), tripcode, "198.51.100.1", 2), "new")
    assert.strictEqual(knock(maxNew, windowMillis), "new")
  })

  it.each([
    ["one /48 that knocks from all its /64s", (i: number) => `2001:db8:0:${i.toString(16)}::1`],
    ["a provider's /32", (i: number) => `2001:db8:${i.toString(16)}::1`],
    ["an IPv4 /16", (i: number) => `198.18.${i >> 8}.${i & 255}`],
  ])("cannot be pushed out by %s", (_, addressOf) => {
    const strangers = new Strangers()
    strangers.remember(name("waits"), tripcode, "203.0.113.7", 0)
    for (let i = 0; i < 3 * maxStrangers; i++)
      strangers.remember(name(`s${i}`), tripcode, addressOf(i), i * 1_000)
    assert.isAbove(strangers.all().length, 900)
    assert.include(namesOf(strangers), "waits")
  })

  it("are recorded from a new address while a /48 is over its limit", () => {
    const strangers = new Strangers()
    for (let i = 0; i < 20_000; i++)
      strangers.remember(name(`s${i}`), tripcode, `2001:db8:0:${(i >> 1).toString(16)}::1`, 0)
    assert.isAtMost(strangers.all().length, 4 * maxNew)
    assert.strictEqual(strangers.remember(name("new"), tripcode, "2001:db8:1::1", 0), "new")
    assert.strictEqual(strangers.remember(name("new"), tripcode, "192.0.2.9", 0), "again")
  })

  it("stay hidden once they are ignored", () => {
    const strangers = new Strangers()
    assert.isFalse(strangers.ignore("a", tripcode))
    strangers.remember(name("a"), tripcode, "192.0.2.1", 0)
    assert.isTrue(strangers.ignore("a", tripcode))
    strangers.remember(name("a"), tripcode, "192.0.2.1", 1)
    assert.deepStrictEqual(
      strangers.all().map(({ ignored }) => ignored),
      [true],
    )
  })
})
