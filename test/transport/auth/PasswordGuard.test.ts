import { assert, describe, it } from "@effect/vitest"
import type { LoginChecker } from "../../../src/transport/auth/LoginChecker.ts"
import { PasswordGuard, type Verdict } from "../../../src/transport/auth/PasswordGuard.ts"

/** A guard with a clock, and a checker that takes "right" and answers when the test says so. */
const harness = (isLate = false) => {
  let millis = 0
  let hashed = 0
  const late: Array<() => void> = []
  const limited: Array<string> = []
  const guard = new PasswordGuard(
    () => millis,
    (network) => limited.push(network),
  )
  const checker: LoginChecker = {
    isKnown: () => false,
    idOf: (credentials) => credentials,
    verify: (credentials, done) => {
      hashed += 1
      const answer = () => done(credentials === "right")
      if (isLate) late.push(answer)
      else answer()
    },
  }
  const ask = (credentials: string, address: string) => {
    const verdicts: Array<Verdict> = []
    const cancel = guard.check(checker, credentials, address, (verdict) => verdicts.push(verdict))
    return { cancel, verdicts }
  }
  const verdict = (credentials: string, address: string): string => {
    const [one] = ask(credentials, address).verdicts
    return typeof one === "object" ? one.code : `${one}`
  }
  return {
    guard,
    limited,
    ask,
    verdict,
    hashed: () => hashed,
    passes: (by: number) => {
      millis += by
    },
    answer: () => late.shift()?.(),
  }
}

const count = (verdicts: ReadonlyArray<string>, one: string): number =>
  verdicts.filter((verdict) => verdict === one).length

describe("guesses", () => {
  it("of one visitor are ten, then ten a minute, and cost nothing beyond", () => {
    const on = harness()
    const tries = Array.from({ length: 100 }, (_, i) => on.verdict(`guess ${i}`, "203.0.113.66"))
    assert.strictEqual(count(tries, "wrong"), 10)
    assert.strictEqual(count(tries, "PTTH_TOO_MANY_REQUESTS"), 90)
    assert.strictEqual(on.hashed(), 10)
    assert.strictEqual(on.verdict("right", "192.0.2.9"), "right")
    on.passes(6_000)
    assert.strictEqual(on.verdict("x", "203.0.113.66"), "wrong")
    assert.strictEqual(on.verdict("x", "203.0.113.66"), "PTTH_TOO_MANY_REQUESTS")
  })

  it("are over once another relay has found so, and that is told as soon as they are", () => {
    const on = harness()
    for (let i = 0; i < 9; i++) on.verdict(`guess ${i}`, "203.0.113.66")
    assert.deepStrictEqual(on.limited, [])
    on.verdict("the tenth", "203.0.113.66")
    assert.deepStrictEqual(on.limited, ["203.0.113.66"])
    const other = harness()
    other.guard.limit("203.0.113.66")
    assert.strictEqual(other.verdict("x", "203.0.113.66"), "PTTH_TOO_MANY_REQUESTS")
    assert.strictEqual(other.verdict("x", "203.0.113.67"), "wrong")
    other.passes(6_000)
    assert.strictEqual(other.verdict("x", "203.0.113.66"), "wrong")
  })

  it("are limited for an IPv6 customer with many networks", () => {
    const on = harness()
    const tries = Array.from({ length: 1_000 }, (_, i) =>
      on.verdict("guess", `2001:db8:0:${i.toString(16)}::1`),
    )
    assert.strictEqual(count(tries, "wrong"), 40)
    assert.strictEqual(on.verdict("right", "2001:db8:1::1"), "right")
  })

  it("that are right are not counted", () => {
    const on = harness()
    for (let i = 0; i < 100; i++) assert.strictEqual(on.verdict("right", "192.0.2.1"), "right")
  })

  it("of the same password at once are one check", () => {
    const on = harness(true)
    const all = Array.from({ length: 30 }, () => on.ask("right", "192.0.2.1"))
    assert.strictEqual(on.hashed(), 1)
    all[0]?.cancel()
    on.answer()
    assert.deepStrictEqual(
      all.slice(1).map(({ verdicts }) => verdicts),
      Array(29).fill(["right"]),
    )
  })

  it("of a visitor who left are not checked", () => {
    const on = harness(true)
    on.ask("a", "192.0.2.1")
    on.ask("b", "192.0.2.1")
    on.ask("c", "192.0.2.1").cancel()
    on.answer()
    on.answer()
    assert.strictEqual(on.hashed(), 2)
  })
})
