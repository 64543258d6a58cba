import { assert, describe, it } from "@effect/vitest"
import { networksOf } from "../../../src/domain/visitor/VisitorAddress.ts"
import { maxWaiting, PasswordQueue } from "../../../src/transport/auth/PasswordQueue.ts"

/** A queue whose checks end when the test says so. */
const harness = () => {
  const queue = new PasswordQueue(() => 0)
  const running: Array<{ readonly who: string; readonly leave: () => void }> = []
  const dropped: Array<string> = []
  const started: Array<string> = []
  const ask = (address: string, who = address) =>
    queue.enter(
      networksOf(address),
      (leave) => {
        started.push(who)
        running.push({ who, leave })
      },
      () => dropped.push(who),
    )
  const end = () => running.shift()?.leave()
  return { ask, dropped, end, queue, running, started }
}

describe("password checks", () => {
  it("are two at once", () => {
    const on = harness()
    for (let i = 0; i < 5; i++) on.ask("192.0.2.1", `${i}`)
    assert.deepStrictEqual(on.started, ["0", "1"])
    on.end()
    assert.deepStrictEqual(on.started, ["0", "1", "2"])
  })

  it.each([
    ["one address", () => "203.0.113.66"],
    ["all addresses of an IPv6 /48", (i: number) => `2001:db8:0:${i.toString(16)}::1`],
    ["forty addresses", (i: number) => `203.0.113.${i % 40}`],
  ])("of somebody new come before those that %s asked for again and again", (_, addressOf) => {
    const on = harness()
    for (let i = 0; i < 500; i++) on.ask(addressOf(i), "guess")
    assert.strictEqual(on.dropped.length, 500 - 2 - maxWaiting)
    on.ask("192.0.2.9", "honest")
    on.end()
    if (on.started.at(-1) !== "honest") for (let i = 0; i < 40; i++) on.end()
    assert.include(on.started, "honest")
    assert.notInclude(on.dropped, "honest")
  })

  it("of an address from which a password was right come before all others", () => {
    const on = harness()
    on.queue.welcome(networksOf("192.0.2.9"))
    for (let i = 0; i < 80; i++) on.ask(`10.${i}.0.1`, "guess")
    for (let i = 0; i < 3; i++) on.ask("192.0.2.9", "honest")
    for (let i = 0; i < 3; i++) on.end()
    assert.deepStrictEqual(on.started, ["guess", "guess", "honest", "honest", "honest"])
    assert.notInclude(on.dropped, "honest")
  })

  it("of a new address wait for those that wait already at most, whoever comes later", () => {
    const on = harness()
    for (let i = 0; i < 40; i++) on.ask(`10.${i}.0.1`, "guess")
    on.ask("192.0.2.9", "honest")
    for (let i = 40; i < 200; i++) on.ask(`10.${i}.0.1`, "guess")
    for (let i = 0; i < 39; i++) on.end()
    assert.strictEqual(on.started.at(-1), "honest")
  })

  it("that nobody waits for any more leave their place", () => {
    const on = harness()
    on.ask("192.0.2.1")
    on.ask("192.0.2.1")
    const remove = on.ask("192.0.2.1", "left")
    on.ask("192.0.2.2", "next")
    assert.isTrue(remove())
    assert.isFalse(remove())
    on.end()
    on.end()
    assert.deepStrictEqual(on.started.slice(2), ["next"])
  })
})
